"""The rule editor shows the audiences, fields and options that the provider has."""

from __future__ import annotations

from typing import Any

import pytest

from contactsync.tenancy.models import Account, User
from displays.models import Display, SyncRule
from integrations.adapters import Webhook
from integrations.entries import entries_of, shown_of
from integrations.models import LinkedAccount
from integrations.sandbox.testing import RunningSandbox
from integrations.services import linked_account_create
from tests.displays.rules import NEWSLETTER, VIP, form_of, sign_up
from tests.integrations.pages import ClientOf, text_of, url

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sandbox")]


def test_without_a_linked_account_it_says_what_comes_first(
    client_of: ClientOf, alice: User, bob: User, acme: Account, display: Display
) -> None:
    page = text_of(client_of(alice).get(url("rule_new", acme, display.pk)))
    assert "Link an account first" in page
    assert url("linked_accounts", acme) + "#available" in page
    assert "Ask an admin to link one" in text_of(
        client_of(bob).get(url("rule_new", acme, display.pk))
    )


def test_editor_offers_what_the_provider_has(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
) -> None:
    client = client_of(bob)
    page = text_of(client.get(url("rule_new", acme, display.pk)))
    assert "Mailchimp · Acme Store</option>" in page
    assert "Newsletter · 3 contacts</option>" in page
    assert "VIP early access · 2 contacts</option>" in page
    assert "2 found in Mailchimp." in page
    assert "Field mapping" not in page
    loaded = text_of(
        client.post(
            url("rule_new", acme, display.pk),
            {"do": "load", "linked_account": str(linked.pk), "audience": VIP},
        )
    )
    assert '<option value="FNAME" selected>First Name · text</option>' in loaded
    assert '<option value="BIRTHDAY" selected>' in loaded
    assert "4 fields mapped" in loaded
    assert "Update contacts that already exist" in loaded
    assert 'id="update_existing" aria-describedby="update_existing-hint" checked' in (
        loaded
    )
    assert not SyncRule.objects.filter(display=display).exists()


def test_without_javascript_an_unloaded_audience_is_saved_with_what_fits(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
) -> None:
    answer = client_of(bob).post(
        url("rule_new", acme, display.pk),
        {"do": "save", "linked_account": str(linked.pk), "audience": VIP},
    )
    assert answer.status_code == 302
    target = SyncRule.objects.get(display=display).target
    assert ("LNAME", ("last_name",)) in {
        (entry.field, entry.source) for entry in entries_of(target.mapping)
    }
    assert target.update_existing is True


def test_own_fields_of_recent_signups_can_be_mapped(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
) -> None:
    sign_up(display, "ada@acme.test", fields={"shoe_size": "42"})
    page = text_of(
        client_of(bob).post(
            url("rule_new", acme, display.pk), form_of(linked, do="load")
        )
    )
    assert 'name="map:shoe_size"' in page
    assert "Shoe size" in page


def test_required_field_is_marked_and_warned_about(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
) -> None:
    sandbox.control(
        "POST",
        "mailchimp/fields",
        {"audience": NEWSLETTER, "tag": "CITY", "name": "City", "required": True},
    )
    client = client_of(bob)
    page = url("rule_new", acme, display.pk)
    seen = text_of(client.post(page, form_of(linked, do="load")))
    assert "Mailchimp requires City." in seen
    assert "City · text · required" in seen
    mapped = text_of(
        client.post(page, form_of(linked, do="load", **{"map:company": "CITY"}))
    )
    assert "Mailchimp requires" not in mapped


def test_double_opt_in_on_both_sides_is_warned_about(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
) -> None:
    client = client_of(bob)
    page = url("rule_new", acme, display.pk)
    warning = "has its own double opt-in on as well"
    both = form_of(linked, do="load", audience=VIP, double_opt_in="on")
    assert warning in text_of(client.post(page, both))
    one = form_of(linked, do="load", double_opt_in="on")
    assert warning not in text_of(client.post(page, one))


