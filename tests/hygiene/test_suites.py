"""Syntax tests that other projects keep, against the filter: one row, one outcome."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bench.hygiene.rows import unescape
from hygiene.case import Facts
from hygiene.judge import judge
from hygiene.verdict import Category

SUITES = Path(__file__).parent / "suites"

NAMES = {"isemail": 160, "email-validator": 140, "hapi-address": 220}
"""Each suite, and a number of rows that its file must not fall below."""

REASONS = {
    "quoted": "A quoted local part is valid in RFC 5321, but no provider hands one out "
    "and most senders' systems refuse it; in a form it is a slip or an attack.",
    "literal": "An address literal is valid in RFC 5321; a form wants a domain that "
    "others can send to as well.",
    "display-name": "A name before the address is for a header, not for a form field.",
    "one-label": "No registry's bare ending takes mail from the outside (RFC 7085).",
    "numeric": "No top-level domain is a number, so this is an IP address without its "
    "brackets.",
    "idna-2008": "Emoji in domains are not registered since IDNA 2008 (RFC 5892).",
    "blanks": "Blanks around an address come from pasting and are dropped.",
    "reserved": "It can be read, and a later rule says that the name is reserved.",
}
"""Why the filter differs from a suite; every reason of the table stands here."""


def table(name: str, fields: int) -> list[tuple[str, ...]]:
    text = (SUITES / f"{name}.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.split("\n") if line[:1] not in {"", "#"}]
    assert all(len(row) == fields for row in rows)
    return [(*row[:-1], unescape(row[-1])) for row in rows]


ROWS = [(name, *row) for name in NAMES for row in table(name, 3)]
DIFFERENT = {
    (suite, address): (reason, outcome)
    for suite, reason, outcome, address in table("disagreements", 4)
}


@pytest.mark.parametrize(("suite", "expected", "test", "address"), ROWS)
def test_the_suites_rows(
    facts: Facts, suite: str, expected: str, test: str, address: str
) -> None:
    verdict = judge(address, facts=facts)
    parsed = verdict.category is not Category.SYNTAX
    different = DIFFERENT.get((suite, address))
    if different is not None:
        assert parsed == (different[1] == "parsed")
        assert parsed != (expected == "valid"), "no disagreement any more"
    elif expected == "reserved":
        assert verdict.category in {Category.SYNTAX, Category.BOT}
    else:
        assert parsed == (expected == "valid"), verdict.evidence


def test_the_suites_are_whole() -> None:
    rows = Counter(suite for suite, *_ in ROWS)
    assert rows.keys() == NAMES.keys()
    for suite, least in NAMES.items():
        assert rows[suite] >= least
    for suite in NAMES:
        expected = {row[1] for row in ROWS if row[0] == suite}
        assert expected >= {"valid", "invalid"}


def test_every_disagreement_is_of_a_row_and_has_a_reason() -> None:
    assert DIFFERENT.keys() <= {(suite, address) for suite, _, _, address in ROWS}
    assert {reason for reason, _ in DIFFERENT.values()} == REASONS.keys()
    assert len(DIFFERENT) < len(ROWS) / 8


@pytest.mark.parametrize(
    "address", ["я" * 33 + "@почта.рф", "é" * 33 + "@caf.fr", "😀" * 17 + "@acme.com"]
)
def test_the_limit_of_the_local_part_is_in_octets(facts: Facts, address: str) -> None:
    verdict = judge(address, facts=facts)
    assert (verdict.category, verdict.rule) == (Category.SYNTAX, "local-too-long")
    assert judge(address[1:], facts=facts).category is not Category.SYNTAX
