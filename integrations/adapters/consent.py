"""Who left stays away: the outcomes for people a provider has as opted out."""

from __future__ import annotations

from datetime import UTC, datetime

from integrations.adapters.base import (
    Contact,
    Options,
    Outcome,
    OutcomeState,
    Subscription,
)
from integrations.adapters.errors import Reason

LEFT = {
    "unsubscribed": (
        Reason.UNSUBSCRIBED,
        "Unsubscribed at {label}. A new signup alone does not change that.",
    ),
    "bounced": (Reason.BOUNCED, "{label} stopped mailing this address: it bounced."),
    "complained": (
        Reason.COMPLIANCE,
        "They reported a mail as spam, so {label} does not mail them again.",
    ),
    "archived": (
        Reason.UNSUBSCRIBED,
        "{label} has them as archived, which does not tell whether they had "
        "unsubscribed, so they are not subscribed again.",
    ),
}


def left(subscription: Subscription, label: str) -> Outcome | None:
    """The refusal for somebody who left, None for everybody else."""
    if subscription.status not in LEFT:
        return None
    reason, sentence = LEFT[subscription.status]
    detail = " ".join([sentence.format(label=label), subscription.detail]).strip()
    return Outcome(
        state=OutcomeState.REJECTED,
        reason=reason,
        detail=detail,
        remote_id=subscription.remote_id,
    )


def may_ask_again(
    subscription: Subscription, contact: Contact, options: Options
) -> bool:
    """Whether somebody who unsubscribed may be asked to confirm: the rule wants it, and
    the signup is later than their leaving, to the second. Bounces and complaints are
    final."""
    return (
        options.reconfirm
        and subscription.status == "unsubscribed"
        and signed_up_since(contact, subscription.changed_at)
    )


def signed_up_since(contact: Contact, moment: datetime | None) -> bool:
    """Whether the signup is known to be later than `moment`, to the second."""
    if contact.signed_up_at is None or moment is None:
        return False
    signed_up = contact.signed_up_at.astimezone(UTC).replace(microsecond=0)
    return signed_up >= moment.astimezone(UTC).replace(microsecond=0)
