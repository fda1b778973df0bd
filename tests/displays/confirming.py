"""What the tests of our own confirmation start from, and the mails that they find."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django.core import mail
from django.test import Client

from contactsync.tenancy.models import Account
from displays import confirm, confirm_send
from displays.models import Confirmation, ConfirmationMail, Display, SyncRule
from displays.store import NewSignup, store_signup
from integrations.models import Delivery, LinkedAccount
from tests.integrations.world import rule_to

LINK = re.compile(r"https?://[^\s\"]+(/c/[\w-]+)")
FORM = re.compile(r'name="page" value="([^"]+)"')


def own_rule(display: Display, linked: LinkedAccount, **more: Any) -> SyncRule:
    return rule_to(display, linked, own_confirmation=True, **more)


def sign_up(display: Display, email: str = "mira@gmail.com", **more: Any) -> NewSignup:
    """A signup as the endpoint stores it, without the filter."""
    values: dict[str, Any] = {
        "accepted": True,
        "category": "valid",
        "rule": "",
        "evidence": "",
        "fields": {"first_name": "Mira"},
        "consent_given": True,
        "consent_text": "Email me news",
        "page_url": "https://shop.acme.test/",
        "ip": "192.0.2.7",
        **more,
    }
    signup = NewSignup(
        account_id=display.account_id,
        display_id=display.pk,
        environment="live",
        email=email,
        email_key=email.lower(),
        **values,
    )
    store_signup(signup)
    return signup


def work() -> None:
    """What the task does."""
    confirm.gather()
    confirm_send.send_due()


def later(**by: float) -> None:
    """Let time pass, for all confirmations, mails and deliveries that wait."""
    delta = timedelta(**by)
    for row in Confirmation.objects.all():
        for name in ("due", "created_at", "sent_at", "reminded_at", "expires_at"):
            value: datetime | None = getattr(row, name)
            if value is not None:
                setattr(row, name, value - delta)
        if row.lease_until is not None:
            row.lease_until -= delta
        row.save()
    for sent in ConfirmationMail.objects.all():
        sent.at -= delta
        sent.save()
    for waiting in Delivery.objects.filter(state="awaiting_opt_in"):
        waiting.due -= delta
        waiting.created_at -= delta
        waiting.save()


def link(index: int = -1) -> str:
    """The path of the link in a mail that was sent."""
    found = LINK.search(str(mail.outbox[index].body))
    assert found is not None, mail.outbox[index].body
    return found[1]


def press(client: Client, path: str, **more: str) -> Any:
    """Open the link's page and press its button."""
    page = client.get(path)
    value = FORM.search(page.content.decode())
    assert value is not None, page.content.decode()
    return client.post(path, {"page": value[1], **more})


def states(account: Account) -> list[tuple[str, str]]:
    rows = Delivery.objects.for_account(account).order_by("id")
    return list(rows.values_list("state", "reason"))
