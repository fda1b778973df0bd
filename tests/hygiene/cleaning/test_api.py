"""Cleaning a list by the API."""

from __future__ import annotations

from typing import Any

import pytest

from contactsync.tenancy.models import Account, AuditEntry
from contactsync.tenancy.services import IssuedKey
from hygiene.cleaning import upload, work
from hygiene.models import CleaningRun
from tests.contactsync.api.client import Api, fields_of
from tests.hygiene.cleaning.world import LIST, cleaned

pytestmark = pytest.mark.django_db
PATH = "hygiene/cleanings"


@pytest.fixture
def api(secret_key: IssuedKey) -> Api:
    return Api(secret_key.text)


def send(api: Api, content: bytes = LIST, query: str = "", **headers: str) -> Any:
    return api.call(
        "POST", f"{PATH}{query}", content, content_type="text/csv", **headers
    )


def form(api: Api, **fields: bytes) -> Any:
    parts = [
        b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
        % (name.encode(), b'; filename="a.csv"' if name == "file" else b"", value)
        for name, value in fields.items()
    ]
    return api.call(
        "POST",
        PATH,
        b"".join(parts) + b"--x--\r\n",
        content_type="multipart/form-data; boundary=x",
    )


def test_a_list_is_cleaned(api: Api) -> None:
    answer = send(api, query="?filename=customers.csv")
    assert answer.status_code == 201
    made = answer.json()
    assert (made["status"], made["filename"]) == ("queued", "customers.csv")
    assert (made["email_column"], made["delimiter"], made["header"]) == (1, ",", True)
    assert work.clean(made["id"]) == 7
    one = f"{PATH}/{made['id']}"
    found = api.get(one).json()
    assert found["status"] == "done"
    assert sum(found["counts"].values()) == found["rows_done"] == 7
    assert api.get(PATH).json()["results"] == [found]
    assert api.get(f"{PATH}?status=paused").json()["results"] == []
    rows = api.get(f"{one}/rows?category=syntax&limit=1").json()
    assert [row["rule"] for row in rows["results"]] == ["no-at"]
    more = api.get(f"{one}/rows?category=syntax&after={rows['next']}").json()
    assert [row["row"] for row in more["results"]] == [8]
    assert more["next"] is None
    assert more["results"][0]["explanation"].startswith("There is no address.")
    file = api.get(f"{one}/file?file=clean", accept="text/csv")
    assert file["Content-Type"].startswith("text/csv")
    assert b"".join(file.streaming_content).startswith(b"Email,First name")
    assert api.delete(one).status_code == 204
    assert api.get(one).status_code == 404
    assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True)) == [
        "cleaning.started",
        "cleaning.downloaded",
        "cleaning.deleted",
    ]


def test_a_form_with_the_file_and_options(api: Api) -> None:
    answer = form(
        api, file=b"A;B\nx;a@b.de\n", delimiter=b"semicolon", email_column=b"B"
    )
    assert answer.status_code == 201, answer.content
    assert answer.json()["email_column"] == 2
    assert answer.json()["filename"] == "a.csv"


@pytest.mark.parametrize(
    ("content", "query", "field", "code"),
    [
        (b"Id,City\n1,Bonn\n", "", "email_column", "required"),
        (LIST, "?email_column=Nope", "email_column", "unknown"),
        (LIST, "?email_column=9", "email_column", "unknown"),
        (LIST, "?first_name_column=0", "first_name_column", "unknown"),
        (LIST, "?encoding=ebcdic", "encoding", "choice"),
        (LIST, "?delimiter=%25", "delimiter", "choice"),
        (LIST, "?header=maybe", "header", "choice"),
        (LIST, "?separator=x", "separator", "unknown"),
        (b"PK\x03\x04", "", "file", "unusable"),
        (b"", "", "file", "required"),
    ],
)
def test_what_cannot_be_done_names_the_field_and_stores_nothing(
    api: Api, content: bytes, query: str, field: str, code: str
) -> None:
    answer = send(api, content, query)
    assert answer.status_code == 422
    assert fields_of(answer) == {field: code}
    assert not CleaningRun.objects.exists()


def test_too_much_is_413(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "MAX_BYTES", 1024**2)
    assert send(api, b"x" * 2 * 1024**2).status_code == 413
    assert form(api, file=b"x" * 2 * 1024**2).status_code == 413


def test_a_form_without_a_file_and_another_type(api: Api) -> None:
    assert fields_of(form(api, text=b"a@b.de")) == {"file": "required"}
    assert api.post(PATH, {"file": "x"}).status_code == 415


def test_the_same_upload_twice_is_done_once(api: Api) -> None:
    first = send(api, idempotency_key="k1")
    again = send(api, idempotency_key="k1")
    assert again["Idempotency-Replayed"] == "true"
    assert again.json() == first.json()
    assert CleaningRun.objects.count() == 1
    other = send(api, b"Email\nother@acme.de\n", idempotency_key="k1")
    assert fields_of(other) == {"Idempotency-Key": "reused"}


def test_pause_resume_cancel(api: Api) -> None:
    one = f"{PATH}/{send(api).json()['id']}"
    for act, status in (
        *(("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled")),
    ):
        for _ in range(2):  # the second time it is so already
            answer = api.post(f"{one}/{act}")
            assert (answer.status_code, answer.json()["status"]) == (200, status)
    for act in ("pause", "resume"):
        refused = api.post(f"{one}/{act}")
        assert refused.status_code == 409
        assert fields_of(refused) == {"status": "cancelled"}


def test_a_problem_of_a_file_is_json_all_the_same(api: Api, acme: Account) -> None:
    run = cleaned(acme)
    answer = api.get(f"{PATH}/{run.pk}/file?file=good", accept="text/csv")
    assert fields_of(answer) == {"file": "choice"}


def test_a_stranger_s_list_is_not_there(api: Api, other: Account) -> None:
    run = cleaned(other)
    one = f"{PATH}/{run.pk}"
    for path in (one, f"{one}/rows", f"{one}/file?file=all"):
        assert api.get(path).status_code == 404
    for act in ("pause", "resume", "cancel"):
        assert api.post(f"{one}/{act}").status_code == 404
    assert api.delete(one).status_code == 404
    assert CleaningRun.objects.filter(pk=run.pk).exists()
