"""Many people at once, with what became of them, for the deliverability score."""

from __future__ import annotations

from datetime import datetime, timedelta

from contacts.models import Contact, Suppression
from contactsync.lib.clock import now
from contactsync.lib.ids import uuid7
from displays.models import Display, Signup
from integrations.models import Delivery, LinkedAccount, State, Target


def target_of(linked: LinkedAccount) -> Target:
    found: Target | None = Target.objects.filter(linked_account=linked).first()
    return found or Target.objects.create(
        account=linked.account, linked_account=linked, audience_id="8f21c0"
    )


def reached(
    linked: LinkedAccount,
    count: int,
    *,
    state: str = State.SYNCED,
    reason: str = "",
    at: datetime | None = None,
    stem: str = "person",
    signup_ids: list[object] | None = None,
) -> list[Contact]:
    """``count`` people with a delivery that the provider answered for at ``at``."""
    at = at or now() - timedelta(days=1)
    target = target_of(linked)
    people = [
        Contact(
            account=linked.account,
            email=f"{stem}{n}@example.net",
            email_key=f"{stem}{n}@example.net",
            status="accepted",
            first_seen_at=at,
            last_seen_at=at,
        )
        for n in range(count)
    ]
    Contact.objects.bulk_create(people)
    Delivery.objects.bulk_create(
        Delivery(
            account=linked.account,
            linked_account=linked,
            target=target,
            contact_id=each.pk,
            signup_id=signup_ids[n] if signup_ids else uuid7(),
            payload={"email": each.email},
            state=state,
            reason=reason,
            created_at=at,
            changed_at=at,
        )
        for n, each in enumerate(people)
    )
    return people


def suppress(
    people: list[Contact], actor: str = "complaint", at: datetime | None = None
) -> None:
    Suppression.objects.bulk_create(
        Suppression(
            account_id=each.account_id,
            email_key=each.email_key,
            actor=actor,
            created_at=at or now() - timedelta(hours=1),
        )
        for each in people
    )


def signups(
    display: Display,
    count: int,
    *,
    category: str = "valid",
    rule: str = "",
    environment: str = "live",
    at: datetime | None = None,
) -> list[Signup]:
    rows = [
        Signup(
            account_id=display.account_id,
            display=display,
            contact_id=uuid7(),
            environment=environment,
            email=f"{category}{n}@example.org",
            status="accepted" if category == "valid" else "filtered",
            category=category,
            rule=rule,
            at=at or now() - timedelta(hours=2),
        )
        for n in range(count)
    ]
    created: list[Signup] = Signup.objects.bulk_create(rows)
    return created


def bad(linked: LinkedAccount) -> list[Contact]:
    """An account far below every limit: 40 of 400 people complained, 60 bounced."""
    people = reached(linked, 400)
    suppress(people[:40], "complaint")
    suppress(people[40:100], "bounce")
    return people
