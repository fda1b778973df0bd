"""Sending confirmation mails: first ones, those asked for again, and reminders.

A worker leases a few confirmations, and before each mail once more, in one UPDATE that
says whether it still is its own: two workers never send the same mail. One that dies
while it sends leaves the lease to end, and the mail is sent once more by another.
"""

from __future__ import annotations

import random
import time
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.core.mail import get_connection
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Least

from contactsync.lib.clock import now
from displays import confirm_links
from displays.confirm import State, bounce, expire, unclaimed
from displays.confirm_failures import Failure, Kind, failure_of
from displays.confirm_limits import Wait, network, over_limit
from displays.confirm_mail import letter_of, message_id, message_of
from displays.confirm_texts import Choices, choices_of, wording_of
from displays.models import Confirmation, ConfirmationMail
from integrations import outbox_confirm
from integrations.adapters.errors import Reason

log = structlog.get_logger(__name__)

BATCH = 20
LEASE = timedelta(seconds=180)
"""Longer than one mail may take: each step has EMAIL_TIMEOUT seconds."""
SECONDS = 60.0
SUSPENDED = timedelta(minutes=10)
SHORTEST, LONGEST = 30.0, 900.0


def send_due() -> int:
    """Do what is due: send, remind, expire. Returns for how many. Stops after SECONDS:
    the next call goes on."""
    deadline, done = time.monotonic() + SECONDS, 0
    while time.monotonic() < deadline:
        claim_id, rows = claim(BATCH)
        if not rows:
            break
        run = Run(claim_id)
        try:
            for row in rows:
                if run.down or time.monotonic() > deadline:
                    break
                run.attend(row)
                done += 1
        finally:
            run.end()
            release(claim_id, run.down)
        if run.down:
            break
    return done


def claim(limit: int) -> tuple[UUID, list[Confirmation]]:
    """Lease up to ``limit`` due confirmations, the longest due first."""
    claim_id, at = uuid4(), now()
    due = Confirmation.objects.filter(
        unclaimed(at), state__in=Confirmation.OPEN, due__lte=at
    )
    with transaction.atomic():
        skip = connection.features.has_select_for_update_skip_locked
        chosen = due.select_for_update(skip_locked=skip).order_by("due", "id")
        ids = list(chosen.values_list("pk", flat=True)[:limit])
        due.filter(pk__in=ids).update(claim_id=claim_id, lease_until=at + LEASE)
    if not ids:
        return claim_id, []
    mine = Confirmation.objects.filter(claim_id=claim_id).select_related("account")
    return claim_id, list(mine.order_by("due", "id"))


def release(claim_id: UUID, down: Failure | None) -> None:
    """Give back what was leased and not tried; where the mail server does not answer,
    for later."""
    mine = Confirmation.objects.filter(claim_id=claim_id)
    values: dict[str, Any] = {"claim_id": None, "lease_until": None}
    if down is not None:
        values |= {"due": now() + backoff(1), "detail": down.said}
    mine.update(**values)


def backoff(tries: int) -> timedelta:
    """How long until the next try: twice as long each time, jittered."""
    longest = min(LONGEST, SHORTEST * 2 ** min(tries - 1, 10))
    return timedelta(seconds=longest * random.uniform(0.5, 1.0))


