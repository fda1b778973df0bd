"""The words for states, reasons and times: the same on every page, and in exports."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime

from contactsync.templatetags.ui import span
from hygiene.verdict import Category
from integrations.models import State
from integrations.reasons import fix_for

MAX_NAME = 40

NO_RULE = "no_rule"
FILTERED = "filtered"

LABELS: dict[str, str] = {
    **dict(State.choices),
    NO_RULE: "No rule",
    FILTERED: "Rejected",
}
# Where there is no room for brackets.
SHORT: dict[str, str] = {State.AWAITING_OPT_IN: "Pending"}
TONES: dict[str, str] = {
    State.SYNCED: "ok",
    State.AWAITING_OPT_IN: "warn",
    State.PENDING: "info",
    State.SENDING: "info",
    State.SUBMITTED: "info",
    State.HELD: "warn",
    State.REJECTED: "bad",
    State.FAILED: "bad",
    State.SKIPPED: "",
    NO_RULE: "",
    FILTERED: "bad",
}
# What a list shows first: what somebody has to act on, then what waits, then the rest.
URGENCY: tuple[str, ...] = (
    State.HELD,
    State.FAILED,
    State.REJECTED,
    FILTERED,
    State.AWAITING_OPT_IN,
    State.PENDING,
    State.SENDING,
    State.SUBMITTED,
    State.SKIPPED,
    NO_RULE,
    State.SYNCED,
)

CATEGORIES: dict[str, str] = {
    Category.SYNTAX: "not an address",
    Category.BOT: "bot",
    Category.ROLE: "role address",
    Category.BROADCAST: "broadcast address",
    Category.TRANSACTIONAL: "transactional address",
    Category.DISPOSABLE: "disposable address",
    Category.SUPPRESSED: "suppressed",
    Category.DENIED: "on your never-accept list",
}


# How somebody left a provider: the sentence, the words in brackets, what helps.
GONE: dict[str, tuple[str, str, str]] = {
    "unsubscribed": (
        "{person} unsubscribed at {provider} {ago}.",
        "left since",
        "Only their own new opt-in brings them back.",
    ),
    "complained": (
        "{person} marked your mail as spam at {provider} {ago}.",
        "left since",
        "Only their own new opt-in brings them back.",
    ),
    "bounced": (
        "Mail to this address bounced at {provider} {ago}.",
        "bounced since",
        "Ask the person for a current address.",
    ),
    "deleted": (
        "{person} was removed at {provider} {ago}.",
        "removed since",
        "They are not put back by themselves: add them there, or have them sign up "
        "once more.",
    ),
}


def category(value: str) -> str:
    """A hygiene category as a badge says it."""
    return CATEGORIES.get(value, value)


def badge(state: str, why: str = "") -> str:
    """The one way a state is written: ``Held (account is paused)``."""
    label = LABELS.get(state, state)
    return f"{label} ({why})" if why else label


def why(state: str, reason: str, provider: str, due: datetime, at: datetime) -> str:
    """What stands in the brackets behind a delivery's state; may be empty."""
    if state == State.PENDING:
        return f"retry {until(due, at)}" if reason and due > at else ""
    if state in (State.SYNCED, State.AWAITING_OPT_IN, State.SENDING, State.SUBMITTED):
        return ""
    fix = fix_for(reason, provider)
    return fix.title if fix else reason


def ago(moment: datetime, at: datetime) -> str:
    """``2 h ago``; a date when it is more than thirty days."""
    seconds = (at - moment).total_seconds()
    if seconds < 45:
        return "just now"
    if seconds > 30 * 86_400:
        return day(moment)
    return f"{span(seconds)} ago"


def until(moment: datetime, at: datetime) -> str:
    """``in 5 min``, or ``now`` when the moment has come."""
    seconds = (moment - at).total_seconds()
    return "now" if seconds <= 0 else f"in {span(seconds)}"


def day(moment: date) -> str:
    """``3 May 2026``."""
    return f"{moment.day} {moment:%B %Y}"


def called(name: object, fallback: str = "This person") -> str:
    """A submitted first name as it may stand in a sentence of ours.

    Whoever fills in a form decides what stands there, so only letters, spaces, dots,
    apostrophes and hyphens pass, up to ``MAX_NAME`` characters; anything else (a
    link, a control character, a text) is not repeated.
    """
    text = " ".join(str(name).split()) if isinstance(name, str) else ""
    if not text or len(text) > MAX_NAME or not text[0].isalpha():
        return fallback
    if "." in text.rstrip("."):  # a dot inside makes a host name, and mail apps link it
        return fallback
    fine = all(
        char in " .'’-" or unicodedata.category(char)[0] in "LM" for char in text
    )
    return text if fine else fallback


def several(count: int, one: str, many: str = "") -> str:
    """``1 contact``, ``2 contacts``, ``12,000 contacts``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
