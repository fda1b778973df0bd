"""Every registered adapter is proven, and nothing else pretends to be one."""

from __future__ import annotations

import re

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
        "sub_accounts": adapter.sub_accounts,
        "unsubscribe": lambda: adapter.unsubscribe([], "a"),
        "erase": lambda: adapter.erase("a@x.org"),
    }
    for name in calls.keys() - adapter.supports:
        with pytest.raises(NotSupported):
            calls[name]()


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
