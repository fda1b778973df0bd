"""What a judgement says: a category, the finding behind it, and evidence to show."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MATCHED_MAX = 120
"""Characters of the address or host kept in a finding; longer ones are cut."""


class Category(StrEnum):
    """Why an address is turned away; ``VALID`` is the only one that is not."""

    VALID = "valid"
    SYNTAX = "syntax"
    BOT = "bot"
    ROLE = "role"
    BROADCAST = "broadcast"
    TRANSACTIONAL = "transactional"
    DISPOSABLE = "disposable"
    SUPPRESSED = "suppressed"
    DENIED = "denied"


def printable(text: str) -> str:
    """Return text fit for a log line or a table cell: one line, no control characters.

    Unprintable characters and lone surrogates become ``\\xNN`` or ``\\uNNNN``; text
    longer than ``MATCHED_MAX`` is cut and ends in an ellipsis.
    """
    if len(text) > MATCHED_MAX:
        text = text[: MATCHED_MAX - 1] + "…"
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's hit.

    ``rule`` is lower-case words joined by hyphens; ``matched`` is the part of the
    address or the list entry that hit; ``source`` is ``name@version`` of the list or
    code that says so, for example ``disposable-email-domains@0.0.293``. ``rule`` and
    ``source`` hold no colon.
    """

    category: Category
    rule: str
    matched: str
    source: str

    @property
    def evidence(self) -> str:
        """``category:rule:matched:source@version``, on one line."""
        return f"{self.category}:{self.rule}:{printable(self.matched)}:{self.source}"

    @classmethod
    def from_evidence(cls, text: str) -> Finding:
        """Read an evidence string back.

        ``matched`` may itself hold colons, so it is what is left between the first two
        fields and the last. Raises ``ValueError`` for anything else.
        """
        try:
            category, rule, rest = text.split(":", 2)
            matched, source = rest.rsplit(":", 1)
        except ValueError:
            raise ValueError(f"not an evidence string: {text!r}") from None
        name, at, version = source.partition("@")
        if not (rule and name and at and version):
            raise ValueError(f"not an evidence string: {text!r}")
        return cls(Category(category), rule, matched, source)


# Not frozen: it would take four times as long to build, a tenth of a judgement.
@dataclass(slots=True, unsafe_hash=True)
class Verdict:
    """The judgement of one address; never changed once made.

    ``finding`` is the first rule that hit, ``None`` for an ordinary valid address; a
    valid address may still carry one (allowed by the tenant, an alias service).
    ``also`` holds every later or merely flagged hit, in rule order. ``address`` is the
    normalised form, or the input as given where it can not be parsed. ``suggest`` is a
    likelier spelling, ``""`` where there is none.
    """

    category: Category
    finding: Finding | None = None
    also: tuple[Finding, ...] = ()
    address: str = ""
    suggest: str = ""

    @property
    def accepted(self) -> bool:
        return self.category is Category.VALID

    @property
    def rule(self) -> str:
        return self.finding.rule if self.finding else ""

    @property
    def evidence(self) -> str:
        return self.finding.evidence if self.finding else ""
