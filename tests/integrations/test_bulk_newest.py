"""Of several signups of one person it is the newest that counts, whenever it comes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from contactsync.tenancy.models import Account
from displays.models import Display, SyncRule
from integrations import bulk_look, bulk_send, bulk_work
from integrations.bulk import bulk_plan_create, bulk_start
from integrations.drain import drain
from integrations.models import BulkRun, Delivery, LinkedAccount
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.bulk_world import (
    FRESH,
    NEWS,
    item,
    planned,
    rule_made,
    sent,
    signed_up,
    values,
    worked,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def rule(sandbox: RunningSandbox, display: Display, linked: LinkedAccount) -> SyncRule:
    return rule_made(display, linked)


def skipped(display: Display, name: str, reason: str = "rule.condition") -> Delivery:
    signed_up(display, FRESH, fields={"first_name": name})
    row = Delivery.objects.latest("pk")
    Delivery.objects.filter(pk=row.pk).update(state="skipped", reason=reason)
    return row


def replayed(account: Account, reason: str = "rule.condition") -> BulkRun:
    what = {"reason": reason}
    return worked(bulk_plan_create(account=account, kind="replay", what=what))


@pytest.mark.parametrize("reason", ["rule.condition", "rule.existing"])
def test_of_two_skipped_rows_the_newer_is_sent(
    sandbox: RunningSandbox,
    acme: Account,
    display: Display,
    rule: SyncRule,
    reason: str,
) -> None:
    skipped(display, "Older", reason)
    newer = skipped(display, "Newer", reason)
    run = replayed(acme, reason)
    assert (run.plan["acts"], run.plan["skipped"]) == (1, {"rule.superseded": 1})
    sent(run)
    assert item_sent(run) == [newer.pk]
    assert values(sandbox, FRESH)["FNAME"] == "Newer"


def test_an_older_skipped_row_is_sent_where_the_rule_still_refuses_the_newer(
    sandbox: RunningSandbox, acme: Account, display: Display, rule: SyncRule
) -> None:
    older = skipped(display, "Mira")
    skipped(display, "Nobody")
    rule.target.conditions = [{"field": "first_name", "op": "is", "value": "Mira"}]
    rule.target.save()
    run = replayed(acme)
    assert run.plan["skipped"] == {"rule.condition": 1}
    sent(run)
    assert item_sent(run) == [older.pk]
    assert values(sandbox, FRESH)["FNAME"] == "Mira"


def item_sent(run: BulkRun) -> list[int | None]:
    ended = run.items.filter(outcome="synced")
    return list(ended.values_list("delivery_id", flat=True))


def test_who_signs_up_while_the_provider_is_asked_is_sent_by_the_rule_alone(
    sandbox: RunningSandbox,
    display: Display,
    linked: LinkedAccount,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The slice was judged before that; its older values must not come last."""
    signed_up(display, FRESH, fields={"first_name": "Older"})
    run = planned(rule_made(display, linked))
    bulk_start(run=run, confirm=run.guard.get("count"))
    really = bulk_look.looked_up

    def slowly(target: Any, emails: Sequence[str]) -> Any:
        found = really(target, emails)
        signed_up(display, FRESH, fields={"first_name": "Newer"})
        drain(linked.pk)
        return found

    monkeypatch.setattr(bulk_send, "looked_up", slowly)
    bulk_work.advance(run.pk)
    drain(linked.pk)
    worked(run)

    assert Delivery.objects.count() == 1
    assert values(sandbox, FRESH)["FNAME"] == "Newer"
    assert (item(run, FRESH).outcome, item(run, FRESH).reason) == (
        "kept",
        "bulk.moved_on",
    )
    assert sandbox.member(FRESH, audience=NEWS)["status"] == "subscribed"
