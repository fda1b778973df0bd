"""Filter policy, lists, a display's filter and accepting a rejected signup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from contacts.models import Contact
from contactsync.tenancy.models import Account, User
from contactsync.tenancy.services import IssuedKey
from displays.models import Display, Signup
from hygiene.entries import entry_add
from hygiene.models import HygienePolicy, ListEntry
from hygiene.services import Author
from tests.browser.steps import Axe, Login, heading
from tests.contactsync.api.client import Api
from tests.displays.signups import body


@pytest.fixture
def rejected(secret_key: IssuedKey, display: Display) -> Signup:
    api = Api(secret_key.text)
    for email in ("info@rossi.it", "sales@rossi.it"):
        api.post("signups", body(display, email=email))
    return Signup.objects.order_by("id")[0]


def at(name: str, account: Account, *args: object) -> str:
    return reverse(name, args=[account.slug, *args])


def test_the_policy_is_chosen_and_warns(
    page: Page, login: Login, axe: Axe, alice: User, acme: Account
) -> None:
    login(page, alice)
    page.goto(at("hygiene_policy", acme))
    heading(page, "Filter policy")
    warning = page.get_by_text("mailboxes that are gone within the hour")
    expect(warning).to_be_hidden()
    group = page.get_by_role("group", name="Disposable addresses", exact=True)
    group.get_by_role("radio", name="Off").check()
    expect(warning).to_be_visible()
    axe(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The filter policy is saved.")).to_be_visible()
    assert HygienePolicy.objects.get().modes == {"disposable": "off"}
    expect(warning).to_be_visible()


def test_lists_without_javascript(
    no_js: Page, login: Login, bob: User, acme: Account, tmp_path: Path
) -> None:
    login(no_js, bob)
    no_js.goto(at("hygiene_entries", acme))
    no_js.get_by_label("Address or domain", exact=True).fill("partner.example.org")
    no_js.get_by_label("Reason").fill("Our partner")
    no_js.get_by_role("button", name="Add").click()
    expect(no_js.get_by_text("partner.example.org is accepted")).to_be_visible()
    file = tmp_path / "list.csv"
    file.write_text("kind,value,reason\ndeny,*.bad.org,spam\ndeny,no good,\n")
    no_js.get_by_text("Import a list").click()
    no_js.get_by_label("File").set_input_files(file)
    no_js.get_by_role("button", name="Import").click()
    expect(no_js.get_by_text("Line 3:")).to_be_visible()
    assert ListEntry.objects.count() == 1
    file.write_text("kind,value,reason\ndeny,*.bad.org,spam\n")
    no_js.get_by_label("File").set_input_files(file)
    no_js.get_by_role("button", name="Import").click()
    expect(no_js.get_by_text("Imported: 1 added")).to_be_visible()
    expect(no_js.get_by_role("cell", name="*.bad.org and all below it")).to_be_visible()


def test_an_entry_is_removed_after_a_question(
    page: Page, login: Login, axe: Axe, alice: User, acme: Account
) -> None:
    by = Author(user=alice, label="Alice Adams")
    entry_add(account=acme, kind="deny", value="*.bad.org", by=by, reason="Spam " * 30)
    entry_add(account=acme, kind="allow", value=f"{'m' * 60}@example.org", by=by)
    login(page, alice)
    page.goto(at("hygiene_entries", acme))
    axe(page)
    page.get_by_role("button", name="Remove *.bad.org").click()
    page.get_by_role("button", name="Remove entry").click()
    expect(page.get_by_text("is off the list")).to_be_visible()
    assert ListEntry.objects.get().kind == "allow"


def test_a_display_chooses_for_itself(
    page: Page, login: Login, axe: Axe, alice: User, acme: Account, display: Display
) -> None:
    login(page, alice)
    page.goto(at("display_settings", acme, display.pk))
    expect(page.get_by_text("As the account's filter policy")).to_be_visible()
    page.get_by_role("link", name="Edit address filter").click()
    heading(page, "Address filter")
    group = page.get_by_role("group", name="Role addresses")
    expect(group.get_by_role("radio", name="As the account: Reject")).to_be_checked()
    axe(page)
    group.get_by_role("radio", name="Only flag").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("1 choice of its own")).to_be_visible()
    axe(page)


def test_a_rejected_signup_is_accepted_without_javascript(
    no_js: Page, login: Login, bob: User, acme: Account, rejected: Signup
) -> None:
    login(no_js, bob)
    no_js.goto(at("signup_accept", acme, rejected.pk) + "?scope=domain")
    everybody = no_js.get_by_label("Everybody at rossi.it, and the other rejected")
    expect(everybody).to_be_checked()
    no_js.get_by_role("button", name="Accept").click()
    expect(no_js.get_by_text("Say in a few words").first).to_be_visible()
    no_js.get_by_label("Reason").fill("They are our customers")
    no_js.get_by_role("button", name="Accept").click()
    expect(no_js.get_by_text("2 signups are accepted")).to_be_visible()
    heading(no_js, "info@rossi.it")
    assert set(Contact.objects.values_list("status", flat=True)) == {"accepted"}


def test_the_question_looks_right(
    page: Page, login: Login, axe: Axe, bob: User, acme: Account, rejected: Signup
) -> None:
    login(page, bob)
    page.goto(at("signup_accept", acme, rejected.pk))
    heading(page, "Accept this signup?")
    axe(page)


def test_a_viewer_only_looks(
    page: Page, login: Login, axe: Axe, vera: User, acme: Account, display: Display
) -> None:
    login(page, vera)
    for url in (
        at("hygiene_policy", acme),
        at("hygiene_entries", acme),
        at("display_hygiene", acme, display.pk),
    ):
        page.goto(url)
        expect(page.get_by_role("button", name="Save")).to_have_count(0)
        expect(page.get_by_role("button", name="Add")).to_have_count(0)
        axe(page)


def test_every_choice_can_be_reached_by_key(
    page: Page, login: Login, alice: User, acme: Account
) -> None:
    login(page, alice)
    page.goto(at("hygiene_policy", acme))
    radio: Any = page.get_by_role("group", name="Bots").get_by_role("radio").first
    radio.focus()
    page.keyboard.press("ArrowRight")
    expect(
        page.get_by_role("group", name="Bots").get_by_role("radio", name="Only flag")
    ).to_be_checked()
