"""A rejected signup that is accepted after all."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from contacts.models import Contact, Event, Suppression
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, AuditEntry, User
from contactsync.tenancy.services import IssuedKey
from displays import appeals
from displays.appeals import DomainShared, NotAppealable, others, refusal, signup_accept
from displays.models import Display, Signup
from displays.services import display_create
from hygiene.entries import entry_add
from hygiene.models import ListEntry
from hygiene.services import Author
from integrations.models import Delivery, LinkedAccount
from tests.contactsync.api.client import Api
from tests.displays.signups import body
from tests.integrations.world import rule_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def by(alice: User) -> Author:
    return Author(user=alice, label="Alice Adams")


@pytest.fixture
def post(secret_key: IssuedKey, display: Display) -> Any:
    api = Api(secret_key.text)

    def make(email: str, to: Display = display, **more: Any) -> Signup:
        answer = api.post("signups", body(to, email=email, **more))
        return Signup.objects.get(pk=answer.json()["id"])

    return make


@pytest.fixture
def rejected(post: Any, display: Display, linked: LinkedAccount) -> Signup:
    rule_to(display, linked)
    return post(
        "sales@trattoria-rossi.it",
        fields={"first_name": "Mira"},
        consent={"given": True, "text": "Yes"},
        page_url="https://shop.acme.test/",
        utm={"campaign": "spring"},
    )


def accept(signup: Signup, by: Author, scope: str = "address", **more: Any) -> Any:
    account = Account.objects.get(pk=signup.account_id)
    more.setdefault("reason", "I know her")
    return signup_accept(account=account, signup=signup, scope=scope, by=by, **more)


def test_it_flows_on_as_if_it_had_been_accepted(rejected: Signup, by: Author) -> None:
    assert rejected.category == "role" and not Delivery.objects.exists()
    before = rejected.evidence
    assert accept(rejected, by) == appeals.Released(accepted=1)
    signup = Signup.objects.get()
    assert (signup.status, signup.category) == ("accepted", "valid")
    assert signup.rule == "allowed-address"
    assert signup.evidence == f"valid:allowed-address:{signup.email}:policy@tenant"
    assert signup.also[0] == before
    contact = Contact.objects.get()
    assert contact.status == "accepted"
    assert contact.fields == {"first_name": "Mira"}
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.signup_id) == ("pending", signup.pk)
    assert delivery.contact_id == contact.pk
    assert delivery.payload == {
        "email": signup.email,
        "fields": {"first_name": "Mira"},
        "consent": True,
        "page_url": "https://shop.acme.test/",
        "utm": {"campaign": "spring"},
        "ip": signup.ip,
        "at": signup.at.isoformat(),
    }
    event = Event.objects.get(kind="signup.released")
    assert event.contact_id == contact.pk
    assert event.data == {
        "signup": str(signup.pk),
        "display": str(signup.display_id),
        "evidence": before,
        "scope": "address",
        "by": "Alice Adams",
        "reason": "I know her",
    }
    entry = ListEntry.objects.get()
    assert (entry.kind, entry.value, entry.reason) == (
        *("allow", signup.email),
        "I know her",
    )
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["hygiene_entry.allow", "signup.accept"]


def test_the_payload_is_what_an_accepted_signup_would_have_left(
    post: Any, display: Display, linked: LinkedAccount, by: Author
) -> None:
    rule_to(display, linked)
    more = {"fields": {"size": "M"}, "consent": {"given": False}, "utm": {"term": "x"}}
    post("mira@gmail.com", **more)
    accept(post("info@rossi.it", **more), by)
    taken, released = (row.payload for row in Delivery.objects.order_by("id"))
    differ = {"email", "at"}
    assert {name: taken[name] for name in taken.keys() - differ} == {
        name: released[name] for name in released.keys() - differ
    }
    assert taken.keys() == released.keys()


def test_twice_is_once(rejected: Signup, by: Author) -> None:
    stale = Signup.objects.get()
    accept(rejected, by)
    assert accept(stale, by) == appeals.Released()
    assert accept(Signup.objects.get(), by) == appeals.Released()
    assert Delivery.objects.count() == 1
    assert Event.objects.filter(kind="signup.released").count() == 1


def test_the_drain_is_woken_once_it_is_safe(
    rejected: Signup,
    by: Author,
    linked: LinkedAccount,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    woken: list[Any] = []
    monkeypatch.setattr(appeals.waker, "wake", woken.append)
    with django_capture_on_commit_callbacks(execute=True):
        accept(rejected, by)
        assert woken == []
    assert woken == [{linked.pk}]


def test_a_crash_leaves_nothing_half(
    rejected: Signup, by: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(appeals, "enqueue", crash)
    with pytest.raises(RuntimeError):
        accept(rejected, by)
    assert Signup.objects.get().status == "filtered"
    assert Contact.objects.get().status == "filtered"
    assert not ListEntry.objects.exists() and not AuditEntry.objects.exists()
    assert not Event.objects.filter(kind="signup.released").exists()


def test_only_what_is_newer_changes_the_contact(post: Any, by: Author) -> None:
    first = post("info@rossi.it", fields={"first_name": "Old", "size": "S"})
    second = post("info@rossi.it", fields={"first_name": "New", "town": "Rome"})
    accept(second, by)
    accept(first, by)
    assert Contact.objects.get().fields == {
        "first_name": "New",
        "size": "S",
        "town": "Rome",
    }


def test_a_domain_and_all_that_was_rejected_there(
    post: Any, display: Display, linked: LinkedAccount, by: Author
) -> None:
    rule_to(display, linked)
    first = post("info@rossi.it")
    post("sales@rossi.it")
    post("info@mail.rossi.it")
    post("info@rossi.it.example.org")
    broken = post("in fo@rossi.it")
    old = post("office@rossi.it")
    Signup.objects.filter(pk=old.pk).update(at=now() - timedelta(days=31))
    assert others(first) == 1
    assert accept(first, by, "domain") == appeals.Released(accepted=2)
    accepted = Signup.objects.filter(status="accepted")
    assert {each.email for each in accepted} == {"info@rossi.it", "sales@rossi.it"}
    assert {each.rule for each in accepted} == {"allowed-domain"}
    assert Delivery.objects.count() == 2
    broken.refresh_from_db()
    assert broken.category == "syntax"
    assert post("hello+info@rossi.it").status == "accepted"


def test_who_left_stays_away_when_the_domain_is_accepted(
    acme: Account, post: Any, by: Author
) -> None:
    first, gone = post("info@rossi.it"), post("sales@rossi.it")
    Suppression.objects.create(account=acme, email_key="sales@rossi.it", actor="person")
    assert accept(first, by, "domain") == appeals.Released(accepted=1, kept=1)
    gone.refresh_from_db()
    assert (gone.status, gone.category) == ("filtered", "role")


def test_a_very_large_domain_takes_several_clicks(
    post: Any, by: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appeals, "MOST", 2)
    made = [post(f"{name}@rossi.it") for name in ("info", "sales", "office", "admin")]
    assert accept(made[0], by, "domain") == appeals.Released(accepted=2, left=2)
    rest = Signup.objects.filter(status="filtered").order_by("id")[0]
    assert accept(rest, by, "domain") == appeals.Released(accepted=2)


def test_a_mailbox_provider_s_domain_is_not_accepted_as_a_whole(
    post: Any, by: Author
) -> None:
    signup = post("asdfghjkl@gmail.com")
    assert signup.status == "filtered" and others(signup) == 0
    with pytest.raises(DomainShared, match=r"gmail\.com"):
        accept(signup, by, "domain")
    assert not ListEntry.objects.exists()
    assert accept(signup, by).accepted == 1


@pytest.mark.parametrize(
    "email", ["rubbish", "a b@rossi.it", "mira@@rossi.it", "@x", "x@localhost"]
)
def test_what_is_no_address_stays_out(post: Any, by: Author, email: str) -> None:
    signup = post(email)
    assert "No mail" in refusal(signup)
    with pytest.raises(NotAppealable):
        accept(signup, by)
    assert not ListEntry.objects.exists()


@pytest.mark.parametrize(
    ("actor", "said"),
    [
        ("person", "new opt-in by the person"),
        ("complaint", "new opt-in by the person"),
    ],
)
def test_a_person_s_no_is_not_ours_to_lift(
    acme: Account, post: Any, by: Author, actor: str, said: str
) -> None:
    before = post("info@rossi.it")
    Suppression.objects.create(account=acme, email_key="info@rossi.it", actor=actor)
    after = post("info@rossi.it")
    assert after.category == "suppressed"
    for signup in (before, after):
        assert said in refusal(signup)
        with pytest.raises(NotAppealable, match=said):
            accept(signup, by)
    assert not ListEntry.objects.exists()


def test_a_bounce_is_lifted_by_lifting_the_suppression(
    acme: Account, post: Any, by: Author
) -> None:
    row = Suppression.objects.create(
        account=acme, email_key="mira@gmail.com", actor="bounce"
    )
    signup = post("mira@gmail.com")
    assert (signup.category, signup.rule) == ("suppressed", "bounced")
    row.delete()
    assert refusal(signup) == ""
    assert accept(signup, by).accepted == 1


def test_a_denied_address_moves_to_the_other_list(
    acme: Account, post: Any, by: Author
) -> None:
    entry_add(account=acme, kind="deny", value="mira@gmail.com", by=by)
    signup = post("mira@gmail.com")
    assert signup.category == "denied"
    accept(signup, by)
    assert ListEntry.objects.get().kind == "allow"
    assert Signup.objects.get().also == ["denied:address:mira@gmail.com:policy@tenant"]


def test_a_test_signup_goes_to_test_accounts(
    rejected: Signup, by: Author, linked: LinkedAccount
) -> None:
    Signup.objects.update(environment="test")
    accept(Signup.objects.get(), by)
    assert not Delivery.objects.exists()


def test_another_display_s_signup_follows_its_own_rules(
    acme: Account, post: Any, display: Display, linked: LinkedAccount, by: Author
) -> None:
    rule_to(display, linked)
    bar = display_create(account=acme, name="Bar", kind="bar", status="live")
    first, _ = post("info@rossi.it"), post("sales@rossi.it", to=bar)
    assert accept(first, by, "domain").accepted == 2
    assert Delivery.objects.get().signup_id == first.pk


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_two_people_at_once(rejected: Signup, post: Any, by: Author) -> None:
    post("info@trattoria-rossi.it")
    barrier = threading.Barrier(6)
    wrong: list[BaseException] = []

    def click(scope: str) -> None:
        try:
            signup = Signup.objects.get(pk=rejected.pk)
            barrier.wait(10)
            accept(signup, by, scope)
        except BaseException as error:
            wrong.append(error)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=click, args=(scope,))
        for scope in ("address", "domain") * 3
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []
    assert Delivery.objects.filter(signup_id=rejected.pk).count() == 1
    released = Event.objects.filter(
        kind="signup.released", data__signup=str(rejected.pk)
    )
    assert released.count() == 1
    assert ListEntry.objects.count() == 2
