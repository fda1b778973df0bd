"""Several senders, double clicks, and a click while the link expires."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import close_old_connections, connection
from django.test import Client

from contacts.models import Consent, Event
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays import confirm, confirm_links, confirm_send
from displays.confirm import Answer
from displays.models import Confirmation, Display
from integrations.models import Delivery, LinkedAccount
from tests.displays.confirming import FORM, own_rule, sign_up, states, work
from tests.displays.smtp import Post, post_office

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def post(settings: Any) -> Iterator[Post]:
    with post_office(settings) as running:
        yield running


@pytest.fixture
def rule(display: Display, linked: LinkedAccount) -> Any:
    return own_rule(display, linked)


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Do all at the same moment; what each returned. Raises what one raised."""
    barrier, results = threading.Barrier(len(works)), []
    wrong: list[BaseException] = []

    def run(what: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(10)
            results.append(what())
        except BaseException as error:
            wrong.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(each,)) for each in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    return results


def test_several_senders_send_each_mail_once(
    acme: Account, display: Display, rule: Any, post: Post
) -> None:
    for number in range(60):
        sign_up(display, f"mira{number}@gmail.com", ip=None)
    at_once(*[work] * 4)
    work()
    addresses = Counter(address for address, _ in post.taken)
    assert len(addresses) == 60 and set(addresses.values()) == {1}
    assert Confirmation.objects.count() == 60
    assert set(states(acme)) == {("awaiting_opt_in", "opt_in.sent")}


def test_several_gatherers_make_one_confirmation(
    acme: Account, display: Display, rule: Any, post: Post
) -> None:
    for _ in range(5):
        sign_up(display)
    at_once(*[confirm.gather] * 4)
    assert Confirmation.objects.count() == 1


def asked(display: Display, post: Post) -> tuple[Confirmation, str]:
    sign_up(display)
    work()
    row = Confirmation.objects.get()
    return row, confirm_links.token_of(row.pk)


def test_a_double_click(acme: Account, display: Display, rule: Any, post: Post) -> None:
    _, token = asked(display, post)
    path = f"/c/{token}"
    value = FORM.search(Client().get(path).content.decode())
    assert value is not None

    def click() -> int:
        return int(Client().post(path, {"page": value[1]}).status_code)

    assert at_once(*[click] * 6) == [200] * 6
    assert Consent.objects.filter(source="confirmation").count() == 1
    assert Event.objects.filter(kind="delivery.confirmed").count() == 1
    assert states(acme) == [("pending", "")]


def test_a_click_while_it_expires(
    acme: Account, display: Display, rule: Any, post: Post
) -> None:
    """One of the two wins; the delivery goes where the confirmation went."""
    seen = set()
    for number in range(12):
        sign_up(display, f"mira{number}@gmail.com", ip=None)
    work()
    # The moment itself: some clicks come before it, some after.
    for row in Confirmation.objects.order_by("id"):
        ends = now() + timedelta(milliseconds=60)
        Confirmation.objects.filter(pk=row.pk).update(expires_at=ends, due=now())

        def click(token: str = confirm_links.token_of(row.pk)) -> Answer:
            threading.Event().wait(0.055)
            return confirm.confirm(token, ip=None, evidence={}).answer

        def expire() -> None:
            threading.Event().wait(0.06)
            confirm_send.send_due()

        [answer] = [each for each in at_once(click, expire) if each is not None]
        confirm_send.send_due()
        row.refresh_from_db()
        delivery = Delivery.objects.get(contact_id=row.contact_id)
        if answer == Answer.CONFIRMED:
            assert (row.state, delivery.state) == ("confirmed", "pending")
        else:
            assert answer == Answer.EXPIRED
            assert (row.state, delivery.state) == ("expired", "skipped")
        seen.add(answer)
    close_old_connections()
    assert seen


def test_signing_up_while_confirming_strands_nobody(
    acme: Account, display: Display, rule: Any, post: Post
) -> None:
    _, token = asked(display, post)
    at_once(
        lambda: confirm.confirm(token, ip=None, evidence={}),
        *[lambda: sign_up(display)] * 4,
    )
    work()
    assert {state for state, _ in states(acme)} <= {"pending", "skipped"}
    assert len(post.taken) == 1
