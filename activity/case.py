"""What is known about one contact and one destination, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from displays.models import Signup, SyncRule
from integrations.models import Delivery, LinkedAccount, Target

OK, NOW, BAD, TODO = "ok", "now", "bad", "todo"

TITLES: tuple[tuple[str, str], ...] = (
    ("signup", "Signup accepted"),
    ("rule", "Rule matched"),
    ("connection", "Connection works"),
    ("opt_in", "Double opt-in"),
    ("audience", "In the audience"),
)

ACTIONS: dict[str, str] = {
    "reconnect": "Reconnect",
    "test": "Open Linked Accounts",
    "edit_rule": "Open the rule",
    "retry": "Retry now",
    "check": "Check now",
    "resend": "Send the mail again",
    "backfill": "Open Sync Integrations",
}


@dataclass(frozen=True, slots=True)
class Gate:
    """``name`` is stable (API); ``status`` is ok, now (waits), bad or todo."""

    name: str
    title: str
    status: str
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to be said: the gate that is not green, one sentence, and what helps.

    ``gate`` is empty when all are green. ``action`` is one of the keys of ACTIONS,
    or empty when no button helps.
    """

    gate: str = ""
    sentence: str = ""
    next_step: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """The provider told that somebody left it or was removed there, and when.

    ``status`` is unsubscribed, bounced, complained or deleted.
    """

    status: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything that is known about one contact and one destination.

    ``signup`` is the contact's latest, ``verdict`` and ``todo`` the filter's words on
    it. ``rule`` may be switched off or removed. ``added_at``: an earlier delivery put
    the contact there. ``gone``: they were synced, and are not there any more.
    """

    at: datetime
    person: str
    signup: Signup | None
    verdict: str = ""
    todo: str = ""
    delivery: Delivery | None = None
    target: Target | None = None
    linked: LinkedAccount | None = None
    rule: SyncRule | None = None
    display: str = ""
    suspended: bool = False
    added_at: datetime | None = None
    gone: Gone | None = None

    @property
    def provider(self) -> str:
        return self.linked.adapter_class.label if self.linked else "the provider"

    @property
    def audience(self) -> str:
        if self.target is None:
            return "audience"
        return self.target.audience_label or self.target.audience_id

    @property
    def asks(self) -> bool:
        """Whether the rule asks for a double opt-in."""
        target = self.target
        return target is not None and (target.double_opt_in or target.own_confirmation)
