"""Mailboxes this installation knows for bots or spam traps, without their addresses.

Kept are HMAC-SHA256 digests, of the address as written and of the mailbox behind it
(no +tag, no dots at Gmail). The key is derived from ``SECRET_KEY`` under a label of its
own, so whoever gets the table alone can not try addresses against it, and other uses of
``SECRET_KEY`` give nothing away about it. Not from ``CREDENTIAL_KEYS``: those are made
to be rotated by sealing anew, which digests can not be. With another ``SECRET_KEY``
the rows match nothing any more: feed the table again, from the files it came from.
``key_id`` names the key, so that an import from elsewhere is refused and not useless.

Rows are only ever added by hand. Feeding the table from honeypots by itself would let
anybody have a victim's address turned away everywhere, by typing it into a form and
filling in the hidden field.
"""

from __future__ import annotations

import hmac
import re
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby, islice
from uuid import uuid4

from django.conf import settings
from django.db import transaction

from hygiene.case import Lookup, canonical
from hygiene.models import KnownAddress, ListRelease
from hygiene.rules.syntax import parse
from hygiene.verdict import Finding

LABEL = b"contactsync known addresses v1"
BATCH = 1000
HEAD = "# contactsync known addresses, key "
COLUMNS = "digest,kind,source"
STAMP = "known-addresses"
"""The name of the row in ``ListRelease`` that tells processes of a change."""

_DIGEST = re.compile(r"[0-9a-f]{64}").fullmatch
_SOURCE = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}").fullmatch


class KnownError(ValueError):
    """Something that can not be known: no address, no digest; the message says why."""


@lru_cache(maxsize=4)
def _key(secret: str) -> bytes:
    return hmac.digest(secret.encode(), LABEL, "sha256")


def key_id() -> str:
    """Eight letters that differ with the key, and tell nothing about it."""
    return hmac.digest(_key(settings.SECRET_KEY), b"key id", "sha256").hex()[:8]


def digest(mailbox: str) -> str:
    """The digest of a lower-case mailbox, 64 hexadecimal letters."""
    return _hmac(_key(settings.SECRET_KEY), mailbox).hex()


def _hmac(key: bytes, mailbox: str) -> bytes:
    return hmac.digest(key, mailbox.encode("utf-8", "surrogatepass"), "sha256")


def digests(entry: str) -> set[str]:
    """The digests to keep for an address; a digest stands for itself.

    Raises ``KnownError``.
    """
    if _DIGEST(entry):
        return {entry}
    parsed = parse(entry)
    if isinstance(parsed, Finding):
        raise KnownError(f"not an email address: {entry[:80]!r}")
    local, domain = parsed[0].lower(), parsed[1]
    return {digest(f"{local}@{domain}"), digest(canonical(local, domain))}


def add(entries: Iterable[str], *, kind: str, source: str) -> int:
    """Know these addresses or digests; returns how many rows are new. Streams.

    Raises ``KnownError`` for the first entry that is neither; what came before it
    stays known.
    """
    if not _SOURCE(source):
        raise KnownError("a source is a word of a-z, 0-9, dots and hyphens")
    before = KnownAddress.objects.count()
    wanted = iter(entries)
    while some := list(islice(wanted, BATCH)):
        found = sorted({each for entry in some for each in digests(entry)})
        with transaction.atomic():
            KnownAddress.objects.bulk_create(
                [KnownAddress(digest=d, kind=kind, source=source) for d in found],
                ignore_conflicts=True,
            )
            _changed()
    return KnownAddress.objects.count() - before


def remove(entries: Iterable[str]) -> int:
    """Forget these addresses or digests; returns how many rows went."""
    gone = 0
    wanted = iter(entries)
    while some := list(islice(wanted, BATCH)):
        found = {each for entry in some for each in digests(entry)}
        with transaction.atomic():
            gone += KnownAddress.objects.filter(digest__in=found).delete()[0]
            _changed()
    return gone


