"""Mail servers that refuse, break off and are down; and the limits."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, User
from contactsync.tenancy.services import account_create
from displays import confirm, confirm_send
from displays.confirm_texts import wording_save
from displays.models import Confirmation, ConfirmationMail, Display
from displays.services import display_create
from integrations.models import LinkedAccount
from integrations.services import linked_account_create
from tests.displays.confirming import (
    LINK,
    later,
    own_rule,
    press,
    sign_up,
    states,
    work,
)
from tests.displays.smtp import Post, post_office

pytestmark = pytest.mark.django_db

BOUNCED = ("awaiting_opt_in", "opt_in.bounced")


@pytest.fixture
def post(settings: Any) -> Iterator[Post]:
    with post_office(settings) as running:
        yield running


@pytest.fixture
def rule(display: Display, linked: LinkedAccount) -> Any:
    return own_rule(display, linked)


def refuse(post: Post, stage: str, said: str) -> None:
    post.answer = lambda at, address: said if at == stage else None


def test_the_mail_as_it_is_sent(
    acme: Account, display: Display, rule: Any, post: Post, client: Client
) -> None:
    sign_up(
        display,
        fields={"first_name": "BUY http://evil.test NOW", "language": "de-AT"},
        context={"utm": {"source": "evil"}},
        page_url="https://evil.test/",
    )
    work()
    [(address, text)] = post.taken
    assert address == "mira@gmail.com" and "evil" not in text.lower()
    message = email.message_from_string(text, policy=email.policy.default)
    assert message["Subject"] == "Bitte bestätige deine Anmeldung"
    assert message["From"] == "Acme Outdoor <contactsync@localhost>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == Confirmation.objects.get().message_id
    plain, html = (part.get_content() for part in message.iter_parts())
    assert "E-Mails von Acme Outdoor" in plain and 'lang="de"' in html
    found = LINK.search(plain)
    assert found is not None and found[0] in html
    answer = press(client, found[1])
    assert "Danke" in answer.content.decode()


def test_the_browsers_language_is_used_else_the_accounts(
    acme: Account, display: Display, rule: Any, post: Post
) -> None:
    sign_up(display, context={"language": "nl"})
    sign_up(display, "noah@gmail.com", fields={"language": "xx"})
    work()
    languages = Confirmation.objects.order_by("id").values_list("language", flat=True)
    assert list(languages) == ["nl", "en"]


def test_the_teams_own_words(
    acme: Account, display: Display, rule: Any, post: Post
) -> None:
    wording_save(
        account=acme,
        language="en",
        sender="Acme & friends",
        subject="Still you,\r\nBcc: all@example.org?",
        body="Hello from {account}.\n\n<b>Click</b> {first_name}",
        button="Go",
        thanks="",
    )
    sign_up(display)
    work()
    message = email.message_from_string(post.taken[0][1], policy=email.policy.default)
    assert message["Subject"] == "Still you, Bcc: all@example.org?"
    assert message["Bcc"] is None
    assert "Acme & friends" in message["From"]
    plain, html = (part.get_content() for part in message.iter_parts())
    assert "Hello from Acme Outdoor." in plain and "{first_name}" in plain
    assert "&lt;b&gt;Click&lt;/b&gt;" in html


@pytest.mark.parametrize("stage", ["rcpt", "data"])
def test_a_refusal_for_good_is_a_bounce(
    acme: Account, display: Display, rule: Any, post: Post, stage: str
) -> None:
    refuse(post, stage, "550 5.1.1 no such user")
    sign_up(display)
    work()
    row = Confirmation.objects.get()
    assert row.state == "bounced" and "550: 5.1.1 no such user" in row.detail
    assert states(acme) == [BOUNCED]
    assert not ConfirmationMail.objects.exists()
    later(days=8)
    work()
    assert states(acme) == [("skipped", "consent.not_confirmed")]


@pytest.mark.parametrize("said", ["451 4.7.1 greylisted", "421 busy"])
def test_a_refusal_for_now_is_tried_again(
    acme: Account, display: Display, rule: Any, post: Post, said: str
) -> None:
    refuse(post, "rcpt", said)
    sign_up(display)
    sign_up(display, "noah@gmail.com")
    for _ in range(4):
        work()
        assert post.taken == []
        later(minutes=20)
    row = Confirmation.objects.all()[0]
    assert row.state == "queued" and said.partition(" ")[2] in row.detail
    post.answer = lambda stage, address: None
    work()
    assert len(post.taken) == 2
    assert set(states(acme)) == {("awaiting_opt_in", "opt_in.sent")}


def test_waits_grow_and_are_jittered(display: Display, rule: Any, post: Post) -> None:
    refuse(post, "rcpt", "451 later")
    sign_up(display)
    waits = []
    for _ in range(3):
        work()
        row = Confirmation.objects.get()
        waits.append((row.due - now()).total_seconds())
        later(minutes=20)
    assert 14 < waits[0] < 31 < waits[2] < 121
    assert len({confirm_send.backoff(3) for _ in range(5)}) == 5
    assert confirm_send.backoff(99) <= timedelta(seconds=900)


@pytest.mark.parametrize(
    ("stage", "said"), [("connect", "554 go away"), ("mail", "")], ids=["554", "down"]
)
def test_a_mail_server_that_is_down_is_asked_once_a_round(
    acme: Account, display: Display, rule: Any, post: Post, stage: str, said: str
) -> None:
    refuse(post, stage, said)
    if stage != "connect":
        post.shutdown()
        post.server_close()
    for number in range(5):
        sign_up(display, f"mira{number}@gmail.com", ip=None)
    work()
    rows = Confirmation.objects.all()
    assert {row.state for row in rows} == {"queued"}
    assert all("mail server" in row.detail and row.due > now() for row in rows)
    assert all(row.claim_id is None for row in rows)
    assert sum(row.sends for row in rows) == 1
    assert not ConfirmationMail.objects.exists()


def test_a_mail_that_may_be_out_is_counted(
    display: Display, rule: Any, post: Post, settings: Any
) -> None:
    refuse(post, "data", "drop")
    sign_up(display)
    for _ in range(5):
        work()
        later(minutes=20)
    assert len(post.taken) == settings.CONFIRM_MAILS_PER_ADDRESS
    assert "3 confirmation mails within a day" in Confirmation.objects.get().detail


class Died(BaseException):
    """What a worker is for its mail when it is killed."""


@pytest.mark.parametrize("out", [True, False], ids=["after it was out", "before"])
def test_a_worker_that_dies_while_sending_costs_one_mail_at_most(
    display: Display, rule: Any, post: Post, monkeypatch: Any, out: bool
) -> None:
    for number in range(3):
        sign_up(display, f"mira{number}@gmail.com", ip=None)
    whole = confirm_send.Run.hand_over

    def dies(run: Any, *args: Any) -> Any:
        if out:
            whole(run, *args)
        raise Died

    def gone(*_: Any) -> None:
        """A killed process gives nothing back."""

    with monkeypatch.context() as killed, pytest.raises(Died):
        killed.setattr(confirm_send.Run, "hand_over", dies)
        killed.setattr(confirm_send, "release", gone)
        work()
    work()
    assert len(post.taken) == int(out)  # the lease still holds
    later(minutes=4)
    work()
    addresses = [address for address, _ in post.taken]
    assert set(addresses) == {f"mira{number}@gmail.com" for number in range(3)}
    assert len(addresses) == 3 + int(out)
    assert {row.state for row in Confirmation.objects.all()} == {"sent"}


def test_the_link_of_a_mail_whose_worker_died_works(
    acme: Account, display: Display, rule: Any, post: Post, client: Client
) -> None:
    sign_up(display)
    confirm.gather()
    claim_id, [row] = confirm_send.claim(1)
    run = confirm_send.Run(claim_id)
    choices = run.choices(row.account_id)
    said = run.begin(row, False)
    assert said is not None and run.hand_over(row, choices, said, False) is None
    found = LINK.search(post.taken[0][1])
    assert found is not None
    press(client, found[1])
    assert states(acme) == [("pending", "")]
    run.end()
    run.sent(row, choices, False)  # it was not dead, only slow
    assert Confirmation.objects.get().state == "confirmed"


def test_a_stranger_cannot_fill_somebodys_inbox(
    acme: Account, alice: User, display: Display, rule: Any, settings: Any
) -> None:
    """500 signups of one address, from 500 networks, over two days' worth of hours."""
    for hour in range(24):
        for number in range(10):
            sign_up(display, "victim@gmail.com", ip=f"10.{hour}.{number}.7")
        work()
        later(minutes=50)
    assert len(mail.outbox) == settings.CONFIRM_MAILS_PER_ADDRESS
    row = Confirmation.objects.get()
    assert row.state == "queued" and "within a day" in row.detail


