"""Every registered adapter is proven, and nothing else pretends to be one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations.adapters import ADAPTERS, adapter_class, build
from integrations.adapters.base import Adapter, Incoming
from integrations.adapters.declare import Credential
from integrations.adapters.errors import NotSupported
from tests.integrations.adapters.proofs import test_classes
from tests.integrations.conformance import AdapterConformance
from tests.integrations.contract import AdapterContract

PROVEN = {case.adapter for case in test_classes(AdapterConformance)}
CHECKED = {case.adapter for case in test_classes(AdapterContract)}
SECRETS = re.compile("key|secret|token|password")
ROOT = Path(__file__).resolve().parents[3]
ENGLISH = {"copper", "drip", "ghost", "kit"}  # words that a sentence may hold
OURS = {"webhook"}  # its protocol is defined by us, in its own module


def test_every_registered_adapter_is_proven() -> None:
    assert set(ADAPTERS.values()) == PROVEN


def test_every_request_is_checked_against_something() -> None:
    assert {slug for slug, a in ADAPTERS.items() if a not in CHECKED} == OURS


@pytest.mark.parametrize("slug", ADAPTERS)
def test_is_found_and_built_by_its_slug(slug: str) -> None:
    assert adapter_class(slug).slug == slug
    adapter = build(slug, {}, "http://127.0.0.1:9/here/")
    assert isinstance(adapter, adapter_class(slug))
    assert adapter.base_url_override == "http://127.0.0.1:9/here"


def test_an_unknown_slug_is_refused() -> None:
    with pytest.raises(KeyError):
        build("nobody", {})


@pytest.mark.parametrize("slug", ADAPTERS)
def test_what_is_not_supported_says_so(slug: str) -> None:
    adapter = build(slug, {})
    calls = {
        "fields": lambda: adapter.fields("a"),
        "poll": lambda: adapter.poll("job", [], "a"),
        "subscriptions": lambda: adapter.subscriptions([], "a"),
        "changes": lambda: adapter.changes("a", ""),
        "webhook": lambda: adapter.webhook(Incoming(method="POST", url="")),
        "add_webhook": lambda: adapter.add_webhook("https://x.example/", "a"),
        "remove_webhook": lambda: adapter.remove_webhook("1", "a"),
        "sub_accounts": adapter.sub_accounts,
        "unsubscribe": lambda: adapter.unsubscribe([], "a"),
        "erase": lambda: adapter.erase("a@x.org"),
    }
    for name in calls.keys() - adapter.supports:
        with pytest.raises(NotSupported):
            calls[name]()


def test_no_slug_is_outside_the_adapters_and_their_simulators() -> None:
    """Nothing else may know one provider from another."""
    slugs = ADAPTERS.keys() - OURS
    named = [
        (path.relative_to(ROOT), node.value)
        for path in product(".py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in slugs
    ]
    word = re.compile(rf"(?<![\w.-])({'|'.join(slugs)})(?![\w.-])")
    named += [
        (path.relative_to(ROOT), found.group())
        for path in product(".html", ".js", ".css", ".txt")
        for found in word.finditer(path.read_text())
        if found.group() not in ENGLISH
    ]
    assert named == []


def product(*endings: str) -> Iterator[Path]:
    """The files of the product that may name no provider. The lists of what addresses
    look like are hygiene's, which knows nothing of providers."""
    folders = (
        *("contactsync", "contacts", "connections", "displays", "integrations"),
        *("activity", "templates"),
    )
    for folder in folders:
        for path in (ROOT / folder).rglob("*"):
            inside = path.relative_to(ROOT).parts[:2]
            known = inside in (
                ("integrations", "adapters"),
                ("integrations", "sandbox"),
            )
            if path.suffix in endings and not known:
                yield path


@pytest.mark.parametrize("slug", ADAPTERS)
def test_secrets_are_declared_secret(slug: str) -> None:
    for credential in ADAPTERS[slug].credentials:
        assert isinstance(credential, Credential)
        assert credential.label
        assert credential.secret or not SECRETS.search(credential.name)


def test_supports_is_derived_from_what_is_written() -> None:
    class Small(ADAPTERS["webhook"]):  # type: ignore[misc]
        features = frozenset({"tags"})

        def poll(self, job: str, emails: object, audience_id: str) -> list[object]:
            return []

    assert "poll" in Small.supports
    assert "double_opt_in" not in Small.supports
    assert "poll" not in Adapter.supports
