"""Lists of domains as data: where they come from, and what makes one safe to use.

Reads installed packages and files, never the data base and never the network.
"""

from __future__ import annotations

import importlib.util
import re
from array import array
from collections.abc import Collection, Iterable, Iterator, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from itertools import islice
from pathlib import Path

from hygiene.case import DomainList
from hygiene.domain_set import DomainSet
from hygiene.suffixes import Suffixes
from hygiene.suggest import Misspelt

REFUSE_ABOVE = 0.1
"""A list with more than this share of the mailbox providers is no block list."""

MALFORMED_MAX = 0.01
"""A list with more than this share of lines that are no domain is something else."""

ENTRIES_MIN = 1000
"""Fewer than this read from a package's source means that its form has changed."""

OLD_DAYS = 45
"""From this age on a list is called old: throw-away domains live for weeks."""

CHUNK = 1024
"""Entries looked at in one go."""

PIECE = 16 * 1024
"""Bytes of a package's source taken apart in one go."""

SCHOOLS = re.compile(
    r"\.edu(?:\.(?!(?:do|ge|gr|kg|pl|rs|vn)$)[a-z]{2})?$|\.ac\.[a-z]{2}$"
).search
"""Endings under which only universities and schools register names.

Not those whose registries sell to anybody: throw-away mail is at home there.
"""

DOMAIN = re.compile(
    r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}"
).fullmatch


class ListRefused(ValueError):
    """A list that would do more harm than good; the message says why."""


@dataclass(frozen=True, slots=True)
class Package:
    """An installed list: the set literal ``attribute`` of ``module``, or its ``file``.

    ``wide`` lists are only loaded when asked for.
    """

    name: str
    module: str
    attribute: str = ""
    file: str = ""
    wide: bool = False


PACKAGES = (
    Package("disposable-email-domains", "disposable_email_domains", "blocklist"),
    Package("mailchecker", "MailChecker", "blacklist"),
    Package("is-burner-email", "is_burner_email", file="data/blacklist.txt", wide=True),
)
WIDE = frozenset(package.name for package in PACKAGES if package.wide)

RELEASED = {
    ("disposable-email-domains", "0.0.293"): date(2026, 11, 9),
    ("mailchecker", "6.0.21"): date(2026, 7, 19),
}
"""When the versions we ship with were built: the stamps in their wheels.

An installed package no longer carries them. Other versions count from the day they
were installed or taken in, which is never too old an age.
"""


