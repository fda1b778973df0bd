"""Importing a cleaned list by API."""

from __future__ import annotations

import pytest

from connections import work
from connections.models import ListImport
from contactsync.tenancy.models import Account
from contactsync.tenancy.services import IssuedKey
from integrations.models import LinkedAccount
from tests.connections.test_imports import ANNA, BERT
from tests.connections.world import cleaned
from tests.contactsync.api.client import Api

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sandbox")]


@pytest.fixture
def api(secret_key: IssuedKey) -> Api:
    return Api(secret_key.text)


def test_start_read_pause_resume_cancel(
    acme: Account, linked: LinkedAccount, api: Api
) -> None:
    run = cleaned(acme, [ANNA, BERT])
    body = {
        "cleaning": str(run.pk),
        "linked_account": str(linked.pk),
        "audience": "a6b5da1054",
        "consent": "Shop, 2024",
        "mapping": {"first_name": "FNAME", "company": "LNAME"},
        "tags": ["import"],
    }
    answer = api.post("imports", body)
    assert answer.status_code == 201
    job = answer.json()
    assert job["status"] == "queued"
    assert job["update_existing"] is False
    assert job["rows_total"] == 2

    assert api.post(f"imports/{job['id']}/pause").json()["status"] == "paused"
    assert api.post(f"imports/{job['id']}/resume").json()["status"] == "queued"
    work.advance(ListImport.objects.get().pk)
    job = api.get(f"imports/{job['id']}").json()
    assert (job["status"], job["deliveries"]) == ("done", {"pending": 2})
    again = api.post(f"imports/{job['id']}/cancel")
    assert (again.status_code, again.json()["detail"]) == (
        409,
        "The import has ended: done.",
    )
    listed = api.get("imports?status=done").json()
    assert [each["id"] for each in listed["results"]] == [job["id"]]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"cleaning": "0190b5a0-0000-7000-8000-000000000000"}, "cleaning"),
        ({"linked_account": "0190b5a0-0000-7000-8000-000000000000"}, "linked_account"),
        ({"consent": ""}, "consent"),
        ({"mapping": {"shoe": "FNAME"}}, "mapping.shoe"),
        ({"mapping": {"company": "NOPE"}}, "mapping.company"),
        ({"mapping": [{"field": "FNAME", "source": ["shoe"]}]}, "mapping[0].source"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_named(
    acme: Account,
    linked: LinkedAccount,
    api: Api,
    change: dict[str, object],
    field: str,
) -> None:
    body = {
        "cleaning": str(cleaned(acme, [ANNA]).pk),
        "linked_account": str(linked.pk),
        "audience": "a6b5da1054",
        "consent": "Shop, 2024",
        **change,
    }
    answer = api.post("imports", body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not ListImport.objects.exists()