def import_lines(lines: Iterable[str], *, kind: str, source: str) -> int:
    """Know what a file lists; returns how many rows are new. Streams.

    A line is an address, a digest, or what ``exported`` wrote, whose own kind and
    source count. Raises ``KnownError`` with the line's number, and for digests made
    with another key.
    """
    new = 0
    rows = _parsed(lines, kind, source)
    for (its_kind, its_source), some in groupby(rows, key=lambda row: row[1:]):
        if its_kind not in KnownAddress.Kind.values:
            raise KnownError(f"unknown kind {its_kind[:20]!r}: bot or trap")
        new += add((entry for entry, *_ in some), kind=its_kind, source=its_source)
    return new


def _parsed(
    lines: Iterable[str], kind: str, source: str
) -> Iterator[tuple[str, str, str]]:
    for number, line in enumerate(lines, 1):
        entry = line.strip().lstrip("\ufeff")
        if entry.startswith(HEAD) and entry.removeprefix(HEAD) != key_id():
            raise KnownError(
                "these digests were made with another SECRET_KEY and match nothing"
            )
        if not entry or entry[0] == "#" or entry == COLUMNS:
            continue
        row = entry.split(",")
        try:
            digests(row[0])
        except KnownError as error:
            raise KnownError(f"line {number}: {error}") from None
        yield (row[0], row[1], row[2]) if len(row) == 3 else (entry, kind, source)


def exported() -> Iterator[str]:
    """The table as lines: digests, and the id of the key they were made with."""
    yield f"{HEAD}{key_id()}"
    yield COLUMNS
    rows = KnownAddress.objects.order_by("digest")
    for row in rows.values_list("digest", "kind", "source").iterator():
        yield ",".join(row)


def _changed() -> None:
    """Tell every process, with the next look at the releases, to read again."""
    ListRelease.objects.update_or_create(
        name=STAMP,
        active=True,
        defaults={
            "version": key_id(),
            "sha256": uuid4().hex,
            "count": KnownAddress.objects.count(),
            "entries": b"",
        },
    )


@dataclass(slots=True)
class Known:
    """The table in memory, eight bytes of each digest: ``hits`` by source, sorted.

    Eight of 32 bytes are enough: a wrong hit among a million rows has odds of one to
    10^13, and without the key nobody can look for one.
    """

    key: bytes
    hits: dict[str, array[int]] = field(default_factory=dict)

    def __call__(self, mailbox: str) -> str | None:
        """The source that knows a lower-case mailbox (``Facts.known_bots``)."""
        wanted = int.from_bytes(_hmac(self.key, mailbox)[:8], "big")
        for source, sorted_ in self.hits.items():
            at = bisect_left(sorted_, wanted)
            if at < len(sorted_) and sorted_[at] == wanted:
                return source
        return None


def read(kind: str) -> Known | None:
    """Read the rows of a kind; ``None`` where there are none, which costs nothing."""
    found: dict[str, list[int]] = defaultdict(list)
    rows = KnownAddress.objects.filter(kind=kind).values_list("source", "digest")
    for source, text in rows.iterator():
        found[source].append(int(text[:16], 16))
    if not found:
        return None
    hits = {source: array("Q", sorted(numbers)) for source, numbers in found.items()}
    return Known(_key(settings.SECRET_KEY), hits)


def bot_lookup() -> Lookup | None:
    """A fresh look-up of known bots, for ``Facts.known_bots``."""
    return read(KnownAddress.Kind.BOT)


class _Traps:
    """This process's spam traps, put here by ``hygiene.watch``."""

    lookup: Lookup | None = None


def _reason(known: Known) -> Lookup:
    def lookup(mailbox: str) -> str | None:
        return "trap" if known(mailbox) else None

    return lookup


def load_traps() -> None:
    """Read the spam traps again."""
    known = read(KnownAddress.Kind.TRAP)
    _Traps.lookup = _reason(known) if known else None


def trap_lookup() -> Lookup | None:
    """What answers ``trap`` for a known spam trap's mailbox; ``None``: there are none.

    From memory, refreshed like the lists: costs no query.
    """
    return _Traps.lookup
