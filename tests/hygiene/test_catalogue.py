from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from hygiene import rules
from hygiene.catalogue import RULES, explain
from hygiene.judge import judge
from hygiene.verdict import Category

from .test_categories import ROWS


def findings_in_the_source() -> set[str]:
    """Every rule name that some rule module can put into a finding."""
    found: set[str] = set()
    for path in Path(inspect.getfile(rules)).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="_finding"), args=[name, *_]):
                    pass
                case ast.Call(func=ast.Name(id="Finding"), args=[_, name, *_]):
                    pass
                case ast.Return(value=ast.Constant() as name) if path.stem == "syntax":
                    pass
                case _:
                    continue
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                found.add(name.value)
    return found - {""}


def test_every_rule_in_the_source_is_explained() -> None:
    found = findings_in_the_source()
    assert len(found) > 50
    assert found - {rule for _, rule in RULES} == set()


def test_every_explained_rule_exists() -> None:
    known = findings_in_the_source() | {"", "srs", "batv", "verp"}
    known |= {"unsubscribed", "complained", "bounced", "trap", "admin"}
    known |= {"parent-domain", "wide-domain", "wide-parent-domain"}
    known |= {"no-mail-host", "mail-host"}
    known |= {"address", "domain", "allowed-address", "allowed-domain", "mask"}
    assert {rule for _, rule in RULES} - known == set()


@pytest.mark.parametrize(("category", "address", "rule"), ROWS)
def test_every_verdict_of_the_tables_is_explained(
    facts, category: str, address: str, rule: str
) -> None:
    verdict = judge(address, facts=facts)
    for finding in (verdict.finding, *verdict.also):
        assert explain(finding.category, finding.rule)


@pytest.mark.parametrize(("key", "explanation"), RULES.items())
def test_explanations_are_sentences(key, explanation) -> None:
    for sentence in (explanation.what, explanation.todo):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert len(sentence) < 90


def test_every_category_has_an_explanation() -> None:
    assert {category for category, _ in RULES} == set(Category)


def test_an_unknown_rule_is_a_bug() -> None:
    with pytest.raises(KeyError):
        explain(Category.BOT, "nonsense")
