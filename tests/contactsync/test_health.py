from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.test import Client

from contactsync.lib.clock import now
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
