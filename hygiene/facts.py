"""Loads what the rules know. The only module here that reads files."""

from __future__ import annotations

import importlib.util
import re
import threading
from collections.abc import Collection
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path

from publicsuffixlist import PSLFILE

from hygiene.case import DomainList, Facts, Words
from hygiene.gibberish import train
from hygiene.suggest import slips, typo_table

DATA = Path(__file__).parent / "data"

REFUSE_ABOVE = 0.1
"""A list with more than this share of the mailbox providers is no block list."""


ENTRIES_MIN = 1000
"""Fewer than this read from a package's source means that its form has changed."""

_QUOTED = re.compile(r"""["']([^"'\s]+)["']""").findall


class ListRefused(ValueError):
    """A list that would do more harm than good; the message says why."""


class Suffixes:
    """Public suffixes, lower-case IDNA ASCII, as publicsuffix.org has them.

    ``public`` are the registries' own, ``private`` those of companies that let
    strangers register names below them. ``wild`` are names of which every child is
    public.
    """

    def __init__(self, lines: Collection[str]) -> None:
        public: set[str] = set()
        private: set[str] = set()
        wild, exceptions = set(), set()
        rules = public
        for line in lines:
            if line.startswith("//"):
                if "BEGIN PRIVATE DOMAINS" in line:
                    rules = private
                continue
            rule = line.split(" ")[0].strip()
            if not rule:
                continue
            if not rule.isascii():
                # Only whole endings: the few hundred longer ones in other scripts are
                # slow to encode and hold nobody's throw-away mail.
                if "." in rule:
                    continue
                rule = rule.encode("idna").decode("ascii")
            if rule.startswith("*."):
                wild.add(rule[2:])
            elif rule.startswith("!"):
                exceptions.add(rule[1:])
            else:
                rules.add(rule)
        self.tlds = frozenset(rule for rule in public if "." not in rule) | {
            name for name in wild if "." not in name
        }
        self.public = frozenset(public - self.tlds)
        self.private = frozenset(private)
        self.wild = frozenset(wild)
        self.exceptions = frozenset(exceptions)

    def among(self, domains: Collection[str]) -> tuple[set[str], set[str]]:
        """Return the (public, private) suffixes among some domains."""
        names = domains if isinstance(domains, set | frozenset) else set(domains)
        public = set((self.public | self.tlds) & names)
        for name in names:
            parent = name.partition(".")[2]
            if not parent or (parent in self.wild and name not in self.exceptions):
                public.add(name)
        return public, set(self.private & names) - public


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
            tuple(entries) if isinstance(item.default, tuple) else frozenset(entries)
        )
    return Words(**lists)  # type: ignore[arg-type]


def block_list(
    source: str,
    domains: Collection[str],
    protected: frozenset[str],
    suffixes: Suffixes,
    targets: Collection[str] = (),
) -> DomainList:
    """Make a list safe to use, and say what was left out.

    Left out: the ``protected`` domains (mailbox providers, alias services) and whatever
    stands above them; registries' suffixes, which hold whole countries; and what one
    wrong key makes of ``targets``, since who ends up there deserves a hint instead.
    Kept, but for itself alone: a company's suffix. Raises ``ListRefused`` for an empty
    list and for one that holds many of the protected domains, which is no block list.
    """
    if not domains:
        raise ListRefused(f"{source}: the list is empty")
    names = {domain.strip(" .\t\r\n").lower() for domain in domains} - {""}
    harmed = names & protected
    if len(harmed) > REFUSE_ABOVE * len(protected):
        some = ", ".join(sorted(harmed)[:5])
        raise ListRefused(f"{source}: holds {len(harmed)} known providers, as {some}")
    above = set(protected)
    for domain in protected:
        while domain := domain.partition(".")[2]:
            above.add(domain)
    public, private = suffixes.among(names)
    dropped = (names & above) | public
    for target in targets:
        dropped.update(slip for slip in slips(target) if slip in names)
    names -= dropped
    names -= private
    return DomainList(
        source, frozenset(names), frozenset(private - dropped), tuple(sorted(dropped))
    )


def packaged(module: str, name: str) -> Collection[str]:
    """Return the set literal called ``name`` in an installed module.

    Read as text, which costs a tenth of compiling 56,000 constants where byte code is
    not cached; a module that is no longer written that way is run instead, without
    keeping it, since its lists would stay in memory twice.
    """
    spec = importlib.util.find_spec(module)
    if spec is None or spec.loader is None or spec.origin is None:
        raise ListRefused(f"{module}: not installed")
    source = Path(spec.origin).read_text(encoding="utf-8")
    literal = re.search(rf"\b{name}\s*=\s*{{([^}}]*)}}", source)
    entries = _QUOTED(literal[1]) if literal else []
    if len(entries) < ENTRIES_MIN:
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        entries = list(getattr(getattr(loaded, module, loaded), name))
    return entries


def load() -> Facts:
    """Read our lists and those of the installed packages, in some tenth of a second."""
    with open(PSLFILE, encoding="utf-8") as lines:
        suffixes = Suffixes(lines.read().splitlines())
    words = read_words()
    mailboxes, masks = frozenset(read("mailboxes")), frozenset(read("masks"))
    protected = mailboxes | masks
    targets = read("typo-targets")
    first, last, plain = read("names-first"), read("names-last"), read("words")
    sources = (
        ("disposable-email-domains", packaged("disposable_email_domains", "blocklist")),
        ("mailchecker", packaged("MailChecker", "blacklist")),
    )
    return Facts(
        mailboxes=mailboxes,
        masks=masks,
        disposable=tuple(
            block_list(f"{name}@{version(name)}", domains, protected, suffixes, targets)
            for name, domains in sources
        ),
        tlds=suffixes.tlds,
        suffixes=suffixes.public,
        words=words,
        typos=typo_table(targets),
        names=frozenset(name for name in (*first, *last, *plain) if len(name) > 3),
        model=train(first, last, plain),
    )


_lock = threading.Lock()
_facts: Facts | None = None


def default_facts() -> Facts:
    """Return this process's facts, loading them the first time."""
    global _facts
    if _facts is None:
        with _lock:
            if _facts is None:
                _facts = load()
    return _facts


def swap(facts: Facts | None) -> Facts | None:
    """Put other facts in place (``None``: load again when needed); return the old ones.

    One assignment: a judgement under way keeps the facts it began with.
    """
    global _facts
    with _lock:
        old, _facts = _facts, facts
    return old
