"""Pages: the filter policy and the lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from contactsync.tenancy.models import Account, AuditEntry, User
from displays.models import Display
from hygiene import views
from hygiene.entries import entry_add
from hygiene.forms import FIELDS
from hygiene.models import HygienePolicy, ListEntry
from hygiene.services import Author, PolicySettings, settings_of

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]
USUAL = dict.fromkeys(FIELDS, "on") | dict.fromkeys(FIELDS[-3:], "off")


def url(name: str, account: Account, *args: object) -> str:
    return reverse(name, args=[account.slug, *args])


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def test_an_admin_changes_the_policy(
    client_of: ClientOf, alice: User, acme: Account
) -> None:
    client = client_of(alice)
    given = USUAL | {"role": "flag", "strict_masks": "on", "wide_disposable": "flag"}
    answer = client.post(url("hygiene_policy", acme), given, follow=True)
    assert "The filter policy is saved." in text_of(answer)
    assert settings_of(acme) == PolicySettings(
        modes={"role": "flag"}, strict_masks=True, wide_disposable="flag"
    )
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.ip) == (alice, "127.0.0.1")
    again = client.post(url("hygiene_policy", acme), given, follow=True)
    assert "Nothing was changed." in text_of(again)
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize("change", [{"role": "maybe"}, {"bot": ""}])
def test_what_is_no_choice_is_refused(
    client_of: ClientOf, alice: User, acme: Account, change: dict[str, str]
) -> None:
    answer = client_of(alice).post(url("hygiene_policy", acme), USUAL | change)
    assert answer.status_code == 422
    assert not HygienePolicy.objects.exists()


def test_a_marketer_may_not(client_of: ClientOf, bob: User, acme: Account) -> None:
    answer = client_of(bob).post(url("hygiene_policy", acme), USUAL | {"bot": "off"})
    assert answer.status_code == 403
    assert not HygienePolicy.objects.exists()
    page = text_of(client_of(bob).get(url("hygiene_policy", acme)))
    assert "You can look, not change." in page and "disabled" in page


def test_a_link_chooses_and_saves_nothing(
    client_of: ClientOf, alice: User, acme: Account, display: Display
) -> None:
    asked = {"role": "flag", "bot": "sideways", "strict_masks": "on"}
    answer = client_of(alice).get(url("hygiene_policy", acme), asked)
    form = answer.context["form"]
    assert form["role"].value() == "flag" and form["bot"].value() == "on"
    assert "Not saved yet." in text_of(answer)
    assert not HygienePolicy.objects.exists()
    there = client_of(alice).get(
        url("hygiene_policy", acme), asked | {"display": str(display.pk)}
    )
    assert there["Location"].startswith(url("display_hygiene", acme, display.pk))
    page = client_of(alice).get(there["Location"])
    assert page.context["form"]["role"].value() == "flag"


def test_a_display_inherits_what_it_leaves_out(
    client_of: ClientOf, alice: User, acme: Account, display: Display
) -> None:
    client = client_of(alice)
    client.post(url("hygiene_policy", acme), USUAL | {"role": "off"})
    page = text_of(client.get(url("display_hygiene", acme, display.pk)))
    assert "As the account: Off" in page and "As the account: Reject" in page
    given = dict.fromkeys(FIELDS, "") | {"role": "on"}
    client.post(url("display_hygiene", acme, display.pk), given)
    assert settings_of(acme, display.pk) == PolicySettings(modes={"role": "on"})
    shown = text_of(client.get(url("display_settings", acme, display.pk)))
    assert "1 choice of its own" in shown


def test_a_viewer_reads_the_lists_and_a_marketer_keeps_them(
    client_of: ClientOf, vera: User, bob: User, acme: Account
) -> None:
    new = {"kind": "deny", "value": "Rival.com", "reason": "<b>competitor</b>"}
    for name, data in (("hygiene_entry_add", new), ("hygiene_entries_import", {})):
        assert client_of(vera).post(url(name, acme), data).status_code == 403
    answer = client_of(bob).post(url("hygiene_entry_add", acme), new, follow=True)
    assert "rival.com is rejected from now on." in text_of(answer)
    page = text_of(client_of(vera).get(url("hygiene_entries", acme)))
    assert "rival.com" in page and "&lt;b&gt;competitor" in page
    assert "Bob Brown" in page and "Remove rival.com" not in page
    entry = ListEntry.objects.get()
    remove = url("hygiene_entry_remove", acme, entry.pk)
    assert client_of(vera).post(remove).status_code == 403
    assert client_of(bob).get(remove).status_code == 405
    client_of(bob).post(remove)
    assert not ListEntry.objects.exists()
    assert client_of(bob).post(remove).status_code == 404


def test_what_cannot_be_listed_stays_in_the_form(
    client_of: ClientOf, bob: User, acme: Account
) -> None:
    given = {"kind": "deny", "value": "no domain", "reason": "kept"}
    answer = client_of(bob).post(url("hygiene_entry_add", acme), given)
    assert answer.status_code == 422
    page = text_of(answer)
    assert "is not an email address or a domain" in page and 'value="kept"' in page


def test_pages_go_on_by_key(
    client_of: ClientOf, bob: User, acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "PER_PAGE", 2)
    by = Author(user=bob, label="Bob Brown")
    for n in range(5):
        entry_add(account=acme, kind="deny", value=f"d{n}.org", by=by)
    client, seen, query = client_of(bob), [], "?kind=deny"
    while query:
        page = client.get(url("hygiene_entries", acme) + query).context["page"]
        seen += [entry.value for entry in page.rows]
        query = f"?{page.query}&before={page.before}" if page.before else ""
    assert sorted(seen) == [f"d{n}.org" for n in range(5)]
    odd = client.get(url("hygiene_entries", acme), {"before": "x", "kind": "\x00"})
    assert odd.status_code == 200
    none = client.get(url("hygiene_entries", acme), {"q": "zzz\x00"})
    assert "No entry matches" in text_of(none)


def test_import_says_which_lines_are_wrong(
    client_of: ClientOf, bob: User, acme: Account
) -> None:
    def load(data: bytes) -> Any:
        file = SimpleUploadedFile("my list.csv", data, content_type="text/csv")
        given = {"kind": "deny", "file": file}
        return client_of(bob).post(
            url("hygiene_entries_import", acme), given, follow=True
        )

    wrong = load(b"a.org\nno domain\n")
    assert wrong.status_code == 422 and "Line 2: " in text_of(wrong)
    assert not ListEntry.objects.exists()
    assert "Imported: 1 added." in text_of(load(b"a.org\n"))
    assert AuditEntry.objects.get().subject == "my list.csv"
    assert load(b"").status_code == 422
    nothing = client_of(bob).post(url("hygiene_entries_import", acme), {"kind": "deny"})
    assert nothing.status_code == 422 and "Choose a file." in text_of(nothing)


def test_export_has_what_is_shown(
    client_of: ClientOf, vera: User, bob: User, acme: Account
) -> None:
    by = Author(user=bob, label="Bob Brown")
    entry_add(account=acme, kind="deny", value="rival.com", by=by, reason="=cmd()")
    entry_add(account=acme, kind="allow", value="good.org", by=by)
    answer = client_of(vera).get(url("hygiene_entries_export", acme), {"kind": "deny"})
    text = answer.getvalue().decode()
    assert "rival.com,'=cmd()" in text and "good.org" not in text
    assert "attachment" in answer["Content-Disposition"]
    told = AuditEntry.objects.get(action="hygiene_entries.exported")
    assert (told.subject, told.actor) == ("deny list", vera)


def test_a_display_of_nobody_is_404(
    client_of: ClientOf, alice: User, acme: Account
) -> None:
    there = url("display_hygiene", acme, uuid4())
    assert client_of(alice).get(there).status_code == 404
    assert client_of(alice).post(there, USUAL).status_code == 404
