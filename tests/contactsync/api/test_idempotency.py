"""The same POST twice is done once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from contactsync.api import idempotency
from contactsync.api.models import IdempotencyRecord
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from contactsync.tenancy.services import api_key_issue
from displays import api as displays_api
from displays.models import Display
from tests.contactsync.api.client import Api, fields_of

pytestmark = pytest.mark.django_db
BODY = {"name": "Spring", "kind": "bar"}


def test_a_repeat_is_answered_as_before(api: Api) -> None:
    first = api.post("displays", BODY, idempotency_key="k")
    again = api.post("displays", BODY, idempotency_key="k")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert Display.objects.count() == 1


def test_the_order_of_names_does_not_matter(api: Api) -> None:
    api.post("displays", BODY, idempotency_key="k")
    turned = dict(reversed(BODY.items()))
    assert api.post("displays", turned, idempotency_key="k").status_code == 201
    assert Display.objects.count() == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [("displays", {"name": "Autumn"}), ("suppressions", {"email": "a@b.de"})],
)
def test_another_request_with_the_same_key_is_422(
    api: Api, path: str, body: dict[str, Any]
) -> None:
    api.post("displays", BODY, idempotency_key="k")
    answer = api.post(path, body, idempotency_key="k")
    assert answer.status_code == 422
    assert fields_of(answer) == {"Idempotency-Key": "reused"}
    assert Display.objects.count() == 1


def test_accounts_do_not_share_keys(api: Api, other: Account) -> None:
    api.post("displays", BODY, idempotency_key="k")
    theirs = Api(api_key_issue(account=other, kind="sk", name="x").text)
    assert theirs.post("displays", BODY, idempotency_key="k").status_code == 201
    assert Display.objects.count() == 2


def test_a_refused_request_leaves_the_key_free(api: Api) -> None:
    assert api.post("displays", {}, idempotency_key="k").status_code == 422
    assert api.post("displays", BODY, idempotency_key="k").status_code == 201


def test_work_that_breaks_off_leaves_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*args: Any) -> None:
        raise RuntimeError("the machine stops here")

    with monkeypatch.context() as patch:
        patch.setattr(displays_api, "say", breaks)
        with pytest.raises(RuntimeError):
            api.post("displays", BODY, idempotency_key="k")
    assert not Display.objects.exists()
    assert not IdempotencyRecord.objects.exists()
    assert api.post("displays", BODY, idempotency_key="k").status_code == 201


def running(account: Account, age: timedelta) -> IdempotencyRecord:
    """A first request that has not ended (yet)."""
    with_body = Api(api_key_issue(account=account, kind="sk", name="x").text)
    with_body.post("displays", BODY, idempotency_key="k")
    Display.objects.all().delete()
    record = IdempotencyRecord.objects.get()
    record.status, record.answer, record.created_at = None, None, now() - age
    record.save()
    return record


def test_a_duplicate_of_a_running_request_is_told_to_wait(
    api: Api, acme: Account
) -> None:
    running(acme, timedelta(seconds=5))
    answer = api.post("displays", BODY, idempotency_key="k")
    assert answer.status_code == 409
    assert fields_of(answer) == {"Idempotency-Key": "running"}
    assert answer["Retry-After"]
    assert not Display.objects.exists()


def test_a_request_whose_process_died_is_done_again(api: Api, acme: Account) -> None:
    running(acme, idempotency.STALE + timedelta(seconds=1))
    assert api.post("displays", BODY, idempotency_key="k").status_code == 201
    assert Display.objects.count() == 1


def test_old_answers_are_forgotten(api: Api) -> None:
    api.post("displays", BODY, idempotency_key="old")
    IdempotencyRecord.objects.update(
        created_at=now() - idempotency.KEEP - timedelta(seconds=1)
    )
    api.post("displays", BODY, idempotency_key="new")
    assert [row.key for row in IdempotencyRecord.objects.all()] == ["new"]


@pytest.mark.parametrize("key", ["x" * 256, "a\x01b"])
def test_a_key_that_is_none(api: Api, key: str) -> None:
    answer = api.post("displays", BODY, idempotency_key=key)
    assert answer.status_code == 422
    assert not Display.objects.exists()
