"""What one tenant wants turned away: categories on, off or flagged, and own lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hygiene.case import Case
from hygiene.rules.disposable import WIDE_RULES
from hygiene.rules.syntax import parse
from hygiene.verdict import Category, Finding

SOURCE = "policy@tenant"


class Mode(StrEnum):
    """What a category's hit does: turn away, nothing, or only be noted."""

    ON = "on"
    OFF = "off"
    FLAG = "flag"


_CAUTION = (Mode.ON, Mode.FLAG, Mode.OFF)
_WIDE = "wide_disposable"

SWITCHABLE = frozenset(
    {
        Category.BOT,
        Category.ROLE,
        Category.BROADCAST,
        Category.TRANSACTIONAL,
        Category.DISPOSABLE,
    }
)
"""Not syntax, suppressed or denied: those are facts or the tenant's own words."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Addresses and domains a tenant named itself.

    ``addresses`` are lower-case. ``example.org`` in ``domains`` is that domain alone;
    ``*.example.org`` is in ``trees`` as ``example.org`` and holds for all below it too.
    """

    addresses: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    trees: frozenset[str] = frozenset()

    def match(self, case: Case) -> tuple[str, str] | None:
        """Return (rule, entry) of the closest entry for an address, or ``None``."""
        if case.literal in self.addresses:
            return "address", case.literal
        if case.domain in self.domains:
            return "domain", case.domain
        if self.trees:
            host = case.domain
            while host:
                if host in self.trees:
                    return "domain", f"*.{host}"
                host = host.partition(".")[2]
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A tenant's choices.

    ``strict_masks`` turns away alias services as well. ``wide_disposable`` is what the
    wide lists of disposable domains do, where they are loaded; never more than the
    category itself does.
    """

    modes: Mapping[Category, Mode] = field(default_factory=dict)
    allow: Listing = Listing()
    deny: Listing = Listing()
    strict_masks: bool = False
    wide_disposable: Mode = Mode.OFF

    def mode(self, category: Category) -> Mode:
        return self.modes.get(category, Mode.ON)

    def mode_of(self, category: Category, rule: str) -> Mode:
        """What a hit of one rule does."""
        mode = self.modes.get(category, Mode.ON)
        if rule not in WIDE_RULES or category is not Category.DISPOSABLE:
            return mode
        return max(mode, self.wide_disposable, key=_CAUTION.index)

    @classmethod
    def from_json(cls, data: object) -> Policy:
        """Build a policy from plain data, every part of it optional::

            {"categories": {"role": "on" | "off" | "flag", ...},
             "allow": {"addresses": [...], "domains": ["a.org", "*.b.org"]},
             "deny": {"addresses": [...], "domains": [...]},
             "strict_masks": false,
             "wide_disposable": "on" | "off" | "flag"}

        Raises ``ValueError`` whose message starts with the field at fault, for example
        ``allow.domains[0]: ...``.
        """
        known = {"categories", "allow", "deny", "strict_masks", "wide_disposable"}
        fields = _object(data, "policy", known)
        strict = fields.get("strict_masks", False)
        if not isinstance(strict, bool):
            raise ValueError("strict_masks: must be true or false")
        return cls(
            modes=_modes(fields.get("categories", {})),
            allow=_listing(fields.get("allow", {}), "allow"),
            deny=_listing(fields.get("deny", {}), "deny"),
            strict_masks=strict,
            wide_disposable=_mode(fields.get("wide_disposable", "off"), _WIDE),
        )


DEFAULT = Policy()


def _object(data: object, name: str, known: set[str]) -> dict[str, object]:
    if not isinstance(data, Mapping):
        raise ValueError(f"{name}: must be an object")
    for key in data:
        if key not in known:
            where = f"{key}" if name == "policy" else f"{name}.{key}"
            raise ValueError(f"{where}: unknown field")
    return dict(data)


def _modes(data: object) -> dict[Category, Mode]:
    known = {category.value for category in SWITCHABLE}
    modes = {}
    for name, value in _object(data, "categories", known).items():
        modes[Category(name)] = _mode(value, f"categories.{name}")
    return modes


def _mode(value: object, name: str) -> Mode:
    if not isinstance(value, str) or value not in {mode.value for mode in Mode}:
        raise ValueError(f"{name}: must be on, off or flag")
    return Mode(value)


def _listing(data: object, name: str) -> Listing:
    fields = _object(data, name, {"addresses", "domains"})
    addresses: set[str] = set()
    domains: set[str] = set()
    trees: set[str] = set()
    for where, text in _texts(fields.get("addresses", []), f"{name}.addresses"):
        parsed = parse(text)
        if isinstance(parsed, Finding):
            raise ValueError(f"{where}: not an email address")
        addresses.add(f"{parsed[0].lower()}@{parsed[1]}")
    for where, text in _texts(fields.get("domains", []), f"{name}.domains"):
        tree = text.startswith("*.")
        parsed = parse(f"x@{text.removeprefix('*.')}")
        if isinstance(parsed, Finding):
            raise ValueError(f"{where}: not a domain name")
        (trees if tree else domains).add(parsed[1])
    return Listing(frozenset(addresses), frozenset(domains), frozenset(trees))


def _texts(data: object, name: str) -> list[tuple[str, str]]:
    if not isinstance(data, list | tuple | set | frozenset):
        raise ValueError(f"{name}: must be a list")
    found = []
    for at, text in enumerate(data):
        if not isinstance(text, str):
            raise ValueError(f"{name}[{at}]: must be text")
        found.append((f"{name}[{at}]", text.strip()))
    return found
