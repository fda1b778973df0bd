"""What is told about a contact: the values that ``activity.explain`` hands out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from activity import words
from activity.case import BAD, Gate
from contacts.models import Contact
from integrations.models import State

TELLING = (
    *(State.HELD, State.FAILED, State.REJECTED, State.SKIPPED, State.PENDING),
    words.NO_RULE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictView:
    """What the hygiene filter said about the latest signup.

    ``evidence`` is ``category:rule:matched:source@version``; ``sentence`` the same for
    a marketer.
    """

    signup_id: UUID
    status: str
    category: str
    rule: str
    evidence: str
    sentence: str
    next_step: str
    suggest: str
    also: tuple[str, ...]
    at: datetime
    display: str
    display_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One place the contact was to go, and how far it got.

    ``state`` is a delivery's state, ``no_rule`` or ``filtered``; ``label`` the same in
    words. ``gate`` names the gate that is the answer, "" when all are green.
    ``provider_words`` is what the provider said, word for word.
    """

    provider: str
    provider_label: str
    glyph: str
    colour: str
    linked_account_id: UUID | None
    account_label: str
    target_id: UUID | None
    audience: str
    rule_id: UUID | None
    display_id: UUID | None
    display: str
    delivery_id: int | None
    signup_id: UUID | None
    state: str
    reason: str
    label: str
    tone: str
    gates: tuple[Gate, ...]
    gate: str
    sentence: str
    next_step: str
    provider_words: str
    action: str
    action_label: str
    attempts: int = 0
    due: datetime | None = None
    changed_at: datetime | None = None
    added_at: datetime | None = None

    @property
    def there(self) -> bool:
        return not self.gate

    @property
    def short(self) -> str:
        """The state without its cause, where there is little room."""
        if self.state == State.SYNCED and self.gate:
            return "Left"
        return words.SHORT.get(self.state, words.LABELS.get(self.state, self.state))

    @property
    def note(self) -> str:
        """The tone of what is said: ok, info, warn or bad."""
        if self.there:
            return "ok"
        shut = next(each for each in self.gates if each.name == self.gate)
        if shut.status == BAD:
            calm = (State.HELD, State.SKIPPED, State.SYNCED)
            return "warn" if self.state in calm else "bad"
        return "warn" if self.state == State.AWAITING_OPT_IN else "info"

    @property
    def title(self) -> str:
        """The question that the five gates answer."""
        if self.there:
            return f"This contact is in {self.provider_label}"
        if self.state == words.FILTERED or not self.provider:
            return "Why was this signup not sent anywhere?"
        if self.added_at:
            return f"What became of the latest signup for {self.provider_label}?"
        return f"Why is this contact not in {self.provider_label}?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything there is to say about one contact."""

    contact_id: UUID
    email: str
    status: str
    sentence: str
    verdict: VerdictView | None
    destinations: tuple[Destination, ...]

    @property
    def cards(self) -> tuple[Destination, ...]:
        """The destinations that need telling, each by itself.

        An address that was turned away goes nowhere for one reason, so that is told
        once; accounts that no rule leads to count only when there is nothing else.
        """
        sent = tuple(each for each in self.destinations if each.delivery_id)
        if self.status == Contact.Status.FILTERED:
            return sent or self.destinations[:1]
        ruled = tuple(
            each for each in self.destinations if each.delivery_id or each.rule_id
        )
        return ruled or self.destinations[:1]

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON takes it: ids and times as text, nothing for the eye."""
        told: dict[str, Any] = plain(asdict(self))
        for each in told["destinations"]:
            for name in ("glyph", "colour", "tone"):
                del each[name]
        return told


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    state: str
    label: str
    tone: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A contact in a list: its states, the most pressing first, and the gist."""

    badges: tuple[Badge, ...]
    sentence: str
    evidence: str
    source: str
    explanation: Explanation = field(repr=False)

    @property
    def evident(self) -> bool:
        """Whether the filter's evidence is the reason."""
        return bool(self.badges) and self.badges[0].state == words.FILTERED

    @property
    def telling(self) -> bool:
        """Whether the sentence says more than the badges do."""
        return any(each.state in TELLING for each in self.badges)


def plain(value: Any) -> Any:
    """``value`` with UUIDs and times as text, tuples as lists."""
    match value:
        case dict():
            return {name: plain(item) for name, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat()
    return value
