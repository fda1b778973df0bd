"""The proof's own parts: a proof that cannot fail proves nothing."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections import Counter

import pytest

from integrations.sandbox.mailchimp.state import Member
from tests.faults import schedule
from tests.faults.crowd import Crowd
from tests.faults.provider import AUDIENCE, KEY, Provider, provider

pytestmark = pytest.mark.faults


def crowd(seed: int) -> Crowd:
    return Crowd(None, "display", seed, 500, ["gone@gmail.com"])  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ["postgresql", "sqlite"])
def test_a_seed_gives_one_schedule_with_every_kind_of_fault(engine: str) -> None:
    plans = [schedule.plan(seed, engine, 30) for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]
    names = Counter(step.name for step in plans[0])
    kinds = set(schedule.STEPS)
    if engine == "sqlite":
        kinds -= set(schedule.SERVERS_ONLY)
    assert set(names) == kinds
    assert len(plans[0]) == 30


def test_a_seed_gives_one_crowd() -> None:
    lines = [crowd(seed)._lines for seed in (1, 1, 2)]
    assert lines[0] == lines[1] != lines[2]
    signups = [s for line in lines[0] for post in line for s in post.signups]
    assert 450 <= len(signups) <= 550
    emails = Counter(s.email.lower() for s in signups if s.good)
    assert "gone@gmail.com" in emails
    assert 20 <= sum(number == 2 for number in emails.values()) <= 80
    assert sum(not s.good for s in signups) >= 5
    keys = [post.key for line in lines[0] for post in line]
    assert len(keys) == len(set(keys))


def post(at: Provider, method: str, path: str, body: object) -> int:
    """One call of the provider's own API; its status, 0 when nobody answers."""
    request = urllib.request.Request(
        f"{at.sandbox.base_url('mailchimp')}/3.0/lists/{AUDIENCE}{path}",
        data=json.dumps(body).encode(),
        method=method,
        headers={
            "Authorization": "Basic " + base64.b64encode(f"x:{KEY}".encode()).decode()
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def batch(*emails: str, update: bool = False, **row: str) -> dict[str, object]:
    return {
        "members": [{"email_address": email, **row} for email in emails],
        "update_existing": update,
    }


def test_the_provider_sees_who_is_brought_back() -> None:
    with provider() as at:
        at.seed_left(["gone@gmail.com", "away@gmail.com"])
        assert post(at, "POST", "", batch("gone@gmail.com", status="subscribed")) == 200
        assert post(at, "POST", "", batch("gone@gmail.com", update=True)) == 200
        assert at.wrongs == []  # existing ones are left alone, and blank is no status
        again = batch("gone@gmail.com", update=True, status="subscribed")
        post(at, "POST", "", again)
        assert len(at.wrongs) == 1
        member = at.simulator.account.audiences[AUDIENCE].find("away@gmail.com")
        assert isinstance(member, Member)
        member.status = "subscribed"
        post(at, "PUT", f"/members/{member.id}", {"email_address": "away@gmail.com"})
        assert "again" in at.wrongs[-1]
        post(at, "PATCH", f"/members/{member.id}", {"status": "pending"})
        assert any("was sent pending" in wrong for wrong in at.wrongs)


def test_half_a_batch_is_done_and_answered_with_an_error() -> None:
    with provider() as at:
        at.halves = 1
        emails = [f"person{number}@gmail.com" for number in range(4)]
        assert post(at, "POST", "", batch(*emails, status="subscribed")) == 500
        assert [at.status(email) for email in emails] == ["subscribed"] * 2 + [""] * 2
        assert at.writes[-1].written == tuple(emails[:2])
        assert at.resting
        assert post(at, "POST", "", batch(*emails, status="subscribed")) == 200
        assert at.writes[-1].written == tuple(emails[2:])
        assert at.writes[-1].refused == ()
