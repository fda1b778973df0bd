"""Convert > All Displays and the steps of the builder."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from contactsync.tenancy.models import Account, AuditEntry, User
from contactsync.tenancy.services import IssuedKey
from displays.models import Display
from displays.services import RuleSettings, display_create, rule_create
from displays.store import NewSignup, store_signup
from integrations.models import LinkedAccount

pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], Client]


def url(name: str, account: Account, *args: object) -> str:
    return reverse(name, args=[account.slug, *args])


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def sign_up(display: Display, email: str) -> None:
    store_signup(
        NewSignup(
            account_id=display.account_id,
            display_id=display.pk,
            environment="live",
            email=email,
            email_key=email,
            accepted=True,
            category="valid",
            rule="",
            evidence="",
        )
    )


def test_list_shows_figures_of_each_display(
    client_of: ClientOf,
    vera: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
) -> None:
    rule_create(
        display=display, settings=RuleSettings(linked_account=linked, audience_id="a")
    )
    sign_up(display, "ada@acme.test")
    sign_up(display, "grace@acme.test")
    display_create(account=acme, name="Old bar", kind="bar", status="archived")
    page = text_of(client_of(vera).get(url("displays", acme)))
    row = page[page.index("Spring welcome popup") :]
    assert "Popup" in row
    assert ">Live</span>" in row
    assert '<td class="right num">2<span' in row
    assert '<td class="right num">1<span' in row
    assert "just now</time>" in row
    assert "Old bar" not in page
    archived = client_of(vera).get(url("displays", acme), {"status": "archived"})
    assert "Old bar" in text_of(archived)


@pytest.mark.parametrize("query", ["spring", "\x00spring", "x" * 500, "%"])
def test_list_is_searched(
    client_of: ClientOf, alice: User, acme: Account, display: Display, query: str
) -> None:
    answer = client_of(alice).get(url("displays", acme), {"q": query, "page": "x"})
    assert answer.status_code == 200
    assert ("Spring welcome popup" in text_of(answer)) is ("spring" in query)


def test_create_leads_to_the_design(
    client_of: ClientOf, bob: User, acme: Account
) -> None:
    client = client_of(bob)
    assert client.post(url("display_new", acme), {"name": ""}).status_code == 422
    answer = client.post(url("display_new", acme), {"name": "Footer", "kind": "bar"})
    display = Display.objects.get(account=acme)
    assert answer["Location"] == url("display_design", acme, display.pk)
    assert (display.kind, display.status) == ("bar", "draft")
    entry = AuditEntry.objects.get(account=acme)
    assert (entry.action, entry.actor) == ("display.create", bob)


DESIGN = {
    "name": "Spring",
    "headline": "Take 15% off",
    "body": "Join <b>us</b>.",
    "button": "Unlock",
    "consent_text": "Yes, send me mail.",
}


def test_design_is_saved_and_previewed(
    client_of: ClientOf, bob: User, acme: Account, display: Display
) -> None:
    client = client_of(bob)
    page = url("display_design", acme, display.pk)
    seen = text_of(
        client.post(page, {**DESIGN, "do": "preview"}, headers={"HX-Request": "true"})
    )
    assert "Take 15% off" in seen
    assert "Join &lt;b&gt;us&lt;/b&gt;." in seen
    assert "First name" not in seen
    display.refresh_from_db()
    assert display.headline == "Join our list"
    assert client.post(page, DESIGN).status_code == 302
    display.refresh_from_db()
    assert (display.headline, display.ask_name) == ("Take 15% off", False)
    assert display.consent_text == "Yes, send me mail."


def test_preview_without_javascript_keeps_what_was_typed(
    client_of: ClientOf, bob: User, acme: Account, display: Display
) -> None:
    page = url("display_design", acme, display.pk)
    answer = client_of(bob).post(page, {**DESIGN, "do": "preview"})
    assert answer.status_code == 200
    assert 'value="Take 15% off"' in text_of(answer)
    assert '<p class="headline">Take 15% off</p>' in text_of(answer)
    display.refresh_from_db()
    assert display.headline == "Join our list"


def test_design_errors_keep_the_values(
    client_of: ClientOf, bob: User, acme: Account, display: Display
) -> None:
    page = url("display_design", acme, display.pk)
    answer = client_of(bob).post(
        page, {**DESIGN, "name": "", "headline": "x" * 121, "body": "a\x00b"}
    )
    assert answer.status_code == 422
    seen = text_of(answer)
    assert "<h1>Spring welcome popup</h1>" in seen
    assert 'value="Unlock"' in seen
    display.refresh_from_db()
    assert display.name == "Spring welcome popup"


def test_publish_changes_the_status(
    client_of: ClientOf, bob: User, acme: Account, display: Display
) -> None:
    client = client_of(bob)
    page = url("display_publish", acme, display.pk)
    assert "No sync rule yet." in text_of(client.get(page))
    assert client.post(page, {"status": "paused"}).status_code == 302
    display.refresh_from_db()
    assert display.status == "paused"
    entry = AuditEntry.objects.get(account=acme)
    assert entry.detail["before"] == "live"
    assert entry.detail["after"] == "paused"
    assert client.post(page, {"status": "gone"}).status_code == 422


def test_curl_line_is_a_command_that_the_api_takes(
    client_of: ClientOf,
    vera: User,
    acme: Account,
    display: Display,
    secret_key: IssuedKey,
) -> None:
    display.consent_text = 'Yes, I\'d like "news" & offers'
    display.save()
    answer = client_of(vera).get(url("display_publish", acme, display.pk))
    words = shlex.split(answer.context["curl"].replace("\\\n", ""))
    assert words[:3] == ["curl", "-X", "POST"]
    assert words[3].endswith("/api/v1/signups")
    assert secret_key.key.hint in words[5]
    assert secret_key.text not in answer.content.decode()
    posted = Client().post(
        "/api/v1/signups",
        json.loads(words[-1]),
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret_key.text}"},
    )
    assert posted.status_code == 202


STEPS = ["display_design", "display_settings", "display_publish"]


@pytest.mark.parametrize("name", STEPS)
def test_a_viewer_reads_every_step_and_changes_none(
    client_of: ClientOf, vera: User, acme: Account, display: Display, name: str
) -> None:
    client = client_of(vera)
    page = url(name, acme, display.pk)
    assert client.get(page).status_code == 200
    if name != "display_settings":
        assert client.post(page, {**DESIGN, "status": "paused"}).status_code == 403
    assert client.get(url("display_new", acme)).status_code == 403
    display.refresh_from_db()
    assert (display.name, display.status) == ("Spring welcome popup", "live")


@pytest.mark.parametrize("name", [*STEPS, "rule_new"])
def test_strangers_ids_are_not_found(
    client_of: ClientOf,
    charlie: User,
    acme: Account,
    other: Account,
    display: Display,
    name: str,
) -> None:
    client = client_of(charlie)
    assert client.get(url(name, other, display.pk)).status_code == 404
    assert client.get(url(name, acme, display.pk)).status_code == 404


def test_settings_has_the_path_of_the_help_page(
    client_of: ClientOf, bob: User, acme: Account, display: Display
) -> None:
    page = text_of(client_of(bob).get(url("display_settings", acme, display.pk)))
    advanced = page.index("Show Advanced Settings")
    assert page.index("Basic settings") < advanced < page.index("Sync Integrations")
    assert "No sync rule yet" in page
    assert '<details class="advanced">' in page


def test_the_jump_box_finds_displays_by_name(
    acme: Account, vera: User, display: Display, client_of: Callable[[User], Client]
) -> None:
    display_create(account=acme, name="Old popup", kind="bar", status="archived")
    client = client_of(vera)

    found = client.get(url("display_names", acme), {"q": "POPUP\x00"}).json()

    settings_url = url("display_settings", acme, display.pk)
    assert found == {"displays": [{"name": display.name, "url": settings_url}]}
    assert client.get(url("display_names", acme), {"q": "%"}).json() == {"displays": []}
