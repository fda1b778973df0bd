"""The providers as pages show them: declarations only, never a slug's own case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from integrations.adapters import ADAPTERS
from integrations.adapters.base import Adapter
from integrations.adapters.declare import Credential
from integrations.oauth import main_key

KINDS = {
    "esp": "Email marketing",
    "crm": "CRM",
    "sms": "Text messages",
    "other": "Shops and your own systems",
}


@dataclass(frozen=True, slots=True)
class Provider:
    """What an adapter declares, as values: a template would call the class itself."""

    slug: str
    label: str
    glyph: str
    colour: str
    audience_noun: str
    field_noun: str
    docs_url: str
    credentials: tuple[Credential, ...]
    how: str
    key: str
    requirements: tuple[str, ...]
    notice: str
    sub_account_noun: str

    @classmethod
    def of(cls, adapter: type[Adapter]) -> Self:
        return cls(
            slug=adapter.slug,
            label=adapter.label,
            glyph=adapter.glyph,
            colour=adapter.colour,
            audience_noun=adapter.audience_noun,
            field_noun=adapter.field_noun,
            docs_url=adapter.docs_url,
            credentials=adapter.credentials,
            how=how_of(adapter),
            key=key_of(adapter),
            requirements=adapter.requirements,
            notice=adapter.notice,
            sub_account_noun=adapter.sub_account_noun,
        )


def how_of(adapter: type[Adapter]) -> str:
    """How an account is linked: ``API key``, ``Sign in at Klaviyo, or API key``."""
    entered = key_of(adapter)
    if adapter.oauth is None:
        return entered or "No credentials"
    sign_in = f"Sign in at {adapter.label}"
    return f"{sign_in}, or {lower_first(entered)}" if entered else sign_in


def key_of(adapter: type[Adapter]) -> str:
    """What is entered where nobody signs in; "" where there is no such way."""
    if adapter.oauth is not None:
        key = main_key(adapter)
        return key.label if key else ""
    labels = [c.label for c in adapter.credentials if c.required]
    return " and ".join([*labels[:1], *(lower_first(label) for label in labels[1:])])


def lower_first(label: str) -> str:
    """``Endpoint URL`` to ``endpoint URL``; ``API key`` stays."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


@dataclass(frozen=True, slots=True)
class Group:
    """Providers of one kind, for the directory."""

    kind: str
    label: str
    providers: tuple[Provider, ...]


def directory(query: str = "") -> list[Group]:
    """Providers whose name, kind or credentials have every word of ``query``."""
    words = query.casefold().split()
    groups = []
    for kind, label in KINDS.items():
        found = tuple(
            Provider.of(adapter)
            for adapter in sorted(ADAPTERS.values(), key=lambda a: a.label.casefold())
            if adapter.kind == kind
            and all(
                word in f"{adapter.label} {label} {how_of(adapter)}".casefold()
                for word in words
            )
        )
        if found:
            groups.append(Group(kind, label, found))
    return groups
