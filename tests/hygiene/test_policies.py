"""A tenant's policy: how it is saved, merged, remembered and forgotten."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from contacts.models import Suppression
from contactsync.tenancy.models import Account, AuditEntry, User
from displays.models import Display
from hygiene import policies as module
from hygiene.entries import entries_import, entry_add, entry_remove
from hygiene.models import HygienePolicy, ListEntry
from hygiene.policies import (
    Policies,
    choices_for,
    policies,
    policy_for,
    suppressed_among,
    suppressed_lookup,
)
from hygiene.policy import DEFAULT, Mode
from hygiene.services import Author, PolicySettings, policy_save, settings_of
from hygiene.verdict import Category

pytestmark = pytest.mark.django_db


@pytest.fixture
def by(alice: User) -> Author:
    return Author(user=alice, label="Alice Adams")


@pytest.fixture
def queries(django_assert_num_queries: Any) -> Any:
    return django_assert_num_queries


def save(account: Account, by: Author, modes: dict[str, str], **more: Any) -> bool:
    display = more.pop("display_id", None)
    return policy_save(
        account=account,
        settings=PolicySettings(modes=modes, **more),
        by=by,
        display_id=display,
    )


def test_who_chose_nothing_has_the_default_itself(acme: Account) -> None:
    assert policy_for(acme.pk) is DEFAULT
    assert policy_for(acme.pk, uuid4()) is DEFAULT


def test_a_row_that_says_nothing_new_is_the_default_itself(
    acme: Account, by: Author
) -> None:
    save(acme, by, {"role": "flag"})
    save(acme, by, {"role": "on"})
    assert HygienePolicy.objects.count() == 1
    assert policy_for(acme.pk) is DEFAULT


def test_a_display_does_what_it_says_and_else_as_the_account(
    acme: Account, by: Author, display: Display
) -> None:
    save(acme, by, {"role": "off", "bot": "flag"}, strict_masks=True)
    save(acme, by, {"role": "on"}, display_id=display.pk, strict_masks=False)
    account, own = policy_for(acme.pk), policy_for(acme.pk, display.pk)
    assert account.mode(Category.ROLE) is Mode.OFF and account.strict_masks
    assert own.mode(Category.ROLE) is Mode.ON and not own.strict_masks
    assert own.mode(Category.BOT) is Mode.FLAG
    assert policy_for(acme.pk, uuid4()) == account


def test_the_rest_is_inherited_as_well(
    acme: Account, by: Author, display: Display
) -> None:
    save(acme, by, {}, check_mail_hosts=True, wide_disposable="flag")
    assert choices_for(acme.pk, display.pk).check_mail_hosts
    assert policy_for(acme.pk, display.pk).wide_disposable is Mode.FLAG
    save(acme, by, {}, display_id=display.pk, check_mail_hosts=False)
    assert not choices_for(acme.pk, display.pk).check_mail_hosts
    assert policy_for(acme.pk, display.pk).wide_disposable is Mode.FLAG


def test_one_tenant_s_choices_are_not_another_s(
    acme: Account, other: Account, by: Author
) -> None:
    save(acme, by, {"role": "off"})
    entry_add(account=acme, kind="deny", value="bad.org", by=by)
    assert policy_for(other.pk) is DEFAULT


def test_what_is_fresh_costs_no_query(acme: Account, queries: Any) -> None:
    policy_for(acme.pk)
    suppressed_lookup(acme.pk, "mira@gmail.com")
    with queries(0):
        assert policy_for(acme.pk, uuid4()) is DEFAULT
        assert suppressed_lookup(acme.pk, "mira@gmail.com") is None


def test_lists_that_did_not_change_are_not_read_again(
    acme: Account, by: Author, queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "\n".join(f"domain{n}.org" for n in range(2000)).encode()
    entries_import(account=acme, data=lines, kind="deny", by=by)
    assert len(policy_for(acme.pk).deny.domains) == 2000
    monkeypatch.setattr(module, "FRESH_SECONDS", -1.0)
    policies._kept[acme.pk].until = 0.0
    with queries(1):
        first = policy_for(acme.pk).deny.domains
    with queries(1):
        assert policy_for(acme.pk).deny.domains is first


def test_another_process_s_change_of_a_list_is_seen(acme: Account, by: Author) -> None:
    entry_add(account=acme, kind="deny", value="bad.org", by=by)
    here = policies
    assert policy_for(acme.pk).deny.domains == {"bad.org"}
    there = module.Policies()
    assert there.choices(acme.pk).policy.deny.domains == {"bad.org"}
    entry_add(account=acme, kind="deny", value="worse.org", by=by)
    assert here.choices(acme.pk).policy.deny.domains == {"bad.org", "worse.org"}
    there._kept[acme.pk].until = 0.0
    assert there.choices(acme.pk).policy.deny.domains == {"bad.org", "worse.org"}
    entry = ListEntry.objects.get(value="bad.org")
    assert entry_remove(account=acme, entry=entry, by=by)
    there._kept[acme.pk].until = 0.0
    assert there.choices(acme.pk).policy.deny.domains == {"worse.org"}


def test_memory_is_bounded(
    acme: Account, other: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ACCOUNTS", 1)
    for account in (acme, other):
        policy_for(account.pk)
        suppressed_lookup(account.pk, "mira@gmail.com")
    assert list(policies._kept) == list(policies._suppressing) == [other.pk]


def test_many_long_lists_are_forgotten(
    acme: Account, other: Account, by: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ENTRIES", 3)
    for account in (acme, other):
        for value in ("a.org", "b.org"):
            entry_add(account=account, kind="deny", value=value, by=by)
        assert policy_for(account.pk).deny.domains == {"a.org", "b.org"}
    assert list(policies._kept) == [other.pk]
    assert policies._entries == 2


def test_every_change_is_written_down(
    acme: Account, by: Author, alice: User, display: Display
) -> None:
    assert save(acme, by, {"role": "off", "bot": "on"}, strict_masks=True)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor) == ("hygiene_policy.update", alice)
    assert entry.detail["before"] == ["role: not set", "strict masks: not set"]
    assert entry.detail["after"] == ["role: off", "strict masks: yes"]
    assert save(acme, by, {"role": "flag"}, display_id=display.pk)
    newest = AuditEntry.objects.order_by("-id").first()
    assert newest is not None and newest.detail["display"] == str(display.pk)
    assert not save(acme, by, {"role": "off"}, strict_masks=True)
    assert AuditEntry.objects.count() == 2


def test_what_was_saved_is_read_back(
    acme: Account, by: Author, display: Display
) -> None:
    chosen = PolicySettings(
        modes={"bot": "on", "role": "flag"},
        strict_masks=False,
        check_mail_hosts=True,
        wide_disposable="off",
    )
    policy_save(account=acme, settings=chosen, by=by, display_id=display.pk)
    assert settings_of(acme, display.pk) == chosen
    policy_save(account=acme, settings=chosen, by=by)
    assert settings_of(acme) == PolicySettings(
        modes={"role": "flag"}, check_mail_hosts=True
    )


REASONS = {
    "person": "unsubscribed",
    "complaint": "complained",
    "bounce": "bounced",
    "admin": "admin",
    "merge": None,
}


@pytest.mark.parametrize(("actor", "reason"), REASONS.items())
def test_a_suppression_and_what_the_judge_calls_it(
    acme: Account, actor: str, reason: str | None
) -> None:
    Suppression.objects.create(account=acme, email_key="mira@gmail.com", actor=actor)
    lookup = suppressed_lookup(acme.pk, " Mira@Gmail.com")
    assert lookup is not None
    assert (lookup("mira@gmail.com") or None) == reason
    found = {"mira@gmail.com": reason} if reason else {}
    assert suppressed_among(acme.pk, ["mira@gmail.com", "x@y.org"]) == found


def test_a_suppression_counts_at_once_and_its_end_as_well(acme: Account) -> None:
    assert suppressed_lookup(acme.pk, "mira@gmail.com") is None
    row = Suppression.objects.create(
        account=acme, email_key="mira@gmail.com", actor="person"
    )
    assert suppressed_lookup(acme.pk, "mira@gmail.com") is not None
    row.delete()
    assert suppressed_lookup(acme.pk, "mira@gmail.com") is None


def test_a_look_up_is_one_query_at_most(
    acme: Account, other: Account, queries: Any
) -> None:
    Suppression.objects.create(account=acme, email_key="gone@x.org", actor="person")
    Suppression.objects.create(account=other, email_key="mira@x.org", actor="person")
    policies.suppresses(acme.pk)
    with queries(1):
        lookup = suppressed_lookup(acme.pk, "mira+a@x.org")
        assert lookup is not None
        assert not lookup("mira+a@x.org") and not lookup("mira@x.org")


def test_a_trap_is_found_beside_the_tenant_s_own_list(
    acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    traps = {"trap@x.org": "trap"}.get
    monkeypatch.setattr(module, "trap_lookup", lambda: traps)
    lookup = suppressed_lookup(acme.pk, "trap+1@x.org")
    assert lookup is not None and lookup("trap@x.org") == "trap"
    Suppression.objects.create(account=acme, email_key="gone@x.org", actor="person")
    lookup = suppressed_lookup(acme.pk, "trap+1@x.org")
    assert lookup is not None
    assert not lookup("trap+1@x.org") and lookup("trap@x.org") == "trap"


def test_of_many_threads_one_asks_the_data_base(
    acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When what is remembered gets old, not every waiting signup reads the lists."""
    made, loads = Policies(), []

    def load(account_id: int, before: Any) -> Any:
        loads.append(account_id)
        time.sleep(0.1)
        kept = module.Kept(time.monotonic() + 5, {}, module.Lists(None))
        made._kept[account_id] = kept
        return kept

    monkeypatch.setattr(made, "_load", load)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(made.choices, [acme.pk] * 8))
    assert loads == [acme.pk]
    assert {id(each) for each in found} == {id(module.usual())}


