"""Bulk actions in the browser's place: plan, guard, start, progress, undo, lists."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from contactsync.tenancy.models import Account, AuditEntry, User
from displays.models import Display, SyncRule
from integrations.models import BulkRun, Delivery, LinkedAccount
from integrations.sandbox.testing import RunningSandbox, running_sandbox
from tests.integrations.bulk_world import (
    NEWS,
    planned,
    rule_made,
    sent,
    signed_up,
    worked,
)

pytestmark = pytest.mark.django_db
HOME = "/a/acme-outdoor/activity/"
ADA = "ada.lovelace@analytical.example"
NORA = "nora.new@gmail.com"


@pytest.fixture(scope="module")
def _running() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


@pytest.fixture
def sandbox(_running: RunningSandbox, settings: Any) -> RunningSandbox:
    cache.clear()
    _running.reset()
    _running.faults()
    settings.PROVIDER_URLS = {"mailchimp": _running.base_url("mailchimp")}
    return _running


@pytest.fixture
def page(client_of: Callable[[User], Client], bob: User) -> Client:
    return client_of(bob)


@pytest.fixture
def rule(sandbox: RunningSandbox, display: Display, linked: LinkedAccount) -> SyncRule:
    signed_up(display, NORA)
    signed_up(display, ADA, fields={"first_name": "Augusta"})
    return rule_made(display, linked)


def text(page: Client, url: str, **more: Any) -> str:
    answer = page.get(url, **more)
    assert answer.status_code == 200
    return answer.content.decode()


def url_of(run: BulkRun) -> str:
    return f"{HOME}bulk/{run.pk}/"


def failed(display: Display, email: str, reason: str = "server") -> None:
    signed_up(display, email)
    Delivery.objects.filter(payload__email=email).update(state="failed", reason=reason)


def test_the_plan_is_seen_before_anything_is_sent(page: Client, rule: SyncRule) -> None:
    html = text(page, url_of(planned(rule)))
    assert "Needs a second confirmation" in html
    for words in ("2</span> contacts would be sent", "Augusta", "Are new there"):
        assert words in html
    assert "Type 2, the number of contacts" in html
    assert not Delivery.objects.exists()


def test_a_wrong_number_starts_nothing(page: Client, rule: SyncRule) -> None:
    run = planned(rule)
    answer = page.post(f"{url_of(run)}start/", {"confirm": "3"})
    assert answer.status_code == 422
    assert "Type 2 to confirm" in answer.content.decode()
    run.refresh_from_db()
    assert run.state == "stopped"
    answer = page.post(f"{url_of(run)}start/", {"confirm": " 2 "}, follow=True)
    assert answer.status_code == 200
    run.refresh_from_db()
    assert run.state == "running"
    assert run.guard["confirmed_by"] == "Bob Brown"
    entry = AuditEntry.objects.get(action="bulk_run.confirm")
    assert (entry.detail["what"], entry.detail["confirmed"]) == ("start", 2)


def test_steps_are_written_down(page: Client, rule: SyncRule) -> None:
    run = planned(rule)
    page.post(f"{url_of(run)}start/", {"confirm": "2"})
    page.post(f"{url_of(run)}pause/")
    assert "Resume" in text(page, url_of(run))
    page.post(f"{url_of(run)}resume/")
    worked(run)
    assert run.state == "done"
    html = text(page, url_of(run))
    assert "Undo this action" in html
    assert "1</span> contact</b> that it had added leaves the audience" in html
    page.post(f"{url_of(run)}undo/", {"confirm": "2"})
    worked(run)
    assert "Everything that this action changed was taken back." in text(
        page, url_of(run)
    )
    actions = AuditEntry.objects.filter(action__startswith="bulk_run.")
    assert set(actions.values_list("action", flat=True)) == {
        f"bulk_run.{what}" for what in ("start", "confirm", "pause", "resume", "undo")
    }


def test_what_could_not_be_undone_is_a_file(
    page: Client, rule: SyncRule, sandbox: RunningSandbox
) -> None:
    run = sent(planned(rule))
    sandbox.control("POST", "mailchimp/unsubscribe", {"email": NORA})
    page.post(f"{url_of(run)}undo/", {"confirm": "2"})
    worked(run)
    html = text(page, url_of(run))
    assert "1</span> contact could not be taken back" in html
    answer = page.get(f"{url_of(run)}contacts.csv?undone=not")
    body = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    [row] = list(csv.DictReader(io.StringIO(body)))
    assert (row["email"], row["undone"]) == (NORA, "Left as they are now")
    assert row["detail"] == "They have left since, and stay as they are."
    answer = page.get(f"{url_of(run)}contacts.csv")
    body = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    assert len(list(csv.DictReader(io.StringIO(body)))) == 2


def test_figures_of_a_sample_are_marked(
    page: Client, display: Display, rule: SyncRule, settings: Any
) -> None:
    settings.BULK_LOOK_UPS = 3
    for number in range(8):
        signed_up(display, f"p{number}.more@gmail.com")
    Delivery.objects.all().delete()
    html = text(page, url_of(planned(rule)))
    assert "about" in html
    assert "of 10 contacts were looked up" in html


def test_retry_all_makes_a_plan_for_more_than_one(
    page: Client, display: Display, rule: SyncRule, linked: LinkedAccount
) -> None:
    for number in range(2):
        failed(display, f"p{number}.fail@gmail.com")
    failed(display, "other.fail@gmail.com", "internal")
    answer = page.post(f"{HOME}retry/{linked.pk}/", {"reason": "server"})
    run = BulkRun.objects.get()
    assert answer["Location"] == url_of(run)
    assert (run.kind, run.what["reason"]) == ("retry", "server")
    assert worked(run).plan["acts"] == 2
    assert Delivery.objects.filter(state="failed").count() == 3
    page.post(f"{HOME}retry/{linked.pk}/", {"reason": "internal"})
    assert Delivery.objects.filter(state="pending").count() == 1
    assert BulkRun.objects.count() == 1


def test_everything_held_is_planned(
    page: Client, display: Display, rule: SyncRule, linked: LinkedAccount
) -> None:
    html = text(page, HOME)
    everything = f'action="{HOME}held/"'
    assert everything not in html
    signed_up(display, "held.one@gmail.com")
    Delivery.objects.update(state="held", reason="schema.type")
    html = text(page, HOME)
    assert everything in html
    assert "Send these" in html
    page.post(f"{HOME}held/", {"linked": str(linked.pk), "reason": "schema.type"})
    run = BulkRun.objects.get()
    assert run.what["linked_account"] == str(linked.pk)
    assert (run.kind, worked(run).plan["acts"]) == ("resume", 1)
    Delivery.objects.update(state="synced")
    answer = page.post(f"{HOME}held/", follow=True)
    assert "Nothing is held any more." in answer.content.decode()


def test_a_new_action_by_filter(
    page: Client, display: Display, rule: SyncRule, linked: LinkedAccount
) -> None:
    html = text(page, f"{HOME}bulk/new/?kind=replay")
    assert '<option value="replay" selected>' in html
    nothing = page.post(f"{HOME}bulk/new/", {"kind": "replay"})
    assert nothing.status_code == 422
    assert "No delivery fits these filters" in nothing.content.decode()
    failed(display, "p1.fail@gmail.com")
    answer = page.post(
        f"{HOME}bulk/new/",
        {"kind": "retry", "rule": str(rule.pk), "since": "2020-01-01", "most": "5"},
    )
    run = BulkRun.objects.get()
    assert answer["Location"] == url_of(run)
    assert (run.target, run.most) == (rule.target, 5)
    assert run.what["since"] == "2020-01-01T00:00:00+00:00"
    bad = page.post(
        f"{HOME}bulk/new/",
        {"kind": "retry", "since": "2026-02-02", "until": "2026-02-01"},
    )
    assert bad.status_code == 422
    assert "not before the first one" in bad.content.decode()


def test_the_list(page: Client, acme: Account, rule: SyncRule) -> None:
    assert "No bulk action yet" in text(page, f"{HOME}bulk/")
    run = planned(rule)
    html = text(page, f"{HOME}bulk/")
    assert url_of(run) in html
    assert "Send a display&#x27;s history to Newsletter" in html
    assert f'href="{HOME}bulk/"' in text(page, HOME)


def test_viewers_only_look(
    client_of: Callable[[User], Client], vera: User, rule: SyncRule
) -> None:
    run = planned(rule)
    viewer = client_of(vera)
    html = text(viewer, url_of(run))
    assert "Confirm and start" not in html
    assert viewer.post(f"{url_of(run)}start/", {"confirm": "2"}).status_code == 403
    assert "New action" not in text(viewer, f"{HOME}bulk/")


def test_htmx_gets_the_part_that_changes(page: Client, rule: SyncRule) -> None:
    run = planned(rule)
    html = text(page, url_of(run), headers={"HX-Request": "true"})
    assert html.lstrip().startswith('<div class="stack" id="bulk"')
    assert "every 2s" not in html
    BulkRun.objects.update(state="planning")
    assert "every 2s" in text(page, url_of(run), headers={"HX-Request": "true"})


def test_a_provider_s_word_is_text(
    page: Client, rule: SyncRule, sandbox: RunningSandbox, linked: LinkedAccount
) -> None:
    run = planned(rule)
    sample = run.plan["sample"]
    sample[0]["fields"][0]["theirs"] = "<script>alert(1)</script>"
    BulkRun.objects.update(plan={**run.plan, "sample": sample})
    html = text(page, url_of(run))
    assert "<script>alert" not in html
    assert NEWS not in html
