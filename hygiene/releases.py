"""Which version of each list of domains is in use, for every process of every machine.

The releases stand in the data base. Without any, each process reads the installed
packages by itself. Nothing here is called by a request; ``manage.py hygiene_lists``
writes.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import structlog
from django.db import IntegrityError, transaction

from hygiene.facts import Standing, build, packaged_lists, read_sieve
from hygiene.known import STAMP, bot_lookup
from hygiene.lists import (
    PACKAGES,
    WIDE,
    ListRefused,
    RawList,
    Sieve,
    entries_text,
    installed,
    refuse_allies,
    sane,
)
from hygiene.models import ListRelease

log = structlog.get_logger(__name__)

CHANGE_MAX = 0.2
"""A release that adds or takes away more than this share of its list is looked at."""

_LINE = re.compile(r"[^\n]+").finditer

NAMES = tuple(package.name for package in PACKAGES)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a release: ``created`` newly, ``active`` now."""

    release: ListRelease
    created: bool
    active: bool


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def packaged_list(name: str) -> RawList:
    """The installed package's list. Raises ``ListRefused``."""
    for package in PACKAGES:
        if package.name == name:
            return installed(package)
    raise ListRefused(f"{name}: no installed package brings this list")


def entries_of(release: ListRelease) -> set[str]:
    """The domains of a release, as its maintainers wrote them. Raises ListRefused."""
    return set(unpacked(release).split("\n"))


def unpacked(release: ListRelease) -> str:
    """The list's text. Raises ListRefused where it is not what was taken in."""
    try:
        text = zlib.decompress(bytes(release.entries)).decode()
    except (zlib.error, UnicodeDecodeError):
        text = ""
    if sha256(text) != release.sha256:
        raise ListRefused(f"{release}: damaged in the data base; take it in again")
    return text


def take_in(raw: RawList, *, force: bool = False, activate: bool = True) -> Taken:
    """Keep a list as a release and, unless its list is pinned, use it from now on.

    Raises ``ListRefused`` where the list as it would be used still turns away a
    mailbox provider, an alias service or a public suffix, and for whatever is no block
    list at all. ``force`` overrides only what may be meant: that it holds providers
    or suffixes its last release did not hold, and that its size changed a lot.
    """
    names = sane(raw.source, raw.domains)
    sieve = read_sieve()
    kept, alone, dropped = sieve.sift(names)
    if not kept and not alone:
        raise ListRefused(f"{raw.source}: the list is empty")
    refuse_allies(raw.source, dropped & sieve.protected, sieve)
    text = entries_text(names)
    if not force:
        compare(raw, names, sieve)
    try:
        return _keep(raw, text, len(names), activate)
    except IntegrityError:  # another process takes the first one in at this moment
        return _keep(raw, text, len(names), activate)


def _keep(raw: RawList, text: str, count: int, activate: bool) -> Taken:
    with transaction.atomic():
        rows = ListRelease.objects.select_for_update().filter(name=raw.name)
        known = {row.sha256: row for row in rows.defer("entries")}
        pinned = any(row.pinned and row.active for row in known.values())
        digest = sha256(text)
        release = known.get(digest)
        created = release is None
        if release is not None:
            release.entries = zlib.compress(text.encode(), 9)
            release.save(update_fields=["entries"])  # it may be damaged
        if release is None:
            release = ListRelease.objects.create(
                name=raw.name,
                version=raw.version,
                sha256=digest,
                count=count,
                entries=zlib.compress(text.encode(), 9),
                released_on=raw.released_on,
            )
        if activate and not pinned:
            use(release)
    return Taken(release, created, release.active)


def compare(raw: RawList, names: set[str], sieve: Sieve) -> None:
    """Look for what a new version of a list should not bring.

    What the version in use, or the installed package, held already is no news: some
    good lists hold alias services, which are left out every time. Raises
    ``ListRefused``.
    """
    before = baseline(raw.name)
    _, _, left_out = sieve.sift(names)
    harmful = left_out - (sieve.misspelt.among(left_out) - sieve.above)
    new = harmful - before
    if new:
        some = ", ".join(sorted(new)[:5])
        raise ListRefused(
            f"{raw.source}: holds {len(new)} providers, alias services or public "
            f"suffixes that the version before did not, as {some}. They would be left "
            f"out. Take it in with --force if you trust the rest."
        )
    if before and abs(len(names) - len(before)) > CHANGE_MAX * len(before):
        raise ListRefused(
            f"{raw.source}: {len(names)} entries, and {len(before)} in the version "
            f"before. Take it in with --force if that is right."
        )