def test_who_asks_and_gets_no_answer_keeps_nobody_waiting(
    acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TURN_SECONDS", 0.1)
    made = Policies()
    assert made.choices(acme.pk) is module.usual()
    made.clear()
    turn = made._turns[acme.pk % len(made._turns)]
    with turn:  # a thread whose data base does not answer
        assert made.choices(acme.pk) is module.usual()


def test_a_failure_is_not_remembered(
    acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Policies()
    with monkeypatch.context() as patched:
        patched.setattr(module, "read_lists", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            HygienePolicy.objects.create(account=acme)
            made.choices(acme.pk)
    assert made.choices(acme.pk).policy is DEFAULT


def test_what_took_long_to_read_is_not_older_than_it_may_be(
    acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FRESH_SECONDS", 0.2)
    made = Policies()
    real = module.read_lists

    def slow(*given: Any) -> Any:
        time.sleep(0.2)
        return real(*given)

    monkeypatch.setattr(module, "read_lists", slow)
    HygienePolicy.objects.create(account=acme)
    assert made.choices(acme.pk).policy is DEFAULT
    rows = HygienePolicy.objects.filter(account=acme)
    rows.update(modes={"role": "off"})  # as another process does
    assert made.choices(acme.pk).policy.mode(Category.ROLE) is Mode.OFF
