"""A display's history for a target that was made later: each person once.

Somebody counts when their newest accepted signup of the display was posted with a key
of the linked account's environment, and has no delivery to the target: it is that
signup which is sent, with the values that the contact has by now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from contacts.models import Consent, Contact
from contactsync.tenancy.models import User
from displays.models import Display, Signup, SyncRule
from integrations.adapters.errors import Reason
from integrations.bulk import bulk_plan_create
from integrations.bulk_judge import SENT_BEFORE
from integrations.bulk_source import Candidate, Kind, register
from integrations.models import BulkItem, BulkRun, Delivery, State, Target

GIVEN_UP = Q(
    state=State.SKIPPED, reason__in=(Reason.CANCELLED.value, Reason.UNDONE.value)
)
"""Deliveries that are as good as none: the run that made them was taken back."""


def history(display: Display, target: Target) -> QuerySet[Signup]:
    """Accepted signups of a display that a target may be sent."""
    return Signup.objects.for_account(display.account_id).filter(
        display=display,
        status=Signup.Status.ACCEPTED,
        environment=target.linked_account.environment,
    )


RULE_GONE = "bulk.rule_gone"
"""The rule is off or removed by now, or points elsewhere."""
COUNTED = 10_000
"""A page counts people up to here, and then says "or more"."""


def before_rule(rule: SyncRule) -> int:
    """How many people signed up at a rule's display before the rule was there, and
    were never sent to its target; counted up to COUNTED + 1."""
    signups = history(rule.display, rule.target).filter(at__lt=rule.created_at)
    # Asked of each person by the index on contacts: NOT IN has no plan for very many.
    sent = Delivery.objects.filter(
        contact_id=OuterRef("contact_id"),
        account_id=rule.account_id,
        target_id=rule.target_id,
    ).exclude(GIVEN_UP)
    people = signups.filter(~Exists(sent)).order_by().values("contact_id").distinct()
    return people[: COUNTED + 1].count()


def before_words(rule: SyncRule) -> str:
    """``1,240 people``; "" when there are none, or nothing can be sent now."""
    if not rule.enabled or rule.target.linked_account.removed_at is not None:
        return ""
    count = before_rule(rule)
    if count > COUNTED:
        return f"{COUNTED:,} people or more"
    return f"{count:,} {'person' if count == 1 else 'people'}" if count else ""


def open_backfill(rule: SyncRule) -> UUID | None:
    """A run of the rule's target that has not ended; its page is where to look."""
    states = BulkRun.State
    under_way = BulkRun.objects.for_account(rule.account_id).filter(
        target_id=rule.target_id,
        kind=Kind.BACKFILL,
        state__in=(states.PLANNING, states.STOPPED, states.RUNNING, states.PAUSED)
        + (states.PLANNED, states.UNDOING),
    )
    found: UUID | None = under_way.values_list("pk", flat=True).first()
    return found


def backfill_create(
    *,
    rule: SyncRule,
    most: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    by: User | None = None,
    by_label: str = "",
) -> BulkRun:
    """Have the sending of a display's history to a rule's target planned, all of it or
    the signups from ``since`` to before ``until``."""
    span = {"since": since, "until": until}
    return bulk_plan_create(
        account=rule.account,
        kind=Kind.BACKFILL,
        what={
            "display": str(rule.display_id),
            "rule": str(rule.pk),
            "target": str(rule.target_id),
            "linked_account": str(rule.target.linked_account_id),
            **{name: at.isoformat() for name, at in span.items() if at},
        },
        target=rule.target,
        most=most,
        by=by,
        by_label=by_label,
    )


