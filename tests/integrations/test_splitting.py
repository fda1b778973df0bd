"""One address that a provider refuses keeps nobody else from being looked up, sent,
compared or taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.models import Display, SyncRule
from integrations import changes, reconcile
from integrations.adapters import ADAPTERS
from integrations.adapters.base import Outcome, Subscription
from integrations.adapters.errors import RejectedError
from integrations.bulk import bulk_plan_create, bulk_undo
from integrations.models import Delivery, LinkedAccount, Target
from tests.integrations.bulk_world import item, sent, signed_up, worked
from tests.integrations.flow_back_world import contact, standing
from tests.integrations.scripted import SYNCED, Scripted
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db
BAD, GOOD, LEFT = "bad.one@gmail.com", "good.two@gmail.com", "left.three@gmail.com"


class Picky(Scripted):
    """Refuses whatever is about one address, before it was sent or after."""

    features = frozenset({"update_existing"})
    there: ClassVar[dict[str, str]]
    picky: ClassVar[bool]
    answer = staticmethod(lambda contacts: [SYNCED for _ in contacts])

    def check(self, emails: Sequence[str]) -> None:
        if self.picky and BAD in emails:
            raise RejectedError("That address is not valid.", status=400)

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        self.check(emails)
        return [
            Subscription(email=email, status=self.there.get(email, "absent"))
            for email in emails
        ]

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        self.check(emails)
        return [SYNCED for _ in emails]


@pytest.fixture
def picky(monkeypatch: pytest.MonkeyPatch) -> type[Picky]:
    class Fresh(Picky):
        calls: ClassVar[list[Any]] = []
        options: ClassVar[list[Any]] = []
        there: ClassVar[dict[str, str]] = {}
        picky: ClassVar[bool] = True

    monkeypatch.setitem(ADAPTERS, "mailchimp", Fresh)
    return Fresh


@pytest.fixture
def rule(display: Display, linked: LinkedAccount, picky: Any) -> SyncRule:
    return rule_to(display, linked)


def synced(acme: Account, rule: SyncRule) -> None:
    for email in (BAD, GOOD, LEFT):
        person = contact(acme, email)
        row = {"state": "synced", "changed_at": now().replace(year=2020)}
        delivery(rule, email=email, contact_id=person.pk, **row)


def test_who_left_is_found_behind_it(acme, linked, rule, picky) -> None:
    synced(acme, rule)
    picky.there |= {GOOD: "subscribed", LEFT: "unsubscribed"}
    changes.poll(linked.pk)
    assert standing() == [(LEFT, "person")]


def test_the_books_are_compared(acme, rule, picky) -> None:
    synced(acme, rule)
    picky.there |= {GOOD: "subscribed", LEFT: "unsubscribed"}
    assert reconcile.compare(rule.target_id)
    found = Target.objects.get().reconciled
    assert found["error"] == ""
    assert (found["agree"], found["left"], found["different"]) == (1, 1, 1)
    line = next(each for each in found["sample"] if each["what"] == "different")
    assert line["detail"] == "That address is not valid."


def test_a_bulk_run_sends_the_others(acme, display, rule, picky) -> None:
    for email in (BAD, GOOD):
        signed_up(display, email)
    Delivery.objects.update(state="failed", reason="server")
    run = worked(bulk_plan_create(account=acme, kind="retry", what={}))
    assert run.plan["found"] == {"create": 1, "send": 1}
    sent(run)
    assert run.state == "done"
    assert item(run, GOOD).outcome == "synced"


def test_an_undo_takes_the_others_back(acme, display, rule, picky) -> None:
    for email in (BAD, GOOD):
        signed_up(display, email)
    Delivery.objects.update(state="failed", reason="server")
    picky.picky = False
    run = sent(worked(bulk_plan_create(account=acme, kind="retry", what={})))
    picky.there |= {BAD: "subscribed", GOOD: "subscribed"}
    picky.picky = True
    bulk_undo(run=run, confirm=2)
    assert worked(run).state == "undone"
    assert run.undo["counts"] == {"removed": 1, "impossible": 1}
    assert "not valid" in item(run, BAD).detail
