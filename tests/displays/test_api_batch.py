"""Batches: each signup is stored by itself, once, whatever happens to the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection

from contactsync.api.models import IdempotencyRecord
from contactsync.tenancy.services import IssuedKey
from displays.models import Display, Signup
from tests.contactsync.api.client import Api
from tests.displays.signups import body
from tests.integrations.test_races import together

pytestmark = pytest.mark.django_db(transaction=True)
BROKEN = "broken@gmail.com"

SQLITE = """CREATE TRIGGER test_broken BEFORE INSERT ON displays_signup
WHEN NEW.email = 'broken@gmail.com' BEGIN SELECT json('broken'); END"""
POSTGRES = """CREATE FUNCTION test_broken() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER test_broken BEFORE INSERT ON displays_signup FOR EACH ROW
WHEN (NEW.email = 'broken@gmail.com') EXECUTE FUNCTION test_broken()"""


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture
def broken() -> Iterator[None]:
    """The data base cannot store one address."""
    if connection.vendor == "sqlite":
        run(SQLITE)
        yield
        run("DROP TRIGGER test_broken")
    else:
        run(POSTGRES)
        yield
        run("DROP FUNCTION test_broken CASCADE")


def batch(display: Display, *emails: str) -> dict[str, Any]:
    return {"signups": [body(display, email=email) for email in emails]}


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("headers", [{}, {"idempotency_key": "b1"}])
def test_an_item_that_cannot_be_stored_stops_no_other(
    server: Api, display: Display, headers: dict[str, str]
) -> None:
    given = batch(display, "a@gmail.com", BROKEN, "b@gmail.com")
    answer = server.post("signups/batch", given, **headers)
    assert answer.status_code == 202
    results = answer.json()["results"]
    assert [row["status"] for row in results] == ["accepted", "invalid", "accepted"]
    assert results[1] == {
        "index": 1,
        "status": "invalid",
        "detail": "It could not be stored. Send it again.",
    }
    stored = Signup.objects.values_list("email", flat=True)
    assert sorted(stored) == ["a@gmail.com", "b@gmail.com"]


def test_a_data_base_that_fails_once_is_asked_again(
    server: Api, display: Display
) -> None:
    failed: list[str] = []

    def fail_once(execute: Any, sql: str, *more: Any) -> Any:
        if 'FROM "displays_display"' in sql and not failed:
            failed.append(sql)
            raise OperationalError("gone for a moment")
        return execute(sql, *more)

    with connection.execute_wrapper(fail_once):
        answer = server.post("signups/batch", batch(display, "a@gmail.com"))
    assert failed
    assert answer.status_code == 202 and answer.json()["accepted"] == 1
    assert Signup.objects.count() == 1


def test_a_batch_that_was_broken_off_is_completed(
    server: Api, display: Display
) -> None:
    given = batch(display, "a@gmail.com", "a@gmail.com", "x@mailinator.com")
    first = server.post("signups/batch", given, idempotency_key="b1").json()
    # As if the process had ended after its second signup.
    IdempotencyRecord.objects.all().delete()
    Signup.objects.get(pk=first["results"][2]["id"]).delete()
    again = server.post("signups/batch", given, idempotency_key="b1").json()
    assert Signup.objects.count() == 3
    ids = [[row["id"] for row in answer["results"]] for answer in (first, again)]
    assert ids[0][:2] == ids[1][:2]
    assert (again["accepted"], again["filtered"], again["invalid"]) == (2, 1, 0)


def test_a_batch_and_a_signup_may_have_the_same_key(
    server: Api, display: Display
) -> None:
    one = server.post("signups", body(display), idempotency_key="k")
    many = server.post(
        "signups/batch", batch(display, "a@gmail.com"), idempotency_key="k"
    )
    assert (one.status_code, many.status_code) == (202, 202)
    assert many.json()["accepted"] == 1 and Signup.objects.count() == 2


@pytest.mark.pg
def test_batches_of_the_same_people_do_not_block_each_other(
    secret_key: IssuedKey, display: Display
) -> None:
    people = [f"person{n}@gmail.com" for n in range(60)]
    orders = (people, people[::-1])

    def work(number: int) -> Any:
        given = batch(display, *orders[number])
        return Api(secret_key.text).post("signups/batch", given)

    for _ in range(3):
        for answer in together(work, 2):
            assert answer.status_code == 202
            assert answer.json()["accepted"] == 60
    assert Signup.objects.count() == 360