class History:
    """The people of a backfill, who signed up last first."""

    def begin(self, run: BulkRun) -> tuple[dict[str, Any], int]:
        signups = self._signups(run)
        newest = signups.order_by("-id").values_list("pk", flat=True).first()
        until = {"until_signup": str(newest) if newest else ""}
        return until, signups.order_by().values("contact_id").distinct().count()

    def page(self, run: BulkRun, place: str, size: int) -> Sequence[Candidate]:
        """Signups that are not their contact's newest are passed over, so a page of
        them may be read several times before it holds somebody."""
        while True:
            signups = self._signups(run)
            if place:
                signups = signups.filter(pk__lt=UUID(place))
            read = list(signups.order_by("-id")[:size])
            if not read:
                return []
            newest = self._newest(run, {signup.contact_id for signup in read})
            mine = [each for each in read if newest.get(each.contact_id) == each.pk]
            if mine:
                return self._candidates(run, mine)
            place = str(read[-1].pk)

    def fresh(self, run: BulkRun, items: Sequence[BulkItem]) -> Mapping[int, Candidate]:
        signups = Signup.objects.for_account(run.account_id).in_bulk(
            [item.signup_id for item in items]
        )
        made = self._candidates(
            run, [signups[i.signup_id] for i in items if i.signup_id in signups]
        )
        by_contact = {
            each.contact_id: each for each in made if each.skip != SENT_BEFORE
        }
        return {
            item.pk: by_contact[item.contact_id]
            for item in items
            if item.contact_id in by_contact
        }

    def _signups(self, run: BulkRun) -> QuerySet[Signup]:
        found = Signup.objects.for_account(run.account_id).filter(
            display_id=UUID(run.what["display"]), status=Signup.Status.ACCEPTED
        )
        if run.target is not None:
            found = found.filter(environment=run.target.linked_account.environment)
        if run.what.get("since"):
            found = found.filter(at__gte=run.what["since"])
        if run.what.get("until"):
            found = found.filter(at__lt=run.what["until"])
        if run.what.get("until_signup"):
            found = found.filter(pk__lte=UUID(run.what["until_signup"]))
        return found

    def _newest(self, run: BulkRun, contacts: Iterable[UUID]) -> dict[UUID, UUID]:
        found = (
            self._signups(run)
            .filter(contact_id__in=list(contacts))
            .order_by("id")
            .values_list("contact_id", "pk")
        )
        return dict(found)

    def _candidates(
        self, run: BulkRun, signups: Sequence[Signup]
    ) -> Sequence[Candidate]:
        contacts = Contact.objects.for_account(run.account_id).in_bulk(
            [signup.contact_id for signup in signups]
        )
        sent = set(
            Delivery.objects.for_account(run.account_id)
            .filter(target_id=run.target_id, contact_id__in=list(contacts))
            .exclude(GIVEN_UP)
            .values_list("contact_id", flat=True)
        )
        given = self._answers(run, list(contacts))
        gone = "" if self._is_live(run) else RULE_GONE
        return [
            Candidate(
                place=str(signup.pk),
                contact_id=signup.contact_id,
                target_id=run.target_id or UUID(int=0),
                signup_id=signup.pk,
                payload=payload_of(
                    signup, contacts[signup.contact_id], given.get(signup.contact_id)
                ),
                skip=SENT_BEFORE if signup.contact_id in sent else gone,
            )
            for signup in signups
            if signup.contact_id in contacts
        ]

    def _is_live(self, run: BulkRun) -> bool:
        """Whether the rule still sends to where the run was planned for."""
        live = SyncRule.objects.for_account(run.account_id).filter(
            target_id=run.target_id, enabled=True, removed_at=None
        )
        return live.exists()

    def _answers(self, run: BulkRun, contacts: Sequence[UUID]) -> dict[UUID, bool]:
        """Each person's last answer when they were asked for consent."""
        found = (
            Consent.objects.for_account(run.account_id)
            .filter(contact_id__in=contacts)
            .order_by("id")
            .values_list("contact_id", "given")
        )
        return dict(found)


def payload_of(
    signup: Signup, contact: Contact, consent: bool | None
) -> dict[str, Any]:
    """As ``store.NewSignup.payload``, with the values that the contact has by now."""
    return {
        "email": signup.email,
        "fields": {**signup.fields, **contact.fields},
        "consent": consent,
        "page_url": signup.context.get("page_url", ""),
        "utm": signup.context.get("utm", {}),
        "ip": signup.ip,
        "at": signup.at.isoformat(),
    }


register(Kind.BACKFILL, History())