def test_options_follow_the_adapters_declaration(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    adapter = linked.adapter_class
    monkeypatch.setattr(adapter, "supports", adapter.supports - {"tags", "reconfirm"})
    client = client_of(bob)
    page = text_of(
        client.post(url("rule_new", acme, display.pk), form_of(linked, do="load"))
    )
    assert 'name="tags"' not in page
    assert "Ask people who left to confirm" not in page
    assert "Double opt-in" in page
    client.post(url("rule_new", acme, display.pk), form_of(linked, reconfirm="on"))
    target = SyncRule.objects.get(display=display).target
    assert (target.tags, target.reconfirm) == ([], False)


def test_a_provider_with_free_fields_takes_any_name(
    client_of: ClientOf, bob: User, acme: Account, display: Display
) -> None:
    hook = linked_account_create(
        account=acme,
        provider=Webhook.slug,
        label="Hook",
        credentials={
            "url": "https://hooks.acme.test/in",
            "signing_secret": "long-enough",
        },
    )
    client = client_of(bob)
    page = text_of(client.get(url("rule_new", acme, display.pk)))
    assert 'name="map:first_name" value="first_name"' in page
    assert "hooks.acme.test" in page
    saved = {
        "do": "save",
        "linked_account": str(hook.pk),
        "audience": "endpoint",
        "loaded": f"{hook.pk}|endpoint",
        "options_shown": "1",
        "map:first_name": "givenName",
    }
    assert client.post(url("rule_new", acme, display.pk), saved).status_code == 302
    target = SyncRule.objects.get(display=display).target
    assert shown_of(target.mapping) == {"first_name": "givenName"}


DOWN = [
    ({"status": 500}, "provider has a problem"),
    ({"drop": True}, "no connection"),
    ({"credentials": "broken"}, "access was refused"),
    ({"truncate": True}, "no connection"),
]


@pytest.mark.parametrize(("fault", "title"), DOWN)
def test_with_the_provider_down_the_saved_values_stay(
    client_of: ClientOf,
    alice: User,
    acme: Account,
    display: Display,
    rule: SyncRule,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
    fault: dict[str, Any],
    title: str,
) -> None:
    sandbox.faults(**fault)
    client = client_of(alice)
    page = url("rule_edit", acme, display.pk, rule.pk)
    shown = client.get(page)
    assert shown.status_code == 200
    seen = text_of(shown)
    assert f"Mailchimp could not be read: {title}" in seen
    assert f'<option value="{NEWSLETTER}" selected>Newsletter</option>' in seen
    assert '<option value="FNAME" selected>FNAME</option>' in seen
    assert "What you saved before is kept." in seen
    answer = client.post(page, form_of(linked, tags="later", double_opt_in="on"))
    assert answer.status_code == 302
    rule.target.refresh_from_db()
    assert rule.target.tags == ["later"]
    assert shown_of(rule.target.mapping) == {"first_name": "FNAME"}
    assert rule.target.audience_label == "Newsletter"
    other = client.post(page, form_of(linked, audience=VIP, version="2"))
    assert other.status_code == 422
    assert "could not be asked" in text_of(other)


def test_refresh_reads_anew(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
) -> None:
    client = client_of(bob)
    page = url("rule_new", acme, display.pk)
    assert "2 found in Mailchimp" in text_of(client.get(page))
    sandbox.control(
        "POST", "mailchimp/audiences", {"name": "Outlet", "double_optin": False}
    )
    assert "Outlet" not in text_of(client.get(page))
    fresh = client.post(page, {"do": "refresh", "linked_account": str(linked.pk)})
    assert "Outlet · 0 contacts" in text_of(fresh)


def test_an_audience_that_is_gone_must_be_replaced(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    rule: SyncRule,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
) -> None:
    sandbox.control("DELETE", "mailchimp/audiences", {"audience": NEWSLETTER})
    client = client_of(bob)
    page = url("rule_edit", acme, display.pk, rule.pk)
    assert "Newsletter (no longer there)" in text_of(client.get(page))
    assert client.post(page, form_of(linked)).status_code == 422
    assert client.post(page, form_of(linked, audience=VIP)).status_code == 302
    rule.refresh_from_db()
    assert rule.target.audience_id == VIP
