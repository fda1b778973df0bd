"""REST: bulk runs from the plan to the undo."""

from __future__ import annotations

from typing import Any

import pytest

from contactsync.tenancy.models import AuditEntry
from contactsync.tenancy.services import IssuedKey
from displays.models import Display, SyncRule
from integrations.models import BulkRun, Delivery, LinkedAccount
from tests.activity.test_bulk_pages import ADA, NORA, _running, failed, sandbox
from tests.contactsync.api.client import Api
from tests.integrations.bulk_world import rule_made, signed_up, worked

__all__ = ["_running", "sandbox"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def server(secret_key: IssuedKey) -> Api:
    return Api(secret_key.text)


@pytest.fixture
def rule(sandbox: Any, display: Display, linked: LinkedAccount) -> SyncRule:
    signed_up(display, NORA)
    signed_up(display, ADA, fields={"first_name": "Augusta"})
    return rule_made(display, linked)


def backfill(server: Api, rule: SyncRule, **more: Any) -> Any:
    body = {"kind": "backfill", "filter": {"rule": str(rule.pk)}, **more}
    return server.post("bulk-runs", body)


def test_a_backfill_from_plan_to_undo(server: Api, rule: SyncRule) -> None:
    answer = backfill(server, rule)
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["kind"], made["state"]) == ("backfill", "planning")
    assert made["created_by"] == "API key server"
    run = worked(BulkRun.objects.get(pk=made["id"]))
    place = f"bulk-runs/{run.pk}"

    told = server.get(place).json()
    assert told["state"] == "stopped"
    plan = told["plan"]
    assert (plan["total"], plan["acts"], plan["exact"]) == (2, 2, True)
    assert plan["found"] == {"create": 1, "update": 1}
    assert plan["sample"][0]["fields"][0]["theirs"] == "Ada"
    assert told["guard"]["count"] == 2

    refused = server.post(f"{place}/start", {})
    assert refused.status_code == 409
    problem = refused.json()
    assert problem["count"] == 2
    assert problem["errors"][0]["field"] == "confirm"
    assert server.post(f"{place}/start", {"confirm": "2"}).status_code == 422
    started = server.post(f"{place}/start", {"confirm": 2})
    assert started.json()["state"] == "running"
    assert server.post(f"{place}/pause", {}).json()["state"] == "paused"
    assert server.post(f"{place}/resume", {}).json()["state"] == "running"
    worked(run)
    told = server.get(place).json()
    assert (told["state"], told["progress"]["ended"]) == ("done", {"synced": 2})
    items = server.get(f"{place}/items").json()["results"]
    assert {item["outcome"] for item in items} == {"synced"}
    assert {item["plan"] for item in items} == {"create", "update"}
    only = server.get(f"{place}/items?plan=create").json()["results"]
    assert len(only) == 1

    assert server.post(f"{place}/undo", {}).status_code == 409
    assert server.post(f"{place}/undo", {"confirm": 2}).json()["state"] == "undoing"
    worked(run)
    told = server.get(place).json()
    assert told["undo"]["counts"] == {"removed": 1, "restored": 1}
    late = server.post(f"{place}/cancel", {})
    assert (late.status_code, late.json()["type"]) == (409, "about:blank#bulk.state")
    done = AuditEntry.objects.filter(action__startswith="bulk_run.")
    assert set(done.values_list("action", flat=True)) == {
        f"bulk_run.{what}"
        for what in ("plan", "confirm", "start", "pause", "resume", "undo")
    }


def test_a_retry_by_filter(
    server: Api, display: Display, rule: SyncRule, linked: LinkedAccount
) -> None:
    failed(display, "p1.fail@gmail.com")
    failed(display, "p2.fail@gmail.com", "internal")
    body = {
        "kind": "retry",
        "filter": {"linked_account": str(linked.pk), "reason": "server"},
        "most": 1,
    }
    made = server.post("bulk-runs", body).json()
    run = worked(BulkRun.objects.get(pk=made["id"]))
    assert (run.plan["acts"], run.most) == (1, 1)
    assert run.state == "planned"
    assert server.post(f"bulk-runs/{run.pk}/start", {}).status_code == 200
    worked(run)
    assert Delivery.objects.filter(state="synced").count() == 1
    listed = server.get("bulk-runs?kind=retry&state=done").json()["results"]
    assert [each["id"] for each in listed] == [str(run.pk)]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "kind"),
        ({"kind": "delete"}, "kind"),
        ({"kind": "backfill"}, "filter.rule"),
        ({"kind": "retry", "filter": {"rule": "x"}}, "filter.rule"),
        ({"kind": "retry", "filter": {"reason": "bad luck"}}, "filter.reason"),
        ({"kind": "retry", "filter": {"since": "yesterday"}}, "filter.since"),
        ({"kind": "retry", "filter": {"since": 5}}, "filter.since"),
        ({"kind": "retry", "filter": {"colour": "red"}}, "filter.colour"),
        ({"kind": "retry", "most": 0}, "most"),
        ({"kind": "retry", "most": True}, "most"),
    ],
)
def test_a_body_that_cannot_be(server: Api, body: dict[str, Any], field: str) -> None:
    answer = server.post("bulk-runs", body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not BulkRun.objects.exists()


def test_another_account_s_rule_is_not_there(
    server: Api, display: Display, linked: LinkedAccount, other: Any
) -> None:
    SyncRule.objects.filter(pk=rule_made(display, linked).pk).update(account=other)
    answer = backfill(server, SyncRule.objects.get())
    assert answer.json()["errors"][0]["field"] == "filter.rule"
    filters = {"linked_account": str(other.pk).rjust(32, "0")}
    answer = server.post("bulk-runs", {"kind": "retry", "filter": filters})
    assert answer.json()["errors"][0]["field"] == "filter.linked_account"


def test_a_backfill_of_a_span(server: Api, rule: SyncRule) -> None:
    span = {"rule": str(rule.pk), "since": "2100-01-01T00:00:00Z"}
    made = server.post("bulk-runs", {"kind": "backfill", "filter": span}).json()
    assert worked(BulkRun.objects.get(pk=made["id"])).plan["total"] == 0
    odd = {"rule": str(rule.pk), "reason": "server"}
    answer = server.post("bulk-runs", {"kind": "backfill", "filter": odd})
    assert answer.json()["errors"][0]["field"] == "filter.reason"