class Run:
    """One worker's work on what it has leased. ``down``: the mail server is, so the
    rest need not be tried."""

    def __init__(self, claim_id: UUID) -> None:
        self.claim_id = claim_id
        self.down: Failure | None = None
        self._server: Any = None
        self._choices: dict[int, Choices] = {}

    def attend(self, row: Confirmation) -> None:
        at, choices = now(), self.choices(row.account_id)
        ends = row.expires_at or row.created_at + choices.expires_after
        if ends <= at:
            expire(row, claim_id=self.claim_id)
        elif row.state == State.QUEUED:
            self.mail(row, choices, at)
        elif choices.remind_after is None or row.reminded_at is not None:
            self.put_off(row, ends)
        else:
            self.mail(row, choices, at, reminder=True)

    def choices(self, account_id: int) -> Choices:
        if account_id not in self._choices:
            self._choices[account_id] = choices_of(account_id)
        return self._choices[account_id]

    def mail(
        self, row: Confirmation, choices: Choices, at: datetime, reminder: bool = False
    ) -> None:
        wait = self.wait(row, at)
        if wait is not None:
            self.put_off(row, wait.until, wait.why if not reminder else row.detail)
            return
        wanted = outbox_confirm.waiting_of(row.account_id, row.contact_id)
        if not wanted:
            row.detail = "Nothing waits for this confirmation any more."
            expire(row, claim_id=self.claim_id)
            return
        said = self.begin(row, reminder)
        if said is None:
            return
        failure = self.hand_over(row, choices, said, reminder)
        if failure is None:
            self.sent(row, choices, reminder)
        else:
            self.failed(row, failure, said)

    def wait(self, row: Confirmation, at: datetime) -> Wait | None:
        if row.account.suspended_at:
            return Wait(at + SUSPENDED, "Sending is suspended for this account.")
        return over_limit(
            account_id=row.account_id, email_key=row.email_key, ip=row.ip, at=at
        )

    def mine(self, row: Confirmation) -> Any:
        return Confirmation.objects.filter(
            pk=row.pk, claim_id=self.claim_id, state=row.state
        )

    def put_off(self, row: Confirmation, until: datetime, why: str = "") -> None:
        due = Least(F("expires_at"), until) if row.expires_at else until
        self.mine(row).update(
            due=due, detail=why or row.detail, claim_id=None, lease_until=None
        )

    def begin(self, row: Confirmation, reminder: bool) -> str | None:
        """Note down that a mail goes out; its Message-ID. None: not ours any more."""
        said = message_id()
        with transaction.atomic():
            token = confirm_links.token_of(row.pk)
            if not self.mine(row).update(
                lease_until=now() + LEASE,
                sends=F("sends") + 1,
                message_id=said,
                token_hash=confirm_links.hash_of(token),
            ):
                return None
            ConfirmationMail.objects.create(
                account_id=row.account_id,
                confirmation=row,
                email_key=row.email_key,
                network=network(row.ip),
                message_id=said,
                reminder=reminder,
            )
        row.sends += 1
        return said

    def hand_over(
        self, row: Confirmation, choices: Choices, said: str, reminder: bool
    ) -> Failure | None:
        """Give the mail to the mail server. No transaction is open meanwhile."""
        try:
            message = message_of(
                letter_of(
                    wording_of(row.account_id, row.language),
                    choices,
                    row.account.name,
                    reminder=reminder,
                ),
                to=row.email,
                link=confirm_links.link_of(row.pk),
                message_id=said,
            )
            if self._server is None:
                self._server = get_connection()
                self._server.open()
            self._server.send_messages([message])
        except Exception as error:  # whatever a mail backend raises: the row is settled
            self.end()
            failure = failure_of(error)
            log.info("confirmation mail not sent", kind=failure.kind, why=failure.said)
            return failure
        return None

    def sent(self, row: Confirmation, choices: Choices, reminder: bool) -> None:
        at = now()
        ends = at + choices.expires_after
        if reminder:
            ends = row.expires_at or ends
            values: dict[str, Any] = {"reminded_at": at, "due": ends}
        else:
            remind = at + choices.remind_after if choices.remind_after else ends
            values = {
                "state": State.SENT,
                "sent_at": at,
                "expires_at": ends,
                "due": min(remind, ends) if row.reminded_at is None else ends,
            }
        values |= {"detail": "", "claim_id": None, "lease_until": None}
        with transaction.atomic():
            if self.mine(row).update(**values) and not reminder:
                outbox_confirm.told(
                    account_id=row.account_id,
                    contact_id=row.contact_id,
                    reason=Reason.OPT_IN_SENT.value,
                    due=ends,
                )

    def failed(self, row: Confirmation, failure: Failure, said: str) -> None:
        if failure.kind != Kind.UNKNOWN:  # it surely did not go out: it does not count
            ConfirmationMail.objects.filter(message_id=said).delete()
        if failure.kind == Kind.BOUNCED:
            bounce(row, failure.said, claim_id=self.claim_id)
            return
        self.mine(row).update(
            due=now() + backoff(row.sends),
            detail=failure.said,
            claim_id=None,
            lease_until=None,
        )
        if failure.kind == Kind.DOWN:
            self.down = failure

    def end(self) -> None:
        """Leave the mail server."""
        server, self._server = self._server, None
        if server is not None:
            try:
                server.close()
            except Exception as error:  # it is of no use to us any more
                log.info("mail server not left in order", error=type(error).__name__)
