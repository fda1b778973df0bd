"""The same POST from many sides at the same moment, on a real PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest

from contactsync.tenancy.services import IssuedKey
from displays.models import Display
from tests.contactsync.api.client import Api
from tests.integrations.test_races import together

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


def test_many_at_once_are_done_once(secret_key: IssuedKey) -> None:
    def work(_: int) -> Any:
        return Api(secret_key.text).post(
            "displays", {"name": "Spring"}, idempotency_key="k"
        )

    answers = [answer for _ in range(5) for answer in together(work)]
    assert Display.objects.count() == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = [answer.json() for answer in answers if answer.status_code == 201]
    assert made and all(body == made[0] for body in made)
    replayed = [a for a in answers if a.get("Idempotency-Replayed") == "true"]
    assert len(replayed) == len(made) - 1
