"""Signups that wait a moment until DNS has said whether their domain takes mail.

The request puts their deliveries off and wakes a worker; the worker asks, and lets
them go or withdraws the signup. Whatever goes wrong on the way, they go out when the
time is over.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from contactsync.lib.clock import now
from contactsync.lib.wake import Waker, publisher
from displays.models import Signup
from displays.withdrawals import signup_withdraw
from hygiene import mail_hosts
from hygiene.policies import choices_for
from hygiene.policy import Mode
from hygiene.rules.syntax import parse
from hygiene.verdict import Category, Finding
from integrations import outbox_wait
from integrations.waker import waker

WAIT = timedelta(seconds=20)
"""How long a signup waits for DNS at most."""

SWEPT = 500
"""Signups that one sweep looks at."""

asker = Waker(publisher("displays.check_mail_host"))


def hold(domain: str) -> datetime | None:
    """Until when a new signup at a domain has to wait, or ``None``. No I/O."""
    known = mail_hosts.status(domain) != mail_hosts.Status.UNKNOWN
    if known or not mail_hosts.askable(domain):
        return None
    return now() + WAIT


def asked(account_id: int, signup_id: UUID, domain: str) -> None:
    """Have a worker find out about a signup that was put off. Never blocks."""
    asker.wake([signup_id])


def settle(signup_id: UUID) -> bool:
    """Find out about one signup's domain, and let it go or withdraw it.

    False: another worker asks about the same domain; come back in a moment.
    """
    signup = Signup.objects.filter(pk=signup_id).first()
    if signup is None or signup.status != Signup.Status.ACCEPTED:
        return True
    parsed = parse(signup.email)
    if not isinstance(parsed, Finding):
        answer = mail_hosts.find(parsed[1])
        if answer is None:
            return False
        if answer.finding is not None and refused(signup, answer.finding):
            return True
    waker.wake(outbox_wait.let_go(signup.pk))
    return True


def refused(signup: Signup, finding: Finding) -> bool:
    """Withdraw a signup, as its tenant's policy wants it. True when it is withdrawn."""
    choices = choices_for(signup.account_id, signup.display_id)
    if not choices.check_mail_hosts:
        return False  # switched off meanwhile
    if finding.category is not Category.SYNTAX:
        if signup.rule.startswith("allowed-"):
            return False
        mode = choices.policy.mode(finding.category)
        if mode is Mode.FLAG:
            also = [*signup.also, finding.evidence]
            Signup.objects.filter(pk=signup.pk).update(also=also)
        if mode is not Mode.ON:
            return False
    return signup_withdraw(signup, finding)


def sweep() -> list[UUID]:
    """Signups that still wait: their wake-up may be lost."""
    return outbox_wait.waiting_signups(SWEPT)