def test_nor_from_many_accounts(alice: User, display: Display, settings: Any) -> None:
    for number in range(9):
        account = account_create(name=f"Shop {number}", owner=alice)
        shop = display_create(account=account, name="D", kind="popup", status="live")
        linked = linked_account_create(
            account=account,
            provider="mailchimp",
            label="L",
            credentials={"api_key": "0" * 32 + "-us1"},
        )
        own_rule(shop, linked)
        sign_up(shop, "victim@gmail.com", ip=f"10.0.0.{number}")
        work()
    assert len(mail.outbox) == 2 * settings.CONFIRM_MAILS_PER_ADDRESS


def test_a_visitor_cannot_have_many_strangers_mailed(
    acme: Account, display: Display, rule: Any, settings: Any
) -> None:
    for number in range(60):
        sign_up(display, f"victim{number}@gmail.com", ip="198.51.100.9")
    sign_up(display, "honest@gmail.com", ip="198.51.100.10")
    work()
    work()
    to = [message.to[0] for message in mail.outbox]
    assert len(to) == settings.CONFIRM_ADDRESSES_PER_IP + 1
    assert "honest@gmail.com" in to
    waiting = Confirmation.objects.filter(state="queued")
    assert waiting.count() == 40
    assert all("one network within an hour" in row.detail for row in waiting)
    assert all(row.due > now() + timedelta(minutes=50) for row in waiting)
    later(minutes=75)
    work()
    assert len(mail.outbox) == 2 * settings.CONFIRM_ADDRESSES_PER_IP + 1
    later(days=8)
    work()
    assert len(mail.outbox) == 2 * settings.CONFIRM_ADDRESSES_PER_IP + 1
    assert set(states(acme)) == {("skipped", "consent.not_confirmed")}
