"""What a bulk run may be about, said where somebody asks for something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from contactsync.tenancy.models import User
from contactsync.tenancy.services import IssuedKey
from displays.models import Display, SyncRule
from integrations.models import BulkRun, LinkedAccount
from tests.contactsync.api.client import Api
from tests.integrations.world import rule_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(secret_key: IssuedKey) -> Api:
    return Api(secret_key.text)


@pytest.fixture
def rule(display: Display, linked: LinkedAccount) -> SyncRule:
    return rule_to(display, linked)


def refused(server: Api, kind: str, filters: dict[str, Any]) -> list[dict[str, str]]:
    answer = server.post("bulk-runs", {"kind": kind, "filter": filters})
    assert answer.status_code == 422, answer.content
    assert not BulkRun.objects.exists()
    errors: list[dict[str, str]] = answer.json()["errors"]
    return errors


@pytest.mark.parametrize(
    ("kind", "allowed"),
    [
        ("backfill", "rule, since, until"),
        ("retry", "linked_account, rule, reason, since, until"),
        ("replay", "linked_account, rule, reason, since, until"),
    ],
)
def test_a_display_is_named_by_its_rule(
    server: Api, rule: SyncRule, kind: str, allowed: str
) -> None:
    filters = {"rule": str(rule.pk), "display": str(rule.display_id)}
    error = refused(server, kind, filters)[0]
    assert (error["field"], error["code"]) == ("filter.display", "unknown")
    assert f"takes: {allowed}." in error["detail"]
    assert "A rule belongs to one display" in error["detail"]


def test_any_other_name_says_what_is_allowed(server: Api, rule: SyncRule) -> None:
    error = refused(server, "retry", {"state": "failed"})[0]
    assert error["field"] == "filter.state"
    assert "retry takes: linked_account, rule, reason" in error["detail"]
    unfit = refused(server, "backfill", {"rule": str(rule.pk), "reason": "server"})[0]
    assert unfit["field"] == "filter.reason"
    assert "backfill takes: rule, since, until." in unfit["detail"]


def test_what_is_wrong_beside_the_name_is_said_too(server: Api) -> None:
    fields = {each["field"] for each in refused(server, "retry", {"x": 1, "rule": 2})}
    assert fields == {"filter.x", "filter.rule"}
    answer = server.post("bulk-runs", {"kind": "nothing", "filter": {"x": 1}})
    assert {each["field"] for each in answer.json()["errors"]} == {"kind", "filter.x"}


def test_a_backfill_without_a_rule_says_where_to_find_one(server: Api) -> None:
    error = refused(server, "backfill", {})[0]
    assert error["field"] == "filter.rule"
    assert "/displays/{id}/rules" in error["detail"]


@pytest.mark.parametrize("kind", ["retry", "backfill"])
def test_a_span_that_ends_before_it_begins(
    server: Api, rule: SyncRule, kind: str
) -> None:
    span = {"since": "2026-05-02T00:00:00Z", "until": "2026-05-01T00:00:00Z"}
    error = refused(server, kind, {"rule": str(rule.pk), **span})[0]
    assert (error["field"], error["code"]) == ("filter.until", "order")


def test_a_rule_of_another_linked_account(
    server: Api, rule: SyncRule, acme: Any
) -> None:
    other = LinkedAccount.objects.create(account=acme, provider="klaviyo", label="K")
    filters = {"rule": str(rule.pk), "linked_account": str(other.pk)}
    error = refused(server, "retry", filters)[0]
    assert (error["field"], error["code"]) == ("filter.rule", "unfit")


def test_the_last_day_there_can_be(
    client_of: Callable[[User], Client], bob: User, rule: SyncRule
) -> None:
    page = client_of(bob)
    given = {"kind": "retry", "since": "0001-01-01", "until": "9999-12-31"}
    answer = page.post("/a/acme-outdoor/activity/bulk/new/", given)
    assert answer.status_code == 422
    assert b"there is nothing to do" in answer.content
