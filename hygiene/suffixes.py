"""Public suffixes: the endings under which strangers register names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from itertools import chain, takewhile

PRIVATE = "// ===BEGIN PRIVATE DOMAINS==="


class Suffixes:
    """Public suffixes, lower-case IDNA ASCII, as publicsuffix.org has them.

    ``public`` are the registries' own, ``private`` those of companies that let
    strangers register names below them. ``wild`` are names of which every child is
    public; ``endings`` are all public ones, whole endings like ``com`` included.
    Made of the lines of its file.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        # A line at a time: what comes and goes is not given back to the machine.
        lines = iter(lines)
        public = set(
            _rules(takewhile(lambda line: not line.startswith(PRIVATE), lines))
        )
        private = set(_rules(lines))
        special = {rule for rule in chain(public, private) if rule[0] in "*!"}
        self.wild = frozenset(rule[2:] for rule in special if rule[0] == "*")
        self.exceptions = frozenset(rule[1:] for rule in special if rule[0] == "!")
        public -= special
        self.private = frozenset(private - special)
        self.tlds = frozenset(rule for rule in public if "." not in rule) | {
            name for name in self.wild if "." not in name
        }
        self.public = frozenset(public - self.tlds)
        self.endings = self.public | self.tlds

    def among(self, names: Set[str]) -> tuple[set[str], set[str]]:
        """Return the (public, private) suffixes among some domains.

        A name without a dot is nobody's domain, and counts as public.
        """
        public = set(self.endings & names)
        wild = self.wild | {""}
        under = [name for name in names if name.partition(".")[2] in wild]
        public.update(name for name in under if name not in self.exceptions)
        return public, set(self.private & names) - public


def _rules(lines: Iterable[str]) -> Iterator[str]:
    """The rules of one section, with their ``*.`` or ``!``."""
    for line in lines:
        line = line.rstrip()
        if not line or line[0] == "/":
            continue
        if line.isascii():
            yield line.split(None, 1)[0] if " " in line else line
        elif "." not in line:
            # Only whole endings: the few hundred longer ones in other scripts are
            # slow to encode and hold nobody's throw-away mail.
            # (Suffixes are kept in normal form, so punycode alone is IDNA.)
            yield "xn--" + line.split(None, 1)[0].encode("punycode").decode("ascii")
