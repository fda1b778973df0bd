"""Incidents open, close and are mailed by themselves; people can close them too."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from activity import incident_words as kinds
from activity.incident_work import LEASE, SILENT_SECONDS, look
from activity.incidents import incident_close, incident_open
from activity.models import Incident
from activity.tasks import check_all_books, check_books
from connections.models import ListImport
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, AuditEntry, User
from contactsync.tenancy.services import IssuedKey
from displays.models import Display, SyncRule
from hygiene.models import CleaningRun
from integrations.lease import lease_take
from integrations.models import (
    BulkRun,
    Delivery,
    Lease,
    LinkedAccount,
    LivePeriod,
    Slot,
    State,
    Target,
)
from tests.activity import factories as make
from tests.activity.world import every_kind

pytestmark = pytest.mark.django_db

PAGE = "/a/acme-outdoor/incidents/"
HOUR = timedelta(hours=1)


@pytest.fixture
def rule(display: Display, linked: LinkedAccount) -> SyncRule:
    found = make.rule(display, linked)
    LivePeriod.objects.update(since=now() - timedelta(days=30))
    return found


def opened() -> list[Incident]:
    return list(Incident.objects.filter(closed_at=None).order_by("kind", "key"))


def lost(rule: SyncRule, email: str = "mira@example.com", **more: Any) -> Any:
    contact = make.signup(rule.display, email, **more)
    Delivery.objects.filter(contact_id=contact.pk).delete()
    return contact


def test_all_kinds_of_rows_that_are_well_open_nothing(
    display: Display, linked: LinkedAccount
) -> None:
    every_kind(display, linked)
    assert check_books() == check_all_books() == 0
    assert opened() == []
    assert mail.outbox == []


def test_a_missing_delivery_opens_one_that_closes_when_it_is_there_again(
    acme: Account, rule: SyncRule
) -> None:
    contact = lost(rule)

    assert check_books() == 1
    assert check_books() == 0

    [incident] = opened()
    today = make.last_signup(contact).at.date().isoformat()
    assert incident.kind == kinds.UNEXPLAINED
    assert incident.key == f"{rule.display_id.hex}:{rule.pk.hex}:{today}"
    assert "1 delivery missing: Spring welcome popup → Mailchimp" in incident.title
    assert incident.detail["count"] == 1
    assert [each.subject for each in mail.outbox] == [f"[contactsync] {incident.title}"]
    assert "no record that it was to be sent" in mail.outbox[0].body
    assert "/a/acme-outdoor/incidents/" in mail.outbox[0].body

    rule.enabled = False
    LivePeriod.objects.all().delete()
    SyncRule.objects.update(enabled=False)
    check_books()

    assert opened() == []
    incident.refresh_from_db()
    assert (incident.closed_by, incident.note) == (None, "")
    assert mail.outbox[1].subject.startswith("[contactsync] Right again: 1 delivery")
    check_books()
    assert len(mail.outbox) == 2


def test_days_long_ago_are_looked_at_hourly(rule: SyncRule) -> None:
    lost(rule, at=now() - timedelta(days=9))
    assert check_books() == 0
    assert check_all_books() == 1
    check_books()  # does not close what it did not look at
    assert len(opened()) == 1


def test_many_at_once_are_one_mail(acme: Account, linked: LinkedAccount) -> None:
    for number in range(14):
        display = Display.objects.create(account=acme, name=f"Form {number}")
        found = make.rule(display, linked)
        LivePeriod.objects.update(since=now() - HOUR)
        lost(found, f"p{number}@example.com")

    assert check_books() == 14

    [told] = mail.outbox
    assert "14 incidents need a look" in told.subject
    assert "And 4 more." in told.body
    Incident.objects.update(detail={"from": "9999"}, kind="stuck.job")
    check_books()  # all closed, and others opened: those wait for the quiet to end
    assert "Right again: 14 incidents" in mail.outbox[1].subject
    assert len(mail.outbox) == 2
    assert all(each.mailed_at is None for each in opened())
    Incident.objects.filter(closed_at__isnull=False).update(mailed_at=now() - HOUR)
    check_books()
    assert len(mail.outbox) == 3


def stuck_rows(rule: SyncRule, linked: LinkedAccount, kind: str) -> None:
    contact = make.signup(rule.display, "mira@example.com")
    rows = Delivery.objects.filter(contact_id=contact.pk)
    old = now() - 8 * HOUR
    match kind:
        case kinds.WAITING:
            rows.update(due=old)
        case kinds.SENDING:
            make.claim(contact, ended=8 * HOUR)
        case kinds.SUBMITTED:
            rows.update(state=State.SUBMITTED, changed_at=old)
        case kinds.OPT_IN:
            rows.update(state=State.AWAITING_OPT_IN, asked_by="provider", due=old)
        case kinds.HELD:
            rows.update(state=State.HELD, changed_at=old)


def well(rule: SyncRule, linked: LinkedAccount, kind: str) -> None:
    """The same row, with a reason to be where it is, or not for long."""
    rows = Delivery.objects.all()
    match kind:
        case kinds.WAITING:
            make.attempt(linked)
        case kinds.SENDING:
            Lease.objects.update(until=now())
        case kinds.SUBMITTED:
            rows.update(changed_at=now() - 6 * HOUR)
        case kinds.OPT_IN:
            rows.update(due=now())
        case kinds.HELD:
            Target.objects.update(held_reason="target.missing")


@pytest.mark.parametrize(
    "kind",
    [kinds.WAITING, kinds.SENDING, kinds.SUBMITTED, kinds.OPT_IN, kinds.HELD],
)
def test_rows_past_their_promise(
    rule: SyncRule, linked: LinkedAccount, kind: str
) -> None:
    stuck_rows(rule, linked, kind)
    check_books()
    [incident] = opened()
    assert (incident.kind, incident.key) == (kind, str(linked.pk))
    assert incident.title.startswith("1 delivery to Mailchimp · Acme Store ")
    well(rule, linked, kind)
    check_books()
    assert opened() == []


def test_people_whom_we_did_not_ask_within_an_hour(
    rule: SyncRule, linked: LinkedAccount
) -> None:
    make.signup(rule.display, "mira@example.com")
    rows = Delivery.objects.all()
    rows.update(state=State.AWAITING_OPT_IN, asked_by="us", reason="opt_in.queued")
    rows.update(due=now() - 9 * HOUR)
    assert check_books() == 0
    rows.update(changed_at=now() - 2 * HOUR)
    assert check_books() == 1
    rows.update(reason="opt_in.sent")
    check_books()
    assert opened() == []


def test_an_account_told_to_wait_for_days(linked: LinkedAccount) -> None:
    LinkedAccount.objects.update(not_before=now() + 23 * HOUR)
    assert check_books() == 0
    LinkedAccount.objects.update(not_before=now() + 25 * HOUR)
    assert check_books() == 1
    assert opened()[0].kind == kinds.SLOW_DOWN


def test_jobs_that_do_not_move_on(
    acme: Account, rule: SyncRule, linked: LinkedAccount
) -> None:
    left = {"lease_until": now() - HOUR, "claim_id": uuid4()}
    CleaningRun.objects.create(account=acme, filename="a.csv", status="running", **left)
    target = Target.objects.create(account=acme, linked_account=linked)
    waits = ListImport.objects.create(
        account=acme, filename="b.csv", status="queued", target=target
    )
    run = BulkRun.objects.create(account=acme, kind="retry", state="running", **left)
    assert check_books() == 2
    ListImport.objects.filter(pk=waits.pk).update(created_at=now() - 2 * HOUR)
    assert check_books() == 1
    assert {each.title for each in opened()} == {
        "a.csv does not move on",
        "b.csv does not move on",
        f"{run} does not move on",
    }
    CleaningRun.objects.update(status="done")
    ListImport.objects.update(rows_done=5)  # it waits for its turn
    BulkRun.objects.update(lease_until=now())
    check_books()
    assert opened() == []


def test_contacts_that_the_provider_does_not_have(rule: SyncRule) -> None:
    Target.objects.update(reconciled={"at": "2026-05-01", "missing": 0, "checked": 9})
    assert check_books() == 0
    Target.objects.update(reconciled={"at": "2026-05-01", "missing": 3, "checked": 9})
    assert check_books() == 1
    assert opened()[0].title.startswith("3 synced contacts not found: Mailchimp")
    SyncRule.objects.update(enabled=False)
    check_books()
    assert opened() == []


def silent(seconds: float) -> None:
    """As if the last look had been so long ago."""
    check_books()
    Slot.objects.filter(key=LEASE).update(until=time.time() - seconds)


def test_no_worker_is_seen_where_somebody_looks_and_closed_by_the_next_worker(
    client_of: Callable[[User], Client], vera: User, linked: LinkedAccount
) -> None:
    page = client_of(vera)
    assert "as promised" in page.get(PAGE).content.decode()  # none was ever seen
    silent(SILENT_SECONDS - 20)
    assert "as promised" in page.get(PAGE).content.decode()
    silent(SILENT_SECONDS + 20)

    html = page.get("/a/acme-outdoor/ledger/").content.decode()
    assert '1<span class="sr"> to look at' in html
    html = page.get(PAGE).content.decode()

    assert "No worker has reported since" in html
    assert [each.kind for each in opened()] == [kinds.ENGINE]
    check_books()
    assert opened() == []
    assert mail.outbox == []  # shorter than five minutes: a restart


def test_a_long_silence_is_written_down_and_mailed_once_it_is_over(
    linked: LinkedAccount,
) -> None:
    silent(3600)
    check_books()
    gap = Incident.objects.get()
    assert gap.closed_at is not None
    assert 3590 < (gap.closed_at - gap.opened_at).total_seconds() < 3700
    [told] = mail.outbox
    assert "Right again: No worker has reported since" in told.subject


def test_one_worker_looks_at_a_time(rule: SyncRule) -> None:
    lost(rule)
    assert lease_take(LEASE, uuid4(), 60)
    assert look() is None
    assert opened() == []
    Slot.objects.update(until=0.0)
    assert look() == 1


def test_what_a_person_closed_stays_closed_until_it_gets_worse(
    rule: SyncRule, alice: User
) -> None:
    lost(rule)
    check_books()
    [incident] = opened()
    assert incident_close(incident=incident, by=alice, note="known")
    assert not incident_close(incident=incident, by=alice, note="again")
    assert check_books() == 0
    lost(rule, "omar@example.com")
    assert check_books() == 1
    assert opened()[0].detail["count"] == 2
    incident.refresh_from_db()
    assert (incident.note, incident.closed_by) == ("known", alice)
    assert len(mail.outbox) == 1  # no word that it is right again: it is not


def test_what_went_away_and_came_back_is_news(acme: Account, alice: User) -> None:
    what: dict[str, Any] = {"kind": "stuck.job", "key": "1", "title": "x"}
    assert incident_open(account=acme, **what, detail={"count": 1})
    incident_close(incident=Incident.objects.get(), by=alice, note="known")
    assert not incident_open(account=acme, **what, detail={"count": 1})
    Incident.objects.update(seen_at=now() - HOUR)
    assert incident_open(account=acme, **what, detail={"count": 1})


def test_an_admin_closes_one_with_a_note(
    client_of: Callable[[User], Client],
    acme: Account,
    alice: User,
    vera: User,
    rule: SyncRule,
) -> None:
    lost(rule)
    check_books()
    [incident] = opened()
    close = f"{PAGE}{incident.pk}/close/"
    assert "Close it by hand" not in client_of(vera).get(PAGE).content.decode()
    assert client_of(vera).post(close, {"note": "x"}).status_code == 403
    admin = client_of(alice)
    html = admin.post(close, {"note": " "}, follow=True).content.decode()
    assert "still open" in html
    assert opened() == [incident]

    html = admin.post(close, {"note": "A <test>"}, follow=True).content.decode()

    assert opened() == []
    assert "A &lt;test&gt;" in html
    assert "by Alice Adams" in html
    entry = AuditEntry.objects.get(action="incident.closed")
    assert (entry.subject, entry.detail["note"]) == (incident.title, "A <test>")


def test_each_kind_has_words_and_a_way_that_exists(acme: Account) -> None:
    for kind in kinds.KINDS.values():
        assert kind.meaning.endswith(".")
        assert kind.next_step.endswith(".")
        assert kind.url(acme.slug, {"linked": "x", "show": "missing"})
    row = kinds.KINDS[kinds.UNEXPLAINED]
    assert "show=missing&rule=r" in row.url("a", {"show": "missing", "rule": "r"})


def test_the_api_lists_them(
    client: Client, secret_key: IssuedKey, rule: SyncRule, alice: User, other: Account
) -> None:
    lost(rule)
    check_books()
    incident_open(account=other, kind="stuck.job", key="", title="theirs", detail={})
    headers = {"Authorization": f"Bearer {secret_key.text}"}
    told = client.get("/api/v1/incidents?state=open", headers=headers).json()
    [row] = told["results"] if "results" in told else told["data"]
    assert row["kind"] == "unexplained"
    assert row["closed_at"] is None
    assert row["meaning"].startswith("The signup was accepted")
    closed = client.get("/api/v1/incidents?state=closed", headers=headers).json()
    assert "theirs" not in str(closed)
    wrong = client.get("/api/v1/incidents?state=ajar", headers=headers)
    assert wrong.status_code in (400, 422)
    assert "open, closed" in wrong.content.decode()


def test_readyz_and_metrics_say_how_many(client: Client, rule: SyncRule) -> None:
    ready = client.get("/readyz").json()
    assert ready["incidents"] == {"ok": True, "open": 0}
    assert ready["worker"] == {"ok": True, "last_seen_seconds": None}
    lost(rule)
    check_books()
    ready = client.get("/readyz").json()
    assert ready["incidents"] == {"ok": False, "open": 1}
    assert ready["worker"]["ok"]
    text = client.get("/metrics").content.decode()
    assert "contactsync_incidents_open 1.0" in text
    assert "contactsync_worker_last_seen_seconds " in text
    Slot.objects.filter(key=LEASE).update(until=time.time() - SILENT_SECONDS - 9)
    ready = client.get("/readyz").json()
    assert (ready["status"], ready["worker"]["ok"]) == ("degraded", False)


def test_days_are_utc_wherever_the_server_is(rule: SyncRule) -> None:
    with timezone.override("Pacific/Auckland"):
        lost(rule)
        assert check_books() == 1
