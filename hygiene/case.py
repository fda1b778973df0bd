"""What the rules look at: a host, and an address, beside everything known."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hygiene.gibberish import Model

BUILTIN = "builtin@2026.11"
"""Source of every word list and pattern of our own; changes when one of them does."""

DIGITS = "0123456789"
HEX_DIGITS = "0123456789abcdef"

Lookup = Callable[[str], str | None]
"""Takes a mailbox (``canonical`` or literal form), returns the reason or ``None``."""


NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DomainList:
    """A list of domains and where it comes from.

    ``exact`` holds the entries that count only for themselves, never for what is below
    them: suffixes under which strangers register names. ``dropped`` are the entries
    that were not taken over because they would turn away people. A ``wide`` list is
    asked where a policy says so only: it knows more, and is wrong more often.
    """

    source: str
    domains: Container[str]
    exact: frozenset[str] = NONE
    dropped: tuple[str, ...] = ()
    wide: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Our own lists, one field per file of ``hygiene/data`` (see each file's head)."""

    academic_hosts: frozenset[str] = NONE
    broadcast_heads: frozenset[str] = NONE
    broadcast_hosts: frozenset[str] = NONE
    broadcast_labels: frozenset[str] = NONE
    broadcast_locals: frozenset[str] = NONE
    broadcast_tails: frozenset[str] = NONE
    common_tlds: frozenset[str] = NONE
    fake_locals: frozenset[str] = NONE
    numeric_providers: frozenset[str] = NONE
    placeholder_domains: frozenset[str] = NONE
    relay_labels: frozenset[str] = NONE
    reserved_suffixes: frozenset[str] = NONE
    role_core: frozenset[str] = NONE
    role_hard: frozenset[str] = NONE
    role_qualifiers: frozenset[str] = NONE
    role_soft: frozenset[str] = NONE
    transactional_hosts: frozenset[str] = NONE
    transactional_locals: frozenset[str] = NONE
    transactional_markers: tuple[str, ...] = ()


TEST = "test"
"""The word that marks an address as made up, between others too."""

MARK = 4
"""Letters at the start and the end of a marker by which it is looked for."""


@dataclass(frozen=True, slots=True)
class Index:
    """What tells in a look-up or two that the word rules have nothing to say.

    ``listed`` are all words that count as a whole local part, and the mailbox
    providers' own names. ``heads`` and ``tails`` are the markers by their first and by
    their last letters.
    """

    listed: frozenset[str]
    heads: Mapping[str, tuple[str, ...]]
    tails: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, words: Words, mailboxes: frozenset[str]) -> Index:
        names = (domain.partition(".")[0].replace("-", "") for domain in mailboxes)
        listed = words.fake_locals.union(
            names,
            words.broadcast_locals,
            words.role_hard,
            words.role_soft,
            words.transactional_locals,
        )
        # TEST is looked for likewise, and no marker of what systems send.
        heads: dict[str, tuple[str, ...]] = {TEST: ()}
        tails: dict[str, tuple[str, ...]] = {TEST: ()}
        for marker in words.transactional_markers:
            heads[marker[:MARK]] = (*heads.get(marker[:MARK], ()), marker)
            tails[marker[-MARK:]] = (*tails.get(marker[-MARK:], ()), marker)
        return cls(listed, heads, tails)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything the rules know, as plain data. Domains are lower-case IDNA ASCII.

    ``tlds`` and ``suffixes`` are the public endings with one label and with more;
    ``typos`` maps a domain less one letter to the domains it may have been.

    ``suppressed`` answers ``unsubscribed``, ``complained``, ``bounced``, ``trap`` or
    ``admin``, and ``judge`` may be given one tenant's own in its place;
    ``known_bots`` answers the name of the list that holds the mailbox. ``reports`` is
    the judge's memory of domains already looked at; that and ``index`` follow from the
    rest.
    """

    mailboxes: frozenset[str] = NONE
    masks: frozenset[str] = NONE
    disposable: tuple[DomainList, ...] = ()
    tlds: frozenset[str] = NONE
    suffixes: frozenset[str] = NONE
    words: Words = Words()
    typos: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names: frozenset[str] = NONE
    model: Model | None = None
    suppressed: Lookup | None = None
    known_bots: Lookup | None = None
    reports: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    index: Index = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", Index.of(self.words, self.mailboxes))


class Person(NamedTuple):
    """The name given with the signup; either part may be empty."""

    first_name: str = ""
    last_name: str = ""


@dataclass(frozen=True, slots=True)
class Signals:
    """What the form noticed: the hidden field's content, and milliseconds to submit."""

    honeypot: str = ""
    elapsed_ms: int | None = None