@dataclass(frozen=True, slots=True)
class RawList:
    """A list as its maintainers wrote it: lower-case domains, in no order.

    ``released_on`` is ``None`` where nobody knows; ``seen_on`` is the day it came to
    this machine. ``sha256`` is that of ``entries_text`` where it is a release of the
    data base.
    """

    name: str
    version: str
    domains: Iterable[str]
    released_on: date | None = None
    seen_on: date | None = None
    sha256: str = ""

    @property
    def source(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one loaded list is, to show. ``dropped`` entries were left out.

    ``sha256`` is empty where it was read from the installed package.
    """

    name: str
    version: str
    count: int
    dropped: int
    released_on: date | None = None
    seen_on: date | None = None
    sha256: str = ""

    def age_days(self, today: date) -> int | None:
        """Days since it was released, else since it came here (then at least)."""
        since = self.released_on or self.seen_on
        return max(0, (today - since).days) if since else None


def entries_text(domains: Iterable[str]) -> str:
    """One domain a line, sorted: the form that is kept, compared and hashed."""
    return "\n".join(sorted(set(domains)))


def clean(entries: Collection[str]) -> set[str]:
    """Entries without space or dots around them, in lower case."""
    text = "\n".join(entries)
    odd = any(sign in text for sign in (" ", "\t", "\r", ".\n", "\n."))
    if odd or text != text.lower():
        names = {entry.strip(" .\t\r\n").lower() for entry in entries}
    else:
        names = set(entries)
    names.discard("")
    return names


@dataclass(frozen=True, slots=True)
class Sieve:
    """What may not be in a list of domains.

    ``protected`` are mailbox providers and alias services, ``academic`` universities;
    ``misspelt`` is what one wrong key makes of a big provider's domain: who ends up
    there deserves a hint.
    """

    protected: frozenset[str]
    suffixes: Suffixes
    misspelt: Misspelt = Misspelt(())
    academic: frozenset[str] = frozenset()

    def sift(self, names: set[str]) -> tuple[set[str], set[str], set[str]]:
        """Sort domains into (kept, kept for themselves alone, left out).

        Left out: the protected domains and whatever stands above them, registries'
        suffixes, which hold whole countries, misspelt domains, and universities' with
        all that is below them. For itself alone: a company's suffix, under which
        strangers have names.
        """
        public, private = self.suffixes.among(names)
        dropped = (names & self.above) | public | self.misspelt.among(names)
        dropped |= self.schools(names)
        kept = names.difference(dropped, private)
        return kept, private - dropped, dropped

    def schools(self, names: Set[str]) -> set[str]:
        """The universities and schools among some domains."""
        found = set(filter(SCHOOLS, names))
        found |= _above(self.academic) & names
        below = (name for name in names if name.count(".") > 1)
        found.update(name for name in below if not self.academic.isdisjoint(walk(name)))
        return found

    @property
    def above(self) -> frozenset[str]:
        return _above(self.protected)


@cache
def _above(domains: frozenset[str]) -> frozenset[str]:
    """The domains and all their parents."""
    return frozenset().union(*map(walk, domains))


def walk(domain: str) -> set[str]:
    """A domain and all its parents."""
    found = {domain}
    while domain := domain.partition(".")[2]:
        found.add(domain)
    return found


def block_list(source: str, domains: Iterable[str], sieve: Sieve) -> DomainList:
    """Make a list safe to use (see ``Sieve.sift``), and say what was left out.

    A few thousand at a time, so that little memory comes and goes. Raises
    ``ListRefused`` for an empty list and for one that holds many of the protected
    domains, which is no block list.
    """
    hashes = array("q")
    exact: set[str] = set()
    dropped: set[str] = set()
    entries = iter(domains)
    while some := list(islice(entries, CHUNK)):
        kept, alone, out = sieve.sift(clean(some))
        hashes.extend(map(hash, kept))
        exact |= alone
        dropped |= out
    if not hashes and not exact:
        raise ListRefused(f"{source}: the list is empty")
    refuse_allies(source, dropped & sieve.protected, sieve)
    made = DomainList(
        source,
        DomainSet(hashes),
        frozenset(exact),
        tuple(sorted(dropped)),
        wide=source.partition("@")[0] in WIDE,
    )
    verify(made, sieve)
    return made


def refuse_allies(source: str, harmed: set[str], sieve: Sieve) -> None:
    """Raise ``ListRefused`` for a list that holds many of the protected domains."""
    if len(harmed) > REFUSE_ABOVE * len(sieve.protected):
        raise ListRefused(
            f"{source}: holds {len(harmed)} known providers, {_as(harmed)}"
        )


def verify(made: DomainList, sieve: Sieve) -> None:
    """Look at a finished list with other eyes than those that made it.

    Raises ``ListRefused`` where it would turn away a protected domain, by its own name
    or by a parent's, or holds a bare public suffix.
    """
    domains, exact = made.domains, made.exact
    harmed = [
        domain
        for domain in sieve.protected
        if domain in exact or any(parent in domains for parent in walk(domain))
    ]
    if harmed:
        raise ListRefused(f"{made.source}: would turn away {_as(harmed)}")
    endings = sieve.suffixes.endings
    bare = [name for name in endings if name in domains or name in exact]
    if bare:
        raise ListRefused(f"{made.source}: holds the public suffix {_as(bare)}")


def _as(names: Iterable[str]) -> str:
    return "as " + ", ".join(sorted(names)[:5])


def installed(package: Package) -> RawList:
    """Read a list from its package. Raises ``ListRefused`` where it is not there."""
    path = package_file(package.module)
    number = _version(package.name, path)
    if package.file:
        path = path.parent / package.file
        domains = packaged_file(package.module, package.file)
    else:
        domains = packaged(package.module, package.attribute)
    # Installers write the time of the installation.
    seen = datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
    made = released_on(package.name, number)
    return RawList(package.name, number, domains, made, seen)


def _version(name: str, origin: Path) -> str:
    """The version in the name of the folder that installers put beside a package.

    ``importlib.metadata`` says the same and brings 4 MB of mail parser along.
    """
    start = f"{name.replace('-', '_')}-".lower()
    for at in (origin.parent, origin.parent.parent):
        for folder in at.glob("*.dist-info"):
            if folder.name.lower().startswith(start):
                return folder.name[len(start) :].removesuffix(".dist-info")
    raise ListRefused(f"{name}: its version is not to be found beside {origin.name}")


def package_file(module: str) -> Path:
    """Where a package is installed. Raises ``ListRefused`` where it is not."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ListRefused(f"{module}: not installed")
    return Path(spec.origin)


def packaged(module: str, name: str) -> Iterator[str]:
    """Return the entries of the set literal called ``name`` in an installed module.

    Read as text, which costs a tenth of compiling 56,000 constants where byte code is
    not cached; a module that is no longer written that way is run instead, without
    keeping it, since its lists would stay in memory twice.
    """
    source = package_file(module).read_bytes()
    found = re.search(rf"\b{name}\s*=\s*{{".encode(), source)
    if found:
        start, end = found.end(), source.find(b"}", found.end())
        quote = source[start : start + 20].lstrip()[:1]
        known = quote in {b"'", b'"'} and source.count(quote, start, end) // 2
        if known and known > ENTRIES_MIN:
            return _quoted(source, start, end, quote)
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return iter(getattr(getattr(loaded, module, loaded), name))


def _quoted(source: bytes, start: int, end: int, quote: bytes) -> Iterator[str]:
    """The quoted texts between two places, taken out a piece at a time."""
    while start < end:
        # A piece ends behind the comma after a closing quote.
        stop = source.find(quote + b",", start + PIECE, end)
        stop = end if stop < 0 else stop + 2
        yield from source[start:stop].decode().split(quote.decode())[1::2]
        start = stop


def packaged_file(module: str, file: str) -> Iterator[str]:
    """Return the lines of a package's data file, comments aside, without running it."""
    path = package_file(module).parent / file
    try:
        with path.open(encoding="utf-8") as lines:
            yield from (line.rstrip("\n") for line in lines if line[0] not in "#\n")
    except FileNotFoundError:
        raise ListRefused(f"{module}: has no {file} any more") from None


def released_on(name: str, number: str) -> date | None:
    """When a version was made, where that is known (see ``RELEASED``)."""
    dated = re.search(r"(?:^|\.)(20\d\d)\.?(\d\d)\.?(\d\d)(?:$|\.)", number)
    if dated:
        try:
            return date(int(dated[1]), int(dated[2]), int(dated[3]))
        except ValueError:
            return None
    return RELEASED.get((name, number))


def from_text(text: str) -> tuple[set[str], list[str]]:
    """Read a file of one domain a line: (domains in IDNA ASCII, malformed lines)."""
    domains: set[str] = set()
    malformed: list[str] = []
    for line in text.splitlines():
        entry = line.partition("#")[0].strip(" .\t\ufeff").lower()
        if not entry:
            continue
        if not entry.isascii():
            try:
                entry = entry.encode("idna").decode("ascii")
            except UnicodeError:
                malformed.append(line)
                continue
        if DOMAIN(entry):
            domains.add(entry)
        else:
            malformed.append(line)
    return domains, malformed


def sane(source: str, domains: Iterable[str]) -> set[str]:
    """The entries of a new release that are domains.

    Raises ``ListRefused`` where too many are not: a changed format, or another file.
    """
    good, malformed = from_text("\n".join(domains))
    if len(malformed) > MALFORMED_MAX * (len(good) + len(malformed)):
        raise ListRefused(
            f"{source}: {len(malformed)} entries are no domains, "
            f"as {malformed[0][:60]!r}"
        )
    return good
