"""What a Mailchimp member's status means, and who may be asked to confirm again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import Reason
from integrations.adapters.shared import moment

ARCHIVED = (
    "Archived in this audience. Mailchimp does not tell whether they had unsubscribed "
    "before, so they are only subscribed again once they confirm it themselves."
)
NOT_SUBSCRIBED = (
    "In this audience without a subscription. Existing contacts are only subscribed "
    "once they confirm it themselves."
)
LEFT_SINCE = (
    "They left this audience after they signed up, or it is not known which came "
    "first, so they are not asked to confirm again."
)
LEFT = "Unsubscribed from this audience. A new signup alone does not change that."
BOUNCED = "Cleaned by Mailchimp: mail to this address bounced."
EXISTING = (
    "Already known to this audience, subscribed or not; the rule leaves existing "
    "contacts alone."
)


STANDING: dict[str, tuple[OutcomeState, Reason | None, str]] = {
    "subscribed": (OutcomeState.SYNCED, None, ""),
    "pending": (OutcomeState.AWAITING_OPT_IN, None, ""),
    "unsubscribed": (OutcomeState.REJECTED, Reason.UNSUBSCRIBED, LEFT),
    "cleaned": (OutcomeState.REJECTED, Reason.BOUNCED, BOUNCED),
    "archived": (OutcomeState.REJECTED, Reason.UNSUBSCRIBED, ARCHIVED),
    "transactional": (OutcomeState.REJECTED, Reason.UNSUBSCRIBED, NOT_SUBSCRIBED),
}


def askable(status: str, options: Options) -> bool:
    """Whether the rule has members of this status asked to confirm."""
    if status == "unsubscribed":
        return options.reconfirm
    asks = options.reconfirm or options.double_opt_in
    return asks and status in ("archived", "transactional")


def signed_up_since(member: Mapping[str, Any], contact: Contact) -> bool:
    """Whether the signup came after the member's last change, to the second."""
    if contact.signed_up_at is None:
        return False
    changed = moment(member.get("last_changed"))
    if changed is None:
        return member.get("status") != "unsubscribed"
    signed_up = contact.signed_up_at.astimezone(UTC).replace(microsecond=0)
    return signed_up >= changed.replace(microsecond=0)
