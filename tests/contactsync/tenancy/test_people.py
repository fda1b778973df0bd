from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse
from django.views import defaults

from contactsync.tenancy.models import Account, AuditEntry, Membership, Role, User
from contactsync.tenancy.services import account_create, audit
from contactsync.tenancy.views import AUDIT_PAGE
from tests.conftest import PASSWORD

ClientOf = Callable[[User], Client]


def url(name: str, account: Account, *args: object) -> str:
    return reverse(name, args=[account.slug, *args])


def test_signing_up_makes_an_account_and_leads_to_its_home(db: None) -> None:
    client = Client()
    answer = client.post(
        reverse("account_signup"),
        {"email": "Nina@Shop.test", "password1": PASSWORD, "company": "Nina's Shop"},
        follow=True,
    )
    account = Account.objects.get()
    assert account.name == "Nina's Shop"
    membership = Membership.objects.get()
    assert (membership.role, membership.user.email) == (Role.OWNER, "nina@shop.test")
    assert answer.redirect_chain[-1][0] == url("home", account)


def test_the_front_page_leads_on(
    acme: Account, alice: User, charlie: User, client_of: ClientOf
) -> None:
    assert Client().get("/").headers["Location"] == reverse("account_login")
    assert client_of(charlie).get("/").headers["Location"] == reverse("account_new")
    second = account_create(name="Second", owner=alice)
    client = client_of(alice)
    assert client.get("/").headers["Location"] == url("home", acme)
    client.get(url("team", second))
    assert client.get("/").headers["Location"] == url("home", second)
    Membership.objects.filter(account=second).delete()
    assert client.get("/").headers["Location"] == url("home", acme)


def test_a_first_account_is_made(charlie: User, client_of: ClientOf) -> None:
    client = client_of(charlie)
    assert client.post(reverse("account_new"), {"name": ""}).status_code == 422
    answer = client.post(reverse("account_new"), {"name": "Charlie's"})
    account = Account.objects.get()
    assert answer.headers["Location"] == url("home", account)
    entry = AuditEntry.objects.for_account(account).get()
    assert entry.action == "account.created"


def test_admins_rename_the_account(
    acme: Account, alice: User, bob: User, vera: User, client_of: ClientOf
) -> None:
    place = url("account_rename", acme)
    for person in (bob, vera):
        assert client_of(person).post(place, {"name": "Mine"}).status_code == 403
    client = client_of(alice)
    assert client.post(place, {"name": ""}).status_code == 422
    client.post(place, {"name": "Acme Indoor"})
    acme.refresh_from_db()
    assert (acme.name, acme.slug) == ("Acme Indoor", "acme-outdoor")
    entry = AuditEntry.objects.for_account(acme).get()
    assert entry.detail == {"before": "Acme Outdoor"}


def test_viewers_read_the_settings_and_change_their_own(
    acme: Account, vera: User, client_of: ClientOf
) -> None:
    client = client_of(vera)
    page = client.get(url("account_settings", acme)).content.decode()
    assert "Ask an admin" in page and url("account_rename", acme) not in page
    answer = client.post(
        reverse("profile"),
        {"name": "Vera V.", "theme": "dark", "next": url("account_settings", acme)},
    )
    assert answer.headers["Location"] == url("account_settings", acme)
    vera.refresh_from_db()
    assert (vera.name, vera.theme) == ("Vera V.", "dark")
    page = client.get(url("account_settings", acme)).content.decode()
    assert '<html lang="en" data-theme="dark">' in page


def test_the_theme_is_kept_for_the_log_in_page_too(db: None) -> None:
    client = Client()
    client.post(reverse("theme"), {"theme": "dark", "next": "/accounts/login/"})
    assert 'data-theme="dark"' in client.get("/accounts/login/").content.decode()
    client.post(reverse("theme"), {"theme": "system"})
    assert "data-theme" not in client.get("/accounts/login/").content.decode()
    assert client.post(reverse("theme"), {"theme": '"><'}).status_code == 400


@pytest.mark.parametrize("wish", ["https://evil.test/", "//evil.test", "javascript:1"])
def test_forms_lead_back_to_this_site_only(wish: str, db: None) -> None:
    answer = Client().post(reverse("theme"), {"theme": "dark", "next": wish})
    assert answer.headers["Location"] == "/"


def test_the_audit_log_has_pages(
    acme: Account, other: Account, alice: User, vera: User, client_of: ClientOf
) -> None:
    for number in range(AUDIT_PAGE + 5):
        audit(None, account=acme, action="test.made", subject=f"row {number}.")
    audit(None, account=other, action="test.made", subject="not for you")
    client = client_of(vera)
    first = client.get(url("audit", acme))
    assert "not for you" not in first.content.decode()
    older = client.get(url("audit", acme) + f"?before={first.context['older']}")
    shown = [*first.context["entries"], *older.context["entries"]]
    assert len(first.context["entries"]) == AUDIT_PAGE
    assert [entry.pk for entry in shown] == list(
        AuditEntry.objects.for_account(acme)
        .order_by("-id")
        .values_list("pk", flat=True)
    )
    assert older.context["older"] is None
    assert client.get(url("audit", acme) + "?before=x").status_code == 302


def test_what_somebody_else_typed_is_escaped(
    acme: Account, alice: User, client_of: ClientOf
) -> None:
    Account.objects.update(name="<script>x</script>")
    User.objects.update(name="<b>bold</b>")
    audit(None, account=acme, action="x", subject="<i>s</i>", before="<u>b</u>")
    for name in ("team", "api_keys", "audit", "account_settings", "home"):
        page = client_of(alice).get(url(name, acme)).content.decode()
        for raw in ("<script>x", "<b>bold", "<i>s", "<u>b"):
            assert raw not in page, (name, raw)


def test_pages_need_a_log_in(acme: Account) -> None:
    for name in ("home", "team", "api_keys", "audit", "account_settings"):
        answer = Client().get(url(name, acme))
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith(reverse("account_login"))


def test_errors_have_pages(acme: Account, vera: User, client_of: ClientOf) -> None:
    answer = client_of(vera).get("/nowhere/")
    assert answer.status_code == 404
    assert "This page does not exist" in answer.content.decode()
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post(reverse("theme"), {"theme": "dark"})
    assert answer.status_code == 403
    assert "You may not do this" in answer.content.decode()
    request = RequestFactory().get("/")
    for view, words in (
        (defaults.server_error, "broke on our side"),
        (lambda asked: defaults.bad_request(asked, ValueError()), "could not read"),
    ):
        page = view(request).content.decode()
        assert words in page and "css/app.css" in page
