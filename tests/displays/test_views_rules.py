"""The Sync Integrations card: rules are made and changed in the browser, with the
provider's audiences and fields read from a running sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from contactsync.tenancy.models import Account, AuditEntry, User
from displays.models import Display, SyncRule
from displays.services import SAVED, RuleSettings, rule_create, rule_update
from displays.store import NewSignup, store_signup
from integrations.adapters import Webhook
from integrations.models import LinkedAccount
from integrations.sandbox.testing import RunningSandbox, running_sandbox
from integrations.services import linked_account_create, linked_account_unlink

pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], Client]
NEWSLETTER = "a6b5da1054"
VIP = "c1f83e07b2"


@pytest.fixture(scope="module")
def _running() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


@pytest.fixture(autouse=True)
def sandbox(_running: RunningSandbox, settings: Any) -> RunningSandbox:
    cache.clear()
    _running.reset()
    _running.faults()
    settings.PROVIDER_URLS = {"mailchimp": _running.base_url("mailchimp")}
    return _running


@pytest.fixture
def rule(display: Display, linked: LinkedAccount) -> SyncRule:
    return rule_create(
        display=display,
        settings=RuleSettings(
            linked_account=linked,
            audience_id=NEWSLETTER,
            audience_label="Newsletter",
            mapping={"first_name": "FNAME"},
            tags=["spring"],
            double_opt_in=True,
        ),
    )


def url(name: str, account: Account, *args: object) -> str:
    return reverse(name, args=[account.slug, *args])


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def form_of(linked: LinkedAccount, **more: Any) -> dict[str, Any]:
    """What the editor posts for a simple rule."""
    return {
        "do": "save",
        "linked_account": str(linked.pk),
        "audience": NEWSLETTER,
        "loaded": f"{linked.pk}|{NEWSLETTER}",
        "options_shown": "1",
        "match": "every",
        "map:first_name": "FNAME",
        "tags": "spring, popup ,spring,",
        "update_existing": "on",
        "version": "1",
        **more,
    }


def sign_up(display: Display, email: str, **more: Any) -> None:
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
            **more,
        )
    )


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


def test_saving_says_the_sentence_and_makes_the_rule(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
) -> None:
    client = client_of(bob)
    answer = client.post(
        url("rule_new", acme, display.pk), form_of(linked, reconfirm="on"), follow=True
    )
    page = text_of(answer)
    assert SAVED.replace("'", "&#x27;") in page
    assert "Every signup · 1 field mapped" in page
    assert ">Syncing</span>" in page
    made = SyncRule.objects.get(display=display)
    target = made.target
    assert (target.audience_id, target.audience_label) == (NEWSLETTER, "Newsletter")
    assert target.mapping == {"first_name": "FNAME"}
    assert target.tags == ["spring", "popup"]
    assert (target.double_opt_in, target.update_existing) == (False, True)
    assert target.reconfirm is True
    entry = AuditEntry.objects.get(account=acme)
    assert entry.action == "sync_rule.create"
    assert entry.detail["rule"] == str(made.pk)


def test_a_saved_rule_gets_the_displays_signups(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
) -> None:
    client_of(bob).post(url("rule_new", acme, display.pk), form_of(linked))
    sign_up(display, "ada@acme.test")
    page = text_of(client_of(bob).get(url("display_settings", acme, display.pk)))
    assert '<b class="num">1</b><span>waiting</span>' in page


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
    assert target.mapping["last_name"] == "LNAME"
    assert target.update_existing is True


def test_conditions_are_added_removed_and_saved(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
) -> None:
    client = client_of(bob)
    page = url("rule_new", acme, display.pk)
    first = {
        "match": "any",
        "condition_field": ["utm.campaign"],
        "condition_op": ["starts_with"],
        "condition_value": ["spring"],
    }
    more = text_of(client.post(page, form_of(linked, **first, do="add_condition")))
    assert "Value of condition 2" in more
    assert 'value="spring"' in more
    two = {
        "match": "any",
        "condition_field": ["utm.campaign", "consent"],
        "condition_op": ["starts_with", "is"],
        "condition_value": ["spring", "Given"],
    }
    less = text_of(client.post(page, form_of(linked, **two, do="remove_condition:0")))
    assert "Value of condition 2" not in less
    assert 'value="spring"' not in less
    assert client.post(page, form_of(linked, **two)).status_code == 302
    target = SyncRule.objects.get(display=display).target
    assert target.match == "any"
    assert target.conditions == [
        {"field": "utm.campaign", "op": "starts_with", "value": "spring"},
        {"field": "consent", "op": "is", "value": "yes"},
    ]


WRONG = [
    ({"audience": ""}, "Choose the audience that signups go to."),
    ({"audience": "gone"}, "not in Mailchimp any more"),
    ({"linked_account": "nonsense"}, "Choose the account signups go to."),
    ({"match": "all"}, "Fill in a condition, or choose Every signup."),
    ({"map:phone": "FNAME"}, "First name goes to the same merge field."),
    ({"map:phone": "NOPE"}, "This merge field is not there any more."),
    ({"tags": "x" * 101}, "At most 50 tags"),
    ({"tags": "a\x00b"}, "cannot be stored"),
]


@pytest.mark.parametrize(("change", "sentence"), WRONG)
def test_what_is_wrong_is_said_and_kept(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
    change: dict[str, str],
    sentence: str,
) -> None:
    page = url("rule_new", acme, display.pk)
    answer = client_of(bob).post(page, form_of(linked, **change))
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert "The rule was not saved" in text_of(answer)
    assert not SyncRule.objects.filter(display=display).exists()


ODD_CONDITIONS = [
    ("is", "", "Fill in a value"),
    ("is", "maybe", "Consent is either yes or no"),
    ("is", "a\x00", "cannot be stored"),
    ("no such operator", "maybe", "Consent is either yes or no"),
]


@pytest.mark.parametrize(("op", "value", "sentence"), ODD_CONDITIONS)
def test_odd_conditions(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
    op: str,
    value: str,
    sentence: str,
) -> None:
    sign_up(display, "ada@acme.test")
    answer = client_of(bob).post(
        url("rule_new", acme, display.pk),
        form_of(
            linked,
            match="all",
            condition_field="consent",
            condition_op=op,
            condition_value=value,
        ),
    )
    assert answer.status_code == 422
    assert sentence in text_of(answer)


def test_dry_run_counts_recent_signups(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
) -> None:
    for number in range(4):
        sign_up(
            display,
            f"ada{number}@acme.test",
            context={"utm": {"campaign": "Spring VIP" if number < 3 else "other"}},
            consent_given=number != 0,
            consent_text="Yes",
        )
    conditions = {
        "match": "all",
        "condition_field": ["utm.campaign", "consent"],
        "condition_op": ["starts_with", "is"],
        "condition_value": ["spring", "given"],
    }
    page = text_of(
        client_of(bob).post(
            url("rule_new", acme, display.pk),
            form_of(linked, **conditions, do="load"),
            headers={"HX-Request": "true"},
        )
    )
    assert "2 of the last 4 signups</b> would match this rule." in page
    assert "<html" not in page


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
    assert target.mapping == {"first_name": "givenName"}


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
    assert rule.target.mapping == {"first_name": "FNAME"}
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
    rule.target.refresh_from_db()
    assert rule.target.audience_id == VIP


def test_a_stale_rule_overwrites_nothing(
    client_of: ClientOf,
    alice: User,
    bob: User,
    acme: Account,
    display: Display,
    rule: SyncRule,
    linked: LinkedAccount,
) -> None:
    page = url("rule_edit", acme, display.pk, rule.pk)
    client_of(bob).post(page, form_of(linked, tags="bob"))
    mine = form_of(linked, tags="alice")
    client = client_of(alice)
    answer = client.post(page, mine)
    assert answer.status_code == 409
    seen = text_of(answer)
    assert "Bob Brown changed this rule" in seen
    assert 'value="alice"' in seen
    rule.target.refresh_from_db()
    assert rule.target.tags == ["bob"]
    again = client.post(page, mine)
    assert again.status_code == 409
    forced = client.post(page, {**mine, "do": "overwrite", "newer": "2"})
    assert forced.status_code == 302
    rule.target.refresh_from_db()
    assert rule.target.tags == ["alice"]


def test_overwriting_what_was_not_seen_is_refused(
    client_of: ClientOf,
    alice: User,
    acme: Account,
    display: Display,
    rule: SyncRule,
    linked: LinkedAccount,
) -> None:
    settings = RuleSettings(linked_account=linked, audience_id=NEWSLETTER)
    rule_update(rule=rule, settings=settings, version=1)
    rule_update(rule=rule, settings=settings, version=2)
    page = url("rule_edit", acme, display.pk, rule.pk)
    forced = form_of(linked, do="overwrite", newer="2")
    answer = client_of(alice).post(page, forced)
    assert answer.status_code == 409
    assert "Somebody else changed this rule" in text_of(answer)


def test_switch_and_remove(
    client_of: ClientOf, bob: User, acme: Account, display: Display, rule: SyncRule
) -> None:
    client = client_of(bob)
    switch = url("rule_toggle", acme, display.pk, rule.pk)
    page = text_of(client.post(switch, {"enabled": "off"}, follow=True))
    assert 'aria-checked="false"' in page
    assert ">Off</span>" in page
    rule.refresh_from_db()
    assert rule.enabled is False
    client.post(switch, {"enabled": "on"})
    rule.refresh_from_db()
    assert rule.enabled is True
    removed = text_of(
        client.post(url("rule_delete", acme, display.pk, rule.pk), follow=True)
    )
    assert "Nobody is unsubscribed" in removed
    assert "No sync rule yet" in removed
    edit = client.get(url("rule_edit", acme, display.pk, rule.pk))
    assert edit.status_code == 404
    actions = AuditEntry.objects.filter(account=acme).values_list("action", flat=True)
    assert sorted(actions) == [
        "sync_rule.disable",
        "sync_rule.enable",
        "sync_rule.remove",
    ]


def test_badges_say_what_holds_a_rule(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    rule: SyncRule,
    linked: LinkedAccount,
) -> None:
    client = client_of(bob)
    page = url("display_settings", acme, display.pk)

    def badge_after(**state: str) -> str:
        LinkedAccount.objects.filter(pk=linked.pk).update(**state)
        return text_of(client.get(page))

    assert ">Reconnect</span>" in badge_after(status="broken", reason="auth.revoked")
    assert ">Paused</span>" in badge_after(status="paused")
    assert ">Syncing</span>" in badge_after(status="connected")
    rule.target.held_reason = "target.missing"
    rule.target.held_detail = "The audience is gone."
    rule.target.save()
    assert ">Needs attention</span>" in text_of(client.get(page))
    assert "The audience is gone." in text_of(client.get(page))
    linked_account_unlink(linked)
    assert ">Unlinked</span>" in text_of(client.get(page))
    editor = text_of(client.get(url("rule_edit", acme, display.pk, rule.pk)))
    assert "Link an account first" in editor


@pytest.mark.parametrize("name", ["rule_edit", "rule_toggle", "rule_delete"])
def test_roles_and_strangers(
    client_of: ClientOf,
    vera: User,
    charlie: User,
    acme: Account,
    other: Account,
    display: Display,
    rule: SyncRule,
    name: str,
) -> None:
    page = url(name, acme, display.pk, rule.pk)
    assert client_of(vera).post(page).status_code == 403
    stranger = client_of(charlie)
    assert stranger.post(page).status_code == 404
    assert stranger.post(url(name, other, display.pk, rule.pk)).status_code == 404
    rule.refresh_from_db()
    assert (rule.enabled, rule.removed_at, rule.version) == (True, None, 1)


def test_a_rule_of_another_display_is_not_found(
    client_of: ClientOf, bob: User, acme: Account, display: Display, rule: SyncRule
) -> None:
    twin = Display.objects.create(account=acme, name="Twin")
    page = url("rule_edit", acme, twin.pk, rule.pk)
    assert client_of(bob).get(page).status_code == 404


def test_another_tenants_account_cannot_be_chosen(
    client_of: ClientOf, bob: User, acme: Account, other: Account, display: Display
) -> None:
    foreign = linked_account_create(
        account=other,
        provider="mailchimp",
        label="Foreign",
        credentials={"api_key": "0123456789abcdef0123456789abcdef-us21"},
    )
    answer = client_of(bob).post(url("rule_new", acme, display.pk), form_of(foreign))
    assert answer.status_code == 422
    assert "Foreign" not in text_of(answer)
    assert not SyncRule.objects.exists()


def test_a_viewer_reads_the_rules(
    client_of: ClientOf, vera: User, acme: Account, display: Display, rule: SyncRule
) -> None:
    page = text_of(client_of(vera).get(url("display_settings", acme, display.pk)))
    assert "Newsletter" in page
    assert "Every signup · 1 field mapped · double opt-in" in page
    assert url("rule_edit", acme, display.pk, rule.pk) not in page
    assert "Ask a marketer or an admin to change rules." in page
