"""One contact of every kind, for the list, the export and the browser."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from contacts.models import Contact
from contactsync.lib.clock import now
from displays.models import Display
from integrations.adapters.errors import Reason
from integrations.models import Delivery, LinkedAccount, State
from tests.activity import factories as make


@dataclass(frozen=True, slots=True)
class Kind:
    """``label``: what its badge says. ``status``: the filter that finds it."""

    contact: Contact
    label: str
    status: str


FAKE = "sam.fake@example.net looks fake or invalid, please enter a real email address."


def every_kind(display: Display, linked: LinkedAccount) -> dict[str, Kind]:
    """A contact of each kind, by what happened to it."""
    bare = Display.objects.create(
        account=display.account, name="Footer form", kind="embedded", status="live"
    )
    kinds = {
        "no_rule": Kind(make.signup(bare, "nora@example.net"), "No rule", "no_rule")
    }
    make.rule(display, linked)
    for category, words in {
        "syntax": "not an address",
        "bot": "bot",
        "role": "role address",
        "broadcast": "broadcast address",
        "transactional": "transactional address",
        "disposable": "disposable address",
        "suppressed": "suppressed",
        "denied": "on your never-accept list",
    }.items():
        contact = make.signup(
            display, f"{category}@filtered.example", category=category, fields={}
        )
        kinds[category] = Kind(contact, f"Rejected ({words})", "filtered")

    def sent(name: str, label: str, status: str, state: str, *why: str) -> None:
        email = f"{name}@example.net"
        contact = make.signup(
            display, email, fields={"first_name": name.partition(".")[0].title()}
        )
        due = now() + timedelta(minutes=5, seconds=40)
        attempt = make.attempt(linked, status=400 if state == State.REJECTED else 200)
        make.settle(contact, state, *why, due=due, attempt=attempt)
        kinds[name.partition(".")[2]] = Kind(contact, label, status)

    sent("mira.synced", "Synced", "synced", State.SYNCED)
    sent("omar.pending", "Pending (double opt-in)", "opt_in", State.AWAITING_OPT_IN)
    sent(
        "wanda.waiting",
        "Waiting (retry in 5 min)",
        "waiting",
        State.PENDING,
        Reason.SERVER.value,
        "Mailchimp answered 503 Service Unavailable.",
    )
    sent(
        "holly.held",
        "Held (audience is gone)",
        "held",
        State.HELD,
        Reason.TARGET_MISSING.value,
        "The requested resource could not be found.",
    )
    sent(
        "sam.fake",
        "Rejected (looks fake)",
        "rejected",
        State.REJECTED,
        Reason.ADDRESS_FAKE.value,
        FAKE,
    )
    sent(
        "frank.failed",
        "Failed (our mistake)",
        "failed",
        State.FAILED,
        Reason.INTERNAL.value,
    )
    sent(
        "sky.skipped",
        "Skipped (rule does not apply)",
        "skipped",
        State.SKIPPED,
        Reason.CONDITION.value,
    )
    return kinds


def lose(contact: Any) -> None:
    """What no code of ours does: a delivery that is gone without a trace."""
    assert Delivery.objects.filter(contact_id=contact.pk).delete()[0]
