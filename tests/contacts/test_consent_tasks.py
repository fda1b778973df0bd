"""The beat's tasks find what there is to do by themselves."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.core.cache import cache

from contacts.models import ConsentSeal
from contacts.tasks import seal_consents
from contactsync.celery import app
from contactsync.lib.clock import now
from displays.models import Display
from displays.tasks import ask_to_confirm
from integrations.models import LinkedAccount
from tests.displays.confirming import own_rule, sign_up

pytestmark = pytest.mark.django_db


def test_consents_are_sealed(display: Display) -> None:
    sign_up(display, at=now() - timedelta(minutes=1))
    assert seal_consents() == 1 and seal_consents() == 0
    # Somebody who came later than the quick look goes back, found by the hourly one.
    ConsentSeal.objects.update(at=now() - timedelta(hours=2), consent_id=10**9)
    assert seal_consents() == 0
    cache.clear()
    assert seal_consents() == 1


def test_people_are_asked(display: Display, linked: LinkedAccount) -> None:
    own_rule(display, linked)
    sign_up(display)
    assert ask_to_confirm("due") == 1
    assert len(mail.outbox) == 1
    assert ask_to_confirm() == 0


def test_beat_has_both() -> None:
    planned = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert {"displays.confirm", "contacts.seal_consents"} <= planned
    assert {"displays.confirm", "contacts.seal_consents"} <= set(app.tasks)
