"""The mails about a log-in: in our words, with the link or code they are about."""

from __future__ import annotations

import re

import pytest
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.utils import timezone

from contactsync.tenancy.models import User

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-enough-password"


@pytest.fixture
def mira() -> User:
    return User.objects.create_user("mira@acme.example", PASSWORD)


def the_mail(mails: list[EmailMessage]) -> tuple[str, str]:
    (mail,) = mails
    assert mail.to == ["mira@acme.example"]
    assert "example.com" not in mail.body
    return mail.subject, mail.body


def test_a_new_password_by_mail(
    client: Client, mira: User, mailoutbox: list[EmailMessage]
) -> None:
    client.post("/accounts/password/reset/", {"email": mira.email})

    subject, body = the_mail(mailoutbox)
    assert subject == "[contactsync] Set a new password"
    assert "Hello from" not in body
    (link,) = re.findall(r"http://testserver(/accounts/password/reset/key/\S+)", body)
    page = client.get(link, follow=True).content.decode()
    assert "Set a new password" in page
    client.post("/accounts/password/reset/", {"email": mira.email})
    wrong = client.get(f"{link[:-3]}x/", follow=True).content.decode()
    assert "This link does not work any more" in wrong


def test_a_code_by_mail_is_not_in_the_subject(
    client: Client, mira: User, mailoutbox: list[EmailMessage]
) -> None:
    client.post("/accounts/login/code/", {"email": mira.email})

    subject, body = the_mail(mailoutbox)
    assert subject == "[contactsync] Your code to log in"
    assert re.search(r"^[A-Z0-9-]{6,}$", body, re.MULTILINE)


def test_nobody_with_this_address(
    client: Client, mailoutbox: list[EmailMessage]
) -> None:
    client.post("/accounts/password/reset/", {"email": "mira@acme.example"})

    subject, body = the_mail(mailoutbox)
    assert subject == "[contactsync] No log-in with this address"
    assert "http://testserver/accounts/signup/" in body


@pytest.mark.parametrize(
    "name",
    [
        *("account/email/password_changed", "account/email/password_set"),
        *("account/email/email_changed", "account/email/email_confirm"),
        *("account/email/email_deleted", "account/email/account_already_exists"),
        *("account/email/email_confirmation", "mfa/email/totp_activated"),
        *("account/email/email_confirmation_signup", "mfa/email/totp_deactivated"),
        *("mfa/email/webauthn_added", "mfa/email/webauthn_removed"),
        "mfa/email/recovery_codes_generated",
    ],
)
def test_every_other_mail_is_in_our_words(name: str) -> None:
    context = {
        "email": "mira@acme.example",
        "activate_url": "http://testserver/it",
        "timestamp": timezone.now(),
        "ip": "203.0.113.9",
        "user_agent": "Browser & co",
        "request": RequestFactory().get("/"),
    }

    subject = render_to_string(f"{name}_subject.txt", context)
    body = render_to_string(f"{name}_message.txt", context)

    assert len(subject.strip().splitlines()) == 1
    assert body.rstrip().endswith("contactsync\nhttp://testserver/")
    assert "Hello from" not in body and "Thank you for using" not in body
    assert "&amp;" not in body
