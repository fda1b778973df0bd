"""The pages: from the upload to the download, and what goes wrong on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from contactsync.tenancy.models import Account, AuditEntry, User
from hygiene.cleaning import services, upload
from hygiene.cleaning.work import claim, clean
from hygiene.models import CleaningChunk, CleaningRun
from tests.hygiene.cleaning.world import LIST, cleaned, started, uploaded

pytestmark = pytest.mark.django_db
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
BASE = "/a/acme-outdoor/hygiene/cleaning/"


@pytest.fixture
def web(client_of: Callable[[User], Client], bob: User) -> Client:
    """A marketer's browser."""
    return client_of(bob)


def send(web: Client, content: bytes = LIST, **more: Any) -> Any:
    file = SimpleUploadedFile("customers.csv", content, "text/csv")
    return web.post(f"{BASE}new/", {"file": file}, **more)


def the_run() -> CleaningRun:
    found: CleaningRun = CleaningRun.objects.get()
    return found


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def test_from_upload_to_download(web: Client) -> None:
    columns = send(web)["Location"]
    page = web.get(columns)
    assert b"mira.jensen@gmail.com" in page.content
    form = page.context["form"]
    assert [form.initial[n] for n in ("email", "first_name", "last_name")] == [0, 1, 2]
    answer = web.post(
        columns, {"email": "0", "first_name": "1", "last_name": "2", "header": "yes"}
    )
    run = the_run()
    assert answer["Location"] == f"{BASE}{run.pk}/"
    assert b"Waiting for a worker" in web.get(answer["Location"]).content
    clean(run.pk)
    page = web.get(answer["Location"])
    assert b"2 of 7 rows are clean" in page.content
    assert page.context["rows"][1][1] == "Role address"
    download = web.get(f"{BASE}{run.pk}/download/?file=rejected")
    assert download["Content-Disposition"].endswith('"customers-rejected.csv"')
    assert b"info@acme-tools.de" in b"".join(download.streaming_content)
    assert actions() == [
        *("cleaning.uploaded", "cleaning.started", "cleaning.downloaded")
    ]


def test_pasted_addresses(web: Client) -> None:
    answer = web.post(f"{BASE}new/", {"text": "mira@acme.de\nomar@acme.de"})
    assert answer.status_code == 302
    assert the_run().filename == "pasted.csv"
    assert web.get(answer["Location"]).context["preview"].has_header is False


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({}, b"Choose a file, or paste addresses"),
        ({"text": " \n "}, b"Choose a file, or paste addresses"),
        ({"file": SimpleUploadedFile("a.csv", b"")}, b"The file is empty"),
        ({"file": SimpleUploadedFile("a.csv", b"PK\x03\x04")}, b"save it as CSV"),
    ],
)
def test_what_cannot_be_taken_is_said(
    web: Client, data: dict[str, Any], says: bytes
) -> None:
    answer = web.post(f"{BASE}new/", data)
    assert answer.status_code == 422
    assert says in answer.content
    assert not CleaningRun.objects.exists()


def test_a_file_and_text_are_one_too_many(web: Client) -> None:
    data = {"file": SimpleUploadedFile("a.csv", LIST), "text": "a@b.de"}
    answer = web.post(f"{BASE}new/", data)
    assert b"not both" in answer.content and answer.status_code == 422


def test_a_file_that_is_too_large_is_not_even_read(
    web: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "MAX_BYTES", 1024**2)
    answer = send(web, b"x" * 2 * 1024**2)
    assert answer.status_code == 413
    assert b"larger than 1 MB" in answer.content
    assert not CleaningRun.objects.exists()


def test_too_much_pasted_text_is_said(web: Client) -> None:
    answer = web.post(f"{BASE}new/", {"text": "a@b.de\n" * 500_000})
    assert answer.status_code == 413
    assert b"Save it as a file" in answer.content