def baseline(name: str) -> set[str]:
    """The entries of the version in use: the release, else the package; or nothing."""
    release = ListRelease.objects.filter(name=name, active=True).first()
    if release is not None:
        return entries_of(release)
    try:
        raw = packaged_list(name)
    except ListRefused:
        return set()
    return sane(raw.source, raw.domains)


def use(release: ListRelease, *, pinned: bool = False) -> None:
    """Make a release the one in use of its list."""
    with transaction.atomic():
        others = ListRelease.objects.filter(name=release.name).exclude(pk=release.pk)
        others.update(active=False, pinned=False)
        ListRelease.objects.filter(pk=release.pk).update(active=True, pinned=pinned)
    release.active, release.pinned = True, pinned


def find(name: str, version: str = "") -> ListRelease:
    """The newest release of that version, or the one in use. Raises ``ListRefused``."""
    rows = ListRelease.objects.filter(name=name)
    rows = rows.filter(version=version) if version else rows.filter(active=True)
    release = rows.order_by("-pk").first()
    if release is None:
        what = f"{name}@{version}" if version else f"{name}: a release in use"
        raise ListRefused(f"{what} is not here. See: manage.py hygiene_lists show")
    return release


def pin(name: str, version: str = "") -> ListRelease:
    """Keep a list at a version; the installed one is taken in where none is here."""
    if not ListRelease.objects.filter(name=name).exists():
        take_in(packaged_list(name))
    release = find(name, version)
    use(release, pinned=True)
    return release


def unpin(name: str) -> ListRelease:
    """Let the next update replace the version in use."""
    release = find(name)
    use(release, pinned=False)
    return release


def rollback(name: str) -> ListRelease:
    """Go back to the release before, and stay there until ``unpin``."""
    current = find(name)
    before = earlier(current)
    use(before, pinned=True)
    return before


def earlier(current: ListRelease) -> ListRelease:
    """The release taken in before another. Raises ``ListRefused``."""
    before = (
        ListRelease.objects.filter(name=current.name, pk__lt=current.pk)
        .order_by("-pk")
        .first()
    )
    if before is None:
        raise ListRefused(f"{current}: there is no release before this one")
    return before


def stamp() -> frozenset[tuple[str, str]]:
    """What is in use, to see whether it has changed. One small query."""
    return frozenset(
        ListRelease.objects.filter(active=True).values_list("name", "sha256")
    )


def lists_in_use(breadth: bool) -> Iterator[RawList]:
    """Every list to load, one at a time: the release in use, else the package.

    Lists of other names than the packages' are this installation's own.
    """
    rows = ListRelease.objects.filter(active=True)
    ids = dict(rows.exclude(name=STAMP).values_list("name", "pk"))
    own = sorted(ids.keys() - set(NAMES))
    for name in [*own, *NAMES]:
        if name in WIDE and not breadth:
            continue
        if name not in ids:
            yield packaged_list(name)
            continue
        row = ListRelease.objects.get(pk=ids[name])
        yield RawList(
            row.name,
            row.version,
            _lines(unpacked(row)),
            row.released_on,
            row.loaded_at.date(),
            row.sha256,
        )


def _lines(text: str) -> Iterator[str]:
    return (line.group() for line in _LINE(text))


def load(breadth: bool) -> Standing:
    """Build what a process judges with. Raises ``DatabaseError``.

    A release that is refused by now (our list of providers has grown) must not stop
    the filter: then the installed packages stand in for all.
    """
    known = bot_lookup()
    try:
        return build(lists_in_use(breadth), known)
    except ListRefused as error:
        log.error("list refused; using the installed packages", error=str(error))
        return build(packaged_lists(breadth), known)
