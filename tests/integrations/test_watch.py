"""The hourly look at linked accounts, with a provider that changes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.core import mail

from contactsync.lib.clock import now
from displays.services import RuleSettings, rule_update
from integrations import watch
from integrations.adapters import ADAPTERS
from integrations.adapters.base import Audience, Field, Reading, Resource
from integrations.adapters.errors import (
    CredentialsError,
    TargetError,
    TransientError,
)
from integrations.drain import drain
from integrations.entries import EntryError
from integrations.models import LinkedAccount, Target
from tests.integrations.scripted import SYNCED, Scripted, state_of
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db

NEWS = "8f21c0news"
FNAME = Field(id="FNAME", label="First name")
SIZE = Field(id="SIZE", label="Size", type="choice", required=True, options=("S", "M"))


class Changing(Scripted):
    field_noun = "merge field"
    there: ClassVar[list[Audience]]
    has: ClassVar[list[Field] | Exception]
    tags: ClassVar[bool]

    def verify(self) -> Reading:
        if type(self).verdict:
            raise type(self).verdict
        tags = Resource(name="tags", readable=type(self).tags, writable=None)
        return Reading(identity="owner@acme.test", resources=(tags,))

    def audiences(self) -> list[Audience]:
        return list(type(self).there)

    def fields(self, audience_id: str) -> list[Field]:
        if isinstance(type(self).has, Exception):
            raise type(self).has
        return list(type(self).has)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> type[Changing]:
    class Fresh(Changing):
        calls: ClassVar[list[list[str]]] = []
        options: ClassVar[list[Any]] = []
        answer = staticmethod(lambda contacts: [SYNCED for _ in contacts])
        there: ClassVar[list[Audience]] = [
            Audience(id=NEWS, label="Newsletter", double_opt_in=False)
        ]
        has: ClassVar[list[Field] | Exception] = [FNAME]
        tags: ClassVar[bool] = True

    monkeypatch.setitem(ADAPTERS, "mailchimp", Fresh)
    return Fresh


@pytest.fixture
def target(provider, linked, display) -> Target:
    rule = rule_to(display, linked)
    watch.check(linked.pk)
    mail.outbox.clear()
    return rule.target


def again(linked: LinkedAccount, target: Target) -> list[str]:
    watch.check(linked.pk)
    linked.refresh_from_db()
    target.refresh_from_db()
    return [each["kind"] for each in (*linked.warnings, *target.warnings)]


def test_nothing_found_is_nothing_said(linked, target) -> None:
    assert again(linked, target) == []
    assert target.seen["label"] == "Newsletter"
    assert mail.outbox == []


def test_a_new_required_field_holds_before_the_next_signup_fails(
    provider, linked, target, display
) -> None:
    provider.has = [FNAME, SIZE]
    assert again(linked, target) == ["field_required"]
    assert target.held_reason == "schema.required_field"
    assert "Size" in target.held_detail
    [told] = mail.outbox
    assert "Size" in told.body
    again(linked, target)
    assert len(mail.outbox) == 1, "told once"
    row = delivery(target.rule, email="new@x.org")
    drain(linked.pk)
    assert state_of(row) == ("held", "schema.required_field")
    assert provider.calls == []

    with pytest.raises(EntryError, match="S, M"):
        watch.send_always(target, "SIZE", "XXL")
    watch.send_always(target, "SIZE", "M")
    target.refresh_from_db()
    assert target.held_reason == "" and target.warnings == []
    drain(linked.pk)
    assert state_of(row)[0] == "synced", "what waited is sent"


def test_what_was_held_goes_when_the_provider_changes_its_mind(
    provider, linked, target
) -> None:
    provider.has = [FNAME, SIZE]
    again(linked, target)
    row = delivery(target.rule, email="new@x.org", state="held", reason="x")
    provider.has = [FNAME]
    assert again(linked, target) == []
    assert target.held_reason == ""
    assert state_of(row)[0] == "pending"


def test_a_deleted_audience_holds_its_target_only(provider, linked, target) -> None:
    provider.there = []
    assert again(linked, target) == ["audience_gone"]
    assert target.held_reason == "target.missing"
    assert linked.status == LinkedAccount.Status.CONNECTED
    provider.there = [Audience(id=NEWS, label="Newsletter", double_opt_in=False)]
    provider.has = TargetError("gone just now")
    assert again(linked, target) == ["audience_gone"]
    provider.has = [FNAME]
    assert again(linked, target) == []


def test_a_flipped_opt_in_mode_is_told_until_it_is_accepted(
    provider, linked, target
) -> None:
    provider.there = [Audience(id=NEWS, label="Newsletter", double_opt_in=True)]
    assert again(linked, target) == ["opt_in_on"]
    assert target.held_reason == ""
    assert "confirm" in mail.outbox[0].body
    assert again(linked, target) == ["opt_in_on"]
    assert watch.refresh(linked) == 0
    assert again(linked, target) == []
    assert len(mail.outbox) == 1


def test_who_asks_by_our_own_mail_is_told_that_people_are_asked_twice(
    provider, linked, display
) -> None:
    target = rule_to(display, linked, own_confirmation=True).target
    assert again(linked, target) == []
    provider.there = [Audience(id=NEWS, label="Newsletter", double_opt_in=True)]
    assert again(linked, target) == ["opt_in_on"]
    assert "asked twice" in mail.outbox[0].body


def test_new_choices_are_known_to_the_rule_at_once(provider, linked, display) -> None:
    size = Field(id="SIZE", label="Size", type="choice", options=("S",))
    provider.has = [size]
    target = rule_to(
        display, linked, mapping=[{"field": "SIZE", "source": ["size"]}]
    ).target
    assert again(linked, target) == []
    assert target.mapping[0]["options"] == ["S"]
    provider.has = [Field(id="SIZE", label="Size", type="choice", options=("S", "L"))]
    assert again(linked, target) == []
    assert target.mapping[0]["options"] == ["S", "L"]
    provider.has = [Field(id="SIZE", label="Size", type="choice", options=("L",))]
    assert again(linked, target) == ["options"]


def test_a_lost_permission_is_told_and_forgotten_when_it_is_back(
    provider, linked, target
) -> None:
    provider.tags = False
    assert again(linked, target) == ["scope_readable"]
    assert again(linked, target) == ["scope_readable"]
    assert len(mail.outbox) == 1
    provider.tags = True
    assert again(linked, target) == []


def test_a_provider_that_does_not_answer_changes_nothing(
    provider, linked, target
) -> None:
    provider.has = [FNAME, SIZE]
    again(linked, target)
    provider.verdict = TransientError("busy")
    assert again(linked, target) == ["field_required"]
    assert target.held_reason == "schema.required_field"
    provider.verdict = None
    provider.has = TransientError("busy")
    assert again(linked, target) == ["field_required"]


def test_a_broken_account_is_tried_again_by_itself(provider, linked, target) -> None:
    provider.verdict = CredentialsError("no such key")
    again(linked, target)
    assert linked.status == LinkedAccount.Status.BROKEN
    again(linked, target)
    assert len(mail.outbox) == 1, "one mail for one break"
    provider.verdict = None
    again(linked, target)
    assert linked.status == LinkedAccount.Status.CONNECTED
    assert "works again" in mail.outbox[-1].subject


def test_each_account_is_looked_at_once_an_hour(provider, linked) -> None:
    assert watch.due_linked_accounts() == [linked.pk]
    assert watch.due_linked_accounts() == []
    LinkedAccount.objects.update(checked_at=now() - timedelta(minutes=61))
    assert watch.due_linked_accounts() == [linked.pk]
    LinkedAccount.objects.update(checked_at=None, status="paused")
    assert watch.due_linked_accounts() == []
    assert watch.check(linked.pk) == 0
    LinkedAccount.objects.update(status="connected", removed_at=now())
    assert watch.due_linked_accounts() == []
    assert watch.check(linked.pk) == 0


def test_saving_the_rule_takes_the_audience_as_it_is(provider, linked, target) -> None:
    provider.there = [Audience(id=NEWS, label="Newsletter", double_opt_in=True)]
    assert again(linked, target) == ["opt_in_on"]
    settings = RuleSettings(linked_account=linked, audience_id=NEWS)
    rule_update(rule=target.rule, settings=settings, version=target.rule.version)
    target.refresh_from_db()
    assert target.warnings == [] and target.seen is None
    assert again(linked, target) == []


def test_rules_that_are_off_are_not_looked_at(provider, linked, target) -> None:
    type(target.rule).objects.update(enabled=False)
    provider.has = [FNAME, SIZE]
    assert again(linked, target) == []
