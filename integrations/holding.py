"""Accounts and targets that are on hold, and that are mended."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from contactsync.lib.clock import now
from contactsync.tenancy.mail import mail_admins
from integrations import outbox
from integrations.adapters.errors import ScopeError, SetupError
from integrations.models import OPEN, Delivery, LinkedAccount, State, Target
from integrations.reasons import fix_for
from integrations.waker import release_waker, waker


def waiting_count(linked: LinkedAccount) -> int:
    """How many people are not through to this account yet."""
    waiting = Delivery.objects.filter(
        linked_account=linked, stage__in=(State.HELD, OPEN)
    )
    return waiting.values("contact_id").distinct().count()


def account_break(linked: LinkedAccount, reason: str, detail: str) -> None:
    """The provider refuses us: hold what waits, and tell the admins once."""
    won = LinkedAccount.objects.filter(
        pk=linked.pk, status=LinkedAccount.Status.CONNECTED
    ).update(
        status=LinkedAccount.Status.BROKEN,
        reason=reason,
        detail=detail,
        broken_at=now(),
    )
    linked.refresh_from_db(fields=["status", "reason", "detail", "broken_at"])
    outbox.hold(linked.pk, reason=reason, detail=detail)
    if not won:
        return
    fix = fix_for(reason, linked.adapter_class.label)
    mail_admins(
        linked.account,
        subject=f"{linked} needs attention",
        body=f"{detail}\n\n{fix.next_step if fix else ''}\n\n"
        f"{waiting_count(linked)} contacts wait and are sent after that.\n"
        f"{integrations_url(linked)}\n",
    )


def account_mend(linked: LinkedAccount) -> None:
    """The provider accepts us (again): let go what was held, and say so."""
    won = LinkedAccount.objects.filter(
        pk=linked.pk, status=LinkedAccount.Status.BROKEN
    ).update(
        status=LinkedAccount.Status.CONNECTED,
        reason="",
        detail="",
        broken_at=None,
        not_before=None,
    )
    linked.refresh_from_db(fields=["status", "reason", "detail", "broken_at"])
    if not won:
        return
    waited = released_count(linked)  # before: one request lets go the first of them
    outbox.resume(linked.pk)
    wake_all(linked.pk)
    mail_admins(
        linked.account,
        subject=f"{linked} works again",
        body=f"{_released(linked, waited)}\n{integrations_url(linked)}\n",
    )


def released_count(linked: LinkedAccount) -> int:
    """How many people ``outbox.resume`` lets go, with those that were not held yet."""
    held = Q(stage=State.HELD, target__held_reason="")
    rows = Delivery.objects.filter(held | Q(stage=OPEN), linked_account=linked)
    return rows.values("contact_id").distinct().count()


def _released(linked: LinkedAccount, waited: int) -> str:
    if not waited:
        return "No contact had to wait."
    many = waited != 1
    who = f"{waited} contacts" if many else "1 contact"
    if linked.account.suspended_at:
        wait = "wait" if many else "waits"
        return f"{who} {wait} until the suspension of your account ends."
    return f"{who} that waited {'are' if many else 'is'} being sent now."


def account_unread(linked: LinkedAccount, error: SetupError) -> None:
    """A call that only reads was refused. A permission that is missing for that holds
    nothing: what is written may still arrive, and the watch says what is missing."""
    if not isinstance(error, ScopeError):
        account_break(linked, error.reason.value, error.detail)


def target_break(target: Target, reason: str, detail: str) -> None:
    """An audience is gone or its fields changed: hold what goes there, only that."""
    won = Target.objects.filter(pk=target.pk, held_reason="").update(
        held_reason=reason, held_detail=detail
    )
    target.held_reason, target.held_detail = reason, detail
    outbox.hold_target(target.pk, reason=reason, detail=detail)
    if not won:
        return
    fix = fix_for(reason, target.linked_account.adapter_class.label)
    mail_admins(
        target.linked_account.account,
        subject=f"A sync rule to {target.linked_account} needs attention",
        body=f"{detail}\n\n{fix.next_step if fix else ''}\n",
    )


def target_mend(target: Target) -> int:
    """After the rule was corrected: let go what was held for it."""
    Target.objects.filter(pk=target.pk).update(held_reason="", held_detail="")
    target.held_reason = target.held_detail = ""
    released = outbox.resume_target(target.pk)
    wake_all(target.linked_account_id)
    return released


def target_replace(old: Target, new: Target) -> int:
    """A rule points elsewhere now: what waits goes there. Returns how many.

    The same audience through an account that was linked anew also takes over who was
    asked to confirm: the provider still knows them.
    """
    before, after = old.linked_account, new.linked_account
    again = (
        before.removed_at is not None
        and before.provider == after.provider
        and old.audience_id == new.audience_id
    )
    moved = outbox.move(old.pk, new, opt_ins=again)
    wake_all(new.linked_account_id)
    return moved


def integrations_url(linked: LinkedAccount) -> str:
    """Where the Linked Accounts section stands, for mails."""
    return f"{settings.BASE_URL}/a/{linked.account.slug}/account/integrations/"


def wake_all(linked_account_id: UUID) -> None:
    """Have sent what was let go, and have let go what one request had no time for."""

    def wake() -> None:
        waker.wake([linked_account_id])
        release_waker.wake([linked_account_id])

    transaction.on_commit(wake, robust=True)
