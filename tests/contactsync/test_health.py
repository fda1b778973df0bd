from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.test import Client

from contactsync import health
from contactsync.lib.clock import now
from hygiene.lists import ListRefused, Loaded
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db


def test_healthz_needs_nothing() -> None:
    assert Client().get("/healthz").json() == {"status": "ok"}


def test_readyz_names_what_it_looked_at(linked, display) -> None:
    found = Client().get("/readyz").json()
    assert (found["status"], found["database"]["ok"]) == ("ok", True)
    assert found["oldest_due_seconds"] == 0 and found["lists"]["ok"]
    late = now() - timedelta(minutes=10)
    delivery(rule_to(display, linked), email="mira@example.org", due=late)
    found = Client().get("/readyz").json()
    assert found["outbox"] == {"ok": False}
    assert found["oldest_due_seconds"] > 590


def test_a_broker_that_is_away_degrades(settings) -> None:
    settings.BROKER_URL = "redis://127.0.0.1:1/0"
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["broker"]["ok"] is False


def test_without_a_data_base_it_is_unready(monkeypatch) -> None:
    def gone(*args: object, **kwargs: object) -> None:
        raise DatabaseError("secret-host is gone")

    monkeypatch.setattr(connection, "cursor", gone)
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "unready")
    assert "secret-host" not in answer.content.decode()


def test_metrics_tell_the_outbox(linked, display) -> None:
    delivery(rule_to(display, linked), email="mira@example.org")
    told = Client().get("/metrics").content.decode()
    assert 'contactsync_deliveries_open{state="pending"} 1.0' in told
    assert "contactsync_oldest_due_seconds" in told


def test_readyz_shows_the_lists_and_their_age() -> None:
    found = Client().get("/readyz").json()["lists"]
    by_name = {each["name"]: each for each in found["loaded"]}
    assert by_name["mailchecker"]["domains"] > 50_000
    assert set(by_name["disposable-email-domains"]) == {
        *("name", "version", "domains", "left_out", "released_on", "age_days"),
    }


@pytest.mark.parametrize(("days", "warned"), [(44, False), (45, True)])
def test_a_list_is_called_old_at_45_days(monkeypatch, days: int, warned: bool) -> None:
    made = now().date() - timedelta(days=days)
    listed = Loaded("trash", "7", 1200, 3, made)
    monkeypatch.setattr(health, "loaded_lists", lambda: (listed,))
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    found = answer.json()["lists"]
    assert (found["ok"], found["loaded"][0]["age_days"]) == (True, days)
    assert found["loaded"][0]["released_on"] == made.isoformat()
    assert [f"trash 7 is {days} days old" in text for text in found["warnings"]] == (
        [True] if warned else []
    )
    told = Client().get("/metrics").content.decode()
    named = '{name="trash",version="7"}'
    assert f"contactsync_list_age_days{named} {days}.0" in told
    assert f"contactsync_list_domains{named} 1200.0" in told


def test_lists_that_can_not_be_loaded_are_named(monkeypatch) -> None:
    def refused() -> None:
        raise ListRefused("trash@7: the list is empty")

    monkeypatch.setattr(health, "loaded_lists", refused)
    found = Client().get("/readyz").json()["lists"]
    assert found == {"ok": False, "error": "trash@7: the list is empty"}
