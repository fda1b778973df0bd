"""The signup endpoint as a caller meets it."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from displays.models import Signup

pytestmark = pytest.mark.django_db


def post(key: str, body: object, **headers: str):
    return Client().post(
        "/api/v1/signups",
        json.dumps(body),
        content_type="application/json",
        headers={"authorization": f"Bearer {key}", **headers},
    )


def test_202_means_stored(publishable_key, display) -> None:
    answer = post(
        publishable_key.text, {"display": str(display.pk), "email": "mira@gmail.com"}
    )
    assert answer.status_code == 202
    assert answer.json()["status"] == "accepted"
    assert Signup.objects.get(pk=answer.json()["id"]).email == "mira@gmail.com"


def test_a_secret_key_learns_the_verdict(secret_key, display) -> None:
    answer = post(
        secret_key.text, {"display": str(display.pk), "email": "x@mailinator.com"}
    )
    assert answer.status_code == 202
    assert answer.json()["status"] == "filtered"
    assert answer.json()["verdict"]["category"] == "disposable"
    assert "mailinator.com" in answer.json()["verdict"]["evidence"]
