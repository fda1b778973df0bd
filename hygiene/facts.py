"""Loads what the rules know. The only module here that reads files."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

from hygiene.case import DomainList, Facts, Lookup, Words
from hygiene.domain_set import DomainSet
from hygiene.gibberish import MODEL_FILE, unpack
from hygiene.lists import (
    PACKAGES,
    Loaded,
    RawList,
    Sieve,
    block_list,
    installed,
    package_file,
)
from hygiene.suffixes import Suffixes
from hygiene.suggest import Misspelt, typo_table

DATA = Path(__file__).parent / "data"


def read(name: str) -> list[str]:
    """Return the entries of one file of ``hygiene/data``, in file order."""
    text = (DATA / f"{name}.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def read_words() -> Words:
    """Read every list that ``Words`` has a field for."""
    lists: dict[str, frozenset[str] | tuple[str, ...]] = {}
    for item in fields(Words):
        entries = read(item.name.replace("_", "-"))
        lists[item.name] = (
            tuple(entries) if isinstance(item.default, tuple) else close(entries)
        )
    return Words(**lists)  # type: ignore[arg-type]


def close(entries: Iterable[str]) -> frozenset[str]:
    """A set without room to grow: one that grew has up to four times what it needs."""
    return frozenset(set(entries))


@dataclass(frozen=True, slots=True)
class Standing:
    """Facts, and the lists of domains in them as ``/readyz`` shows them."""

    facts: Facts
    lists: tuple[Loaded, ...]


def packaged_lists(breadth: bool = False) -> Iterator[RawList]:
    """The installed packages' lists, one at a time; wide ones with ``breadth``."""
    for package in PACKAGES:
        if breadth or not package.wide:
            yield installed(package)


def build(raw_lists: Iterable[RawList], known_bots: Lookup | None = None) -> Standing:
    """Make facts of our own words and some lists of domains.

    Raises ``ListRefused``.
    """
    # What stays comes first: the memory behind it, where tens of thousands of texts
    # come and go, can then be given back in whole pieces.
    suffixes = read_suffixes()
    targets = read("typo-targets")
    names = (*read("names-first"), *read("names-last"), *read("words"))
    facts = Facts(
        mailboxes=frozenset(read("mailboxes")),
        masks=frozenset(read("masks")),
        tlds=suffixes.tlds,
        suffixes=suffixes.public,
        words=read_words(),
        typos=typo_table(targets),
        names=frozenset(name for name in names if len(name) > 3),
        model=unpack((DATA / MODEL_FILE).read_bytes()),
        known_bots=known_bots,
    )
    sieve = read_sieve(suffixes)
    made: list[DomainList] = []
    loaded: list[Loaded] = []
    for raw in raw_lists:
        safe = block_list(raw.source, raw.domains, sieve)
        made.append(safe)
        assert isinstance(safe.domains, DomainSet)
        loaded.append(
            Loaded(
                name=raw.name,
                version=raw.version,
                count=len(safe.domains) + len(safe.exact),
                dropped=len(safe.dropped),
                released_on=raw.released_on,
                seen_on=raw.seen_on,
                sha256=raw.sha256,
            )
        )
        del raw
    return Standing(replace(facts, disposable=tuple(made)), tuple(loaded))


def read_sieve(suffixes: Suffixes | None = None) -> Sieve:
    """What no list of domains may hold."""
    return Sieve(
        frozenset(read("mailboxes")) | frozenset(read("masks")),
        suffixes or read_suffixes(),
        Misspelt(read("typo-targets")),
        frozenset(read("academic-hosts")),
    )


def read_suffixes() -> Suffixes:
    """The public suffixes of the installed ``publicsuffixlist``."""
    # Only its file: the package itself would read the list a second time.
    path = package_file("publicsuffixlist").parent / "public_suffix_list.dat"
    with path.open(encoding="utf-8") as lines:
        return Suffixes(lines)


def load(breadth: bool = False) -> Facts:
    """Read our lists and those of the installed packages, in some tenth of a second.

    ``breadth`` adds the wide lists of disposable domains.
    """
    return build(packaged_lists(breadth)).facts


class Keeper:
    """What this process judges with, loaded once and replaced whole.

    ``maker`` builds it the first time; ``on_use`` is called with every use, and has to
    cost nothing (``hygiene.releases`` looks after newer lists by it).
    """

    def __init__(self) -> None:
        self.maker: Callable[[], Standing] = lambda: build(packaged_lists())
        self.on_use: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self._standing: Standing | None = None

    def standing(self) -> Standing:
        standing = self._standing
        if standing is None:
            with self._lock:
                standing = self._standing
                if standing is None:
                    standing = self._standing = self.maker()
        if self.on_use is not None:
            self.on_use()
        return standing

    def put(self, standing: Standing | None) -> Standing | None:
        """Replace it (``None``: load again when needed); return the old one.

        One assignment: a judgement under way keeps the facts it began with.
        """
        with self._lock:
            old, self._standing = self._standing, standing
        return old


keeper = Keeper()


def default_facts() -> Facts:
    """Return this process's facts, loading them the first time."""
    return keeper.standing().facts


def loaded_lists() -> tuple[Loaded, ...]:
    """Return what lists of domains this process judges with."""
    return keeper.standing().lists


def wide_loaded() -> bool:
    """Whether this process knows a wide list: without one, its mode changes nothing."""
    return any(entry.wide for entry in default_facts().disposable)


def swap(facts: Facts | None) -> Facts | None:
    """Put other facts in place (``None``: load again when needed); return the old."""
    old = keeper.put(None if facts is None else Standing(facts, ()))
    return old.facts if old else None
