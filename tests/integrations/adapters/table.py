"""docs/providers.md: what each adapter does, and what each call was checked against.

``python -m tests.integrations.adapters.table`` writes it; a test compares it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations.adapters import ADAPTERS
from integrations.adapters.base import Adapter
from integrations.adapters.declare import Rate
from tests.integrations.adapters.proofs import test_classes
from tests.integrations.contract import AdapterContract

PAGE = Path(__file__).resolve().parents[3] / "docs" / "providers.md"
HEAD = """\
# Providers

What contactsync can do with each provider, and what that rests on. This page is
written by the tests: every call in it was made by the adapter's tests, in every branch,
and held against the provider's own API description where there is one. A call with a
page instead of a description rests on that documentation only.
"""
DECIDES = {
    "caller": "the sync rule",
    "list": "the {noun}'s own setting",
    "account": "a setting of the account",
    "endpoint": "a call or form of its own",
    "none": "nobody: it has none",
}
OPERATIONS = {
    "fields": "fields",
    "poll": "jobs followed to their end",
    "subscriptions": "status read back",
    "changes": "changes since a cursor",
    "webhook": "webhooks understood",
    "add_webhook": "webhooks registered",
    "remove_webhook": "webhooks removed",
    "sub_accounts": "sub-accounts",
    "unsubscribe": "unsubscribe",
    "erase": "erase",
}


def rate(limit: Rate | None) -> str:
    if limit is None:
        return "no rate declared"
    shared = ", for all linked accounts together" if limit.shared else ""
    return f"{limit.calls:,} calls in {limit.seconds:g} s{shared}"


def sign_in(adapter: type[Adapter]) -> Iterator[str]:
    """How people link it; those calls are made by contactsync, not by the adapter."""
    needed = [item.label for item in adapter.credentials if item.required]
    declared = adapter.oauth
    if any(item.secret for item in adapter.credentials if item.required):
        yield f"- Linked with: {', '.join(needed)}."
    if declared is None:
        return
    pkce = "with PKCE" if declared.pkce else "without PKCE"
    back = (
        f"given back at `{declared.revoke_url}`"
        if declared.revoke_url
        else "not given back on unlinking"
    )
    yield f"- Linked by OAuth 2 {pkce}: tokens from `{declared.token_url}`, {back}."


def facts(adapter: type[Adapter]) -> Iterator[str]:
    yield from sign_in(adapter)
    decides = DECIDES[adapter.opt_in].format(noun=adapter.audience_noun)
    can = [text for name, text in OPERATIONS.items() if name in adapter.supports]
    cannot = [text for name, text in OPERATIONS.items() if name not in adapter.supports]
    yield f"- Double opt-in is decided by {decides}."
    yield f"- Up to {adapter.batch_size:,} contacts at a time; {rate(adapter.rate)}."
    yield f"- Can: {', '.join(can)}."
    if cannot:
        yield f"- Not offered: {', '.join(cannot)}."
    for requirement in adapter.requirements:
        yield f"- Needs: {requirement}"
    if adapter.notice:
        yield f"- Note: {adapter.notice}"


def section(
    adapter: type[Adapter], calls: set[tuple[str, str, str]] | None
) -> Iterator[str]:
    yield f"## {adapter.label}"
    yield ""
    yield from facts(adapter)
    yield ""
    if calls is None:
        yield "Its protocol is defined by contactsync: see `integrations/adapters/`."
        return
    yield "| call | checked against |"
    yield "|---|---|"
    for method, path, source in sorted(calls, key=lambda call: (call[1], call[0])):
        against = source if "https://" in source else f"`{source}`"
        yield f"| `{method} {path}` | {against} |"


def page(before: str = "") -> str:
    """Providers whose descriptions are not here are as they were `before`. Without it,
    the test is skipped."""
    calls: dict[type[Adapter], set[tuple[str, str, str]]] = {}
    unread: set[type[Adapter]] = set()
    for case in test_classes(AdapterContract):
        try:
            calls.setdefault(case.adapter, set()).update(case.routes())
        except pytest.skip.Exception:
            if not before:
                raise
            unread.add(case.adapter)
    lines = [HEAD]
    for adapter in sorted(ADAPTERS.values(), key=lambda a: a.label.casefold()):
        if adapter in unread:
            lines += [written(adapter, before), ""]
        else:
            lines += [*section(adapter, calls.get(adapter)), ""]
    return "\n".join(lines)


def written(adapter: type[Adapter], page: str) -> str:
    """A provider's section of the page."""
    return next(
        f"## {text.strip()}"
        for text in f"\n{page}".split("\n## ")
        if text.startswith(f"{adapter.label}\n")
    )


if __name__ == "__main__":
    size = PAGE.write_text(page(PAGE.read_text()))
    sys.stdout.write(f"{PAGE.name}: {size} characters\n")
