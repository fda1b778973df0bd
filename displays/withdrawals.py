"""Taking back a signup that was accepted, while nobody outside has heard of it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from contacts.models import Contact, Event
from contactsync.lib.clock import now
from displays.models import Signup
from hygiene.case import Facts, Person
from hygiene.judge import judge
from hygiene.policies import choices_for
from hygiene.verdict import Category, Finding
from integrations import outbox_wait
from integrations.models import Delivery, State

BATCH = 500


@dataclass(slots=True)
class Rechecked:
    """How many signups were judged anew, and how many of them were withdrawn."""

    judged: int = 0
    withdrawn: int = 0


def signup_withdraw(signup: Signup, finding: Finding) -> bool:
    """Reject an accepted signup after all; what waits of it is skipped, with events.

    False where a provider has the signup already, or it is not accepted any more:
    then nothing is changed.
    """
    with transaction.atomic():
        won = Signup.objects.filter(pk=signup.pk, status=Signup.Status.ACCEPTED).update(
            status=Signup.Status.FILTERED,
            category=finding.category.value,
            rule=finding.rule,
            evidence=finding.evidence,
        )
        if not won:
            return False
        if not outbox_wait.take_back(signup.pk, detail=finding.evidence):
            transaction.set_rollback(True)
            return False
        _contact_follows(signup)
        Event.objects.create(
            account_id=signup.account_id,
            contact_id=signup.contact_id,
            kind="signup.withdrawn",
            data={
                "signup": str(signup.pk),
                "display": str(signup.display_id),
                "evidence": finding.evidence,
            },
            at=now(),
        )
    return True


def _contact_follows(signup: Signup) -> None:
    """A contact whom nothing else makes one of the accepted is rejected as well."""
    # A signup that is being stored holds this row: wait, then see what it stored.
    contacts = Contact.objects.for_account(signup.account_id)
    contacts.select_for_update().filter(pk=signup.contact_id).first()
    others = Signup.objects.for_account(signup.account_id).filter(
        contact_id=signup.contact_id, status=Signup.Status.ACCEPTED
    )
    elsewhere = Delivery.objects.for_account(signup.account_id).filter(
        contact_id=signup.contact_id
    )
    if others.exists() or elsewhere.exclude(signup_id=signup.pk).exists():
        return
    contacts.filter(pk=signup.contact_id).update(status=Contact.Status.FILTERED)


def recheck(facts: Facts) -> Rechecked:
    """Judge signups that still wait by newer lists; withdraw what is disposable now.

    What a provider has is left as it is, and so is what the tenant let in itself.
    """
    done = Rechecked()
    waiting = Delivery.objects.filter(
        state__in=(State.PENDING, State.HELD), signup_id__isnull=False
    ).order_by("pk")
    last = 0
    seen: set[UUID] = set()
    while rows := list(
        waiting.filter(pk__gt=last).values_list("pk", "signup_id")[:BATCH]
    ):
        last = rows[-1][0]
        wanted = {signup_id for _, signup_id in rows} - seen
        seen = wanted | {signup_id for _, signup_id in rows}
        accepted = Signup.objects.filter(pk__in=wanted, status=Signup.Status.ACCEPTED)
        for signup in accepted.exclude(rule__startswith="allowed-"):
            done.judged += 1
            finding = _disposable_now(signup, facts)
            if finding is not None and signup_withdraw(signup, finding):
                done.withdrawn += 1
    return done


def _disposable_now(signup: Signup, facts: Facts) -> Finding | None:
    """Why the tenant would turn the address away as disposable, by these facts."""
    names = [signup.fields.get(name) for name in ("first_name", "last_name")]
    first, last = (name if isinstance(name, str) else "" for name in names)
    verdict = judge(
        signup.email,
        facts=facts,
        policy=choices_for(signup.account_id, signup.display_id).policy,
        person=Person(first, last),
    )
    return verdict.finding if verdict.category is Category.DISPOSABLE else None