def test_the_upload_is_guarded_against_other_sites(bob: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(
        bob, backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    assert send(strict).status_code == 403
    assert not CleaningRun.objects.exists()


def test_with_htmx_the_upload_leads_on(web: Client) -> None:
    answer = send(web, headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == f"{BASE}{the_run().pk}/columns/"


def test_another_encoding_and_delimiter_show_at_once(
    web: Client, acme: Account
) -> None:
    run = uploaded(acme, "Mail;Name\na@b.de;J\u00f6rg\n".encode("cp1250"))
    url = f"{BASE}{run.pk}/columns/"
    assert "J\u00f6rg" in web.get(url).content.decode()
    again = web.get(f"{url}?encoding=utf-8&delimiter=,&header=no")
    assert again.context["preview"].rows == [["Mail;Name"], ["a@b.de;J\ufffdrg"]]
    assert b"Some characters cannot be read" in again.content


def test_without_an_email_column_nothing_starts(web: Client, acme: Account) -> None:
    run = uploaded(acme, b"Id,City\n1,Bonn\n")
    answer = web.post(f"{BASE}{run.pk}/columns/", {"email": "", "header": "yes"})
    assert answer.status_code == 422
    assert b"Choose the column that holds the addresses" in answer.content
    assert web.post(f"{BASE}{run.pk}/columns/", {"email": "7"}).status_code == 422
    run.refresh_from_db()
    assert run.status == "uploaded"


def test_progress_is_polled_until_the_state_changes(web: Client, acme: Account) -> None:
    run = started(acme)
    claim(run.pk)
    url = f"{BASE}{run.pk}/"
    page = web.get(url).content.decode()
    assert f'hx-get="{url}?was=running"' in page
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page
    part = web.get(f"{url}?was=running", headers={"HX-Request": "true"})
    assert part.content.decode().lstrip().startswith('<div id="progress"')
    CleaningRun.objects.update(lease_until=None)
    clean(run.pk)
    done = web.get(f"{url}?was=running", headers={"HX-Request": "true"})
    assert done["HX-Refresh"] == "true"


def test_pause_resume_cancel_delete(web: Client, acme: Account) -> None:
    run = started(acme)
    for act, status in (
        ("pause", "paused"),
        ("resume", "queued"),
        ("cancel", "cancelled"),
    ):
        assert web.post(f"{BASE}{run.pk}/{act}/").status_code == 302
        run.refresh_from_db()
        assert run.status == status
    answer = web.post(f"{BASE}{run.pk}/pause/", follow=True)
    assert b"This list is cancelled" in answer.content
    web.post(f"{BASE}{run.pk}/delete/")
    assert not CleaningRun.objects.exists() and not CleaningChunk.objects.exists()
    assert actions()[-1] == "cleaning.deleted"
    assert actions().count("cleaning.paused") == 1


def test_a_viewer_looks_and_changes_nothing(
    client_of: Callable[[User], Client], vera: User, acme: Account
) -> None:
    web = client_of(vera)
    run, waiting = cleaned(acme), uploaded(acme)
    page = web.get(f"{BASE}{run.pk}/").content.decode()
    assert "2 of 7 rows are clean" in page and "Delete list" not in page
    assert b"Not started" in web.get(f"{BASE}{waiting.pk}/").content
    assert b"Clean a list" not in web.get(BASE).content
    assert web.get(f"{BASE}{run.pk}/download/").status_code == 200
    for act in ("pause", "resume", "cancel", "delete"):
        assert web.post(f"{BASE}{run.pk}/{act}/").status_code == 403


def test_a_stranger_s_list_is_not_there(web: Client, other: Account) -> None:
    run = cleaned(other)
    for path in ("", "columns/", "download/"):
        assert web.get(f"{BASE}{run.pk}/{path}").status_code == 404
    for act in ("pause", "resume", "cancel", "delete"):
        assert web.post(f"{BASE}{run.pk}/{act}/").status_code == 404
    assert b"customers.csv" not in web.get(BASE).content


def test_the_lists_are_paged(web: Client, acme: Account) -> None:
    for n in range(27):
        uploaded(acme, filename=f"list-{n}.csv")
    first = web.get(BASE)
    assert len(first.context["rows"]) == 25
    rest = web.get(f"{BASE}?after={first.context['older']}")
    assert [row[0].filename for row in rest.context["rows"]] == [
        *("list-1.csv", "list-0.csv")
    ]
    assert web.get(f"{BASE}?after=nonsense").status_code == 200


def test_rows_are_filtered(web: Client, acme: Account) -> None:
    run = cleaned(acme)
    url = f"{BASE}{run.pk}/"

    def shown(query: str) -> list[int]:
        return [row[0].row for row in web.get(f"{url}?{query}").context["rows"]]

    assert shown("category=syntax") == [4, 8]
    assert shown("category=syntax&rule=empty") == [8]
    assert shown("q=haddad") == [9]
    assert shown("after=5") == [7, 8, 9]
    assert shown("category=nonsense&after=x") == []


def test_a_policy_of_later_does_not_change_the_result(
    web: Client, acme: Account
) -> None:
    run = started(acme)
    with pytest.raises(services.NotNow):
        services.start(run, services.Choices("utf-8", ",", True, 0))
    answer = web.get(f"{BASE}{run.pk}/columns/")
    assert answer["Location"] == f"{BASE}{run.pk}/"