SEPARATED = 1
"""The local part, +tag aside, holds ``. _ -``."""
CROWDED = 2
"""It holds ``CROWD`` of these."""
NUMBERED = 4
"""It may hold a digit."""
INSIDE = 8
"""It may hold one elsewhere than at its end."""
ODD = 16
"""It may hold something else, or a +tag."""
CASED = 32
"""It was written with capitals."""
OWN_HOST = 64
"""Not at a mailbox provider of ordinary people."""
LISTED = 128
"""It may be a word of our lists, as it is or without its digits."""
MARKED = 256
"""It may begin or end with a marker of what systems send, or with ``TEST``."""
KNOWN = 512
"""There is a database of known bots to ask."""
HEXED = 1024
"""It holds a digit, and nothing but hexadecimal ones."""

CROWD = 5
"""Separators: in one address people hardly write as many."""


class Host:
    """What is right of the at sign.

    domain     lower-case IDNA ASCII
    provider   whether it is a mailbox provider of ordinary people
    parents    the domain and its registrable parents, longest first
    """

    __slots__ = ("domain", "facts", "parents", "provider", "words")

    def __init__(self, domain: str, facts: Facts) -> None:
        self.domain = domain
        self.provider = domain in facts.mailboxes
        self.parents = parents(domain, facts.suffixes)
        self.facts = facts
        self.words = facts.words


class Case:
    """One address, taken apart once so that every rule is a few look-ups.

    raw        local part as it was written
    local      lower-cased local part
    base       ``local`` without its +tag
    squashed   ``base`` without ``. _ -``
    stem       ``squashed`` without trailing digits
    shape      what the local part holds beside letters, and which rules it is for
    """

    __slots__ = (
        "base",
        "domain",
        "facts",
        "local",
        "person",
        "provider",
        "raw",
        "shape",
        "squashed",
        "stem",
        "words",
    )

    def __init__(
        self, local: str, domain: str, facts: Facts, person: Person | None = None
    ) -> None:
        self.raw = local
        self.local = base = local = local.lower()
        provider = domain in facts.mailboxes
        shape = 0 if provider else OWN_HOST
        if facts.known_bots is not None:
            shape |= KNOWN
        if local != self.raw:
            shape |= CASED
        if "+" in local:
            base = local.partition("+")[0] or local
            shape |= ODD
        squashed = stem = base
        if not base.isalpha():
            if not base.isalnum():
                squashed = base.replace(".", "").replace("_", "").replace("-", "")
                separators = len(base) - len(squashed)
                shape |= SEPARATED if separators else ODD
                if separators >= CROWD:
                    shape |= CROWDED
            stem = squashed.rstrip(DIGITS)
            if not squashed.isalpha():
                shape |= NUMBERED if squashed.isalnum() else NUMBERED | ODD
                if not stem.isalpha():
                    shape |= INSIDE
                if not stem.strip(HEX_DIGITS):
                    shape |= HEXED
        index = facts.index
        listed = index.listed
        if squashed in listed or stem in listed or not squashed.isascii():
            shape |= LISTED
        if stem[:MARK] in index.heads or stem[-MARK:] in index.tails:
            shape |= MARKED
        self.base = base
        self.squashed = squashed
        self.stem = stem
        self.shape = shape
        self.domain = domain
        self.provider = provider
        self.person = person
        self.facts = facts
        self.words = facts.words

    @property
    def literal(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def canonical(self) -> str:
        return canonical(self.local, self.domain)

    def names(self) -> tuple[str, str]:
        """The given first and last name as plain letters: ``O'Brien`` is ``obrien``."""
        if self.person is None:
            return "", ""
        return letters(self.person.first_name), letters(self.person.last_name)


def canonical(local: str, domain: str) -> str:
    """Return the mailbox behind an address: no +tag, no dots at Gmail.

    ``local`` and ``domain`` are lower-case; ``googlemail.com`` is ``gmail.com``.
    """
    local = local.partition("+")[0] or local
    if domain in {"gmail.com", "googlemail.com"}:
        return f"{local.replace('.', '')}@gmail.com"
    return f"{local}@{domain}"


def parents(domain: str, suffixes: frozenset[str]) -> tuple[str, ...]:
    """Return ``domain`` and its parents, longest first, down to the registrable one."""
    if domain.count(".") < 2:
        return (domain,)
    found = [domain]
    cut = domain.find(".") + 1
    while cut:
        parent = domain[cut:]
        if "." not in parent or parent in suffixes:
            break
        found.append(parent)
        cut = domain.find(".", cut) + 1
    return tuple(found)


_NOT_LETTER = re.compile(r"[^a-z]+")
_UNDECOMPOSED = str.maketrans(
    {"ß": "ss", "æ": "ae", "ø": "o", "œ": "oe", "ł": "l", "đ": "d", "ð": "d"}
    | {"þ": "th", "ı": "i"}
)


def fold(text: str) -> str:
    """Return lower-case text with Latin letters freed of their accents."""
    text = text.lower().translate(_UNDECOMPOSED)
    if text.isascii():
        return text
    return "".join(
        char
        for char in unicodedata.normalize("NFKD", text)
        if not unicodedata.combining(char)
    )


def letters(text: str) -> str:
    """Return the a-z letters of ``fold(text)``, nothing between them."""
    return _NOT_LETTER.sub("", fold(text))
