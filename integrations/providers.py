"""The providers as pages show them: declarations only, never a slug's own case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from integrations.adapters import ADAPTERS
from integrations.adapters.base import Adapter
from integrations.adapters.declare import Credential

KINDS = {
    "esp": "Email marketing",
    "crm": "CRM",
    "sms": "Text messages",
    "other": "Your own systems",
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
        )


def how_of(adapter: type[Adapter]) -> str:
    """How an account is linked: ``API key``, ``Endpoint URL and signing secret``."""
    if adapter.oauth is not None and not adapter.credentials:
        return "OAuth"
    labels = [credential.label for credential in adapter.credentials]
    if not labels:
        return "No credentials"
    return " and ".join([labels[0], *(lower_first(label) for label in labels[1:])])


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
            for adapter in ADAPTERS.values()
            if adapter.kind == kind
            and all(
                word in f"{adapter.label} {label} {how_of(adapter)}".casefold()
                for word in words
            )
        )
        if found:
            groups.append(Group(kind, label, found))
    return groups
