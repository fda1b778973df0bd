"""What an incident of each kind means, and what helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse


@dataclass(frozen=True, slots=True)
class Kind:
    """``page`` is the URL name of where to look, ``query`` the names in the incident's
    detail that its address takes. ``one``: the page of the one thing that it is about,
    and the name of that thing's id in the detail."""

    meaning: str
    next_step: str
    page: str = ""
    label: str = ""
    query: tuple[str, ...] = ()
    one: tuple[str, str] = ("", "")

    def url(self, slug: str, detail: dict[str, Any]) -> str:
        """Where to look; "" for nowhere."""
        if not self.page:
            return ""
        page, name = self.one
        about = detail.get(name)
        try:
            if about:
                return reverse(page, args=(slug, about))
            where = reverse(self.page, args=(slug,))
        except NoReverseMatch:
            return ""
        asked = {name: detail[name] for name in self.query if detail.get(name)}
        return f"{where}?{urlencode(asked)}" if asked else where


WORKER = (
    "Ask whoever runs the server whether the worker and beat processes are running. "
    "Nothing is lost: it goes on by itself when they do."
)
ACTIVITY = ("sync_activity", "Show them", ("linked", "state"))

UNEXPLAINED = "unexplained"
UNJUDGED = "unexplained.signups"
UNKNOWN_STATE = "unexplained.state"
WAITING = "stuck.waiting"
SENDING = "stuck.sending"
SUBMITTED = "stuck.submitted"
OPT_IN = "stuck.opt_in"
HELD = "stuck.held"
SLOW_DOWN = "stuck.slow_down"
JOB = "stuck.job"
RECONCILE = "reconcile.missing"
ENGINE = "engine.stopped"
CHAIN = "consent.chain"

KINDS: dict[str, Kind] = {
    UNEXPLAINED: Kind(
        "The signup was accepted and the rule was on, but there is no record that it "
        "was to be sent.",
        "Open the list, and send those people again from the display's history. Then "
        "tell whoever runs the server: this should not be possible.",
        "ledger_rows",
        "Show them",
        ("show", "display", "rule", "from", "to"),
    ),
    UNJUDGED: Kind(
        "Signups are neither accepted nor turned away with a category.",
        "Tell whoever runs the server: somebody changed the data by hand.",
        "ledger",
        "Open the books",
    ),
    UNKNOWN_STATE: Kind(
        "Deliveries are in a state that the product does not know.",
        "Tell whoever runs the server: somebody changed the data by hand.",
        "ledger",
        "Open the books",
    ),
    WAITING: Kind(
        "Deliveries are due, nothing stands in their way, and no worker sends them.",
        WORKER,
        *ACTIVITY,
    ),
    SENDING: Kind(
        "A worker stopped while it was sending, and no other took over.",
        WORKER,
        *ACTIVITY,
    ),
    SUBMITTED: Kind(
        "The provider took these as a job hours ago, and we do not know the result.",
        "Look at the provider's own status page, and test the linked account.",
        *ACTIVITY,
    ),
    OPT_IN: Kind(
        "People were to be asked to confirm, and for an hour nobody looked whether "
        "they did, or the mail did not go out.",
        "Test the linked account. If it works: " + WORKER,
        *ACTIVITY,
    ),
    HELD: Kind(
        "Deliveries are held although nothing holds them up any more.",
        "Press Test Account at the linked account: that lets them go. " + WORKER,
        *ACTIVITY,
    ),
    SLOW_DOWN: Kind(
        "The provider told us to send nothing for more than a day.",
        "Look at your plan's limits at the provider. Test Account asks it again.",
        "linked_accounts",
        "Open linked accounts",
    ),
    JOB: Kind(
        "A job in the background has not moved on for a while.",
        WORKER,
        "cleaning_runs",
        "Open the list of jobs",
    ),
    RECONCILE: Kind(
        "We say that these contacts are synced, and the provider does not have them.",
        "Compare some of them at the provider. If they were deleted there by mistake, "
        "send them again.",
        "linked_accounts",
        "Open linked accounts",
    ),
    ENGINE: Kind(
        "No worker has reported for minutes: nothing is sent, checked or watched.",
        WORKER,
        "sync_activity",
        "Open sync activity",
    ),
    CHAIN: Kind(
        "A record of what people agreed to was changed, removed or swapped after it "
        "was sealed. From there on the ledger proves nothing.",
        "Tell whoever runs the server: somebody changed the data by hand. "
        "`manage.py consent check` names every such record; put them back from a "
        "backup. It is looked at again within the hour.",
        "contacts",
        "Show whom it is about",
        one=("contact", "contact"),
    ),
    "": Kind("Something is not as promised.", "Open its page.", "ledger", "Books"),
}
