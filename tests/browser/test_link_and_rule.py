"""The path of the help page: link an account, Test Account, and a display's Settings >
Show Advanced Settings > Sync Integrations > Save, with and without JavaScript."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from playwright.sync_api import Locator, Page, expect

from contactsync.tenancy.models import Account, User
from displays.models import Display, SyncRule
from displays.services import SAVED
from integrations.entries import Entry, entries_of
from integrations.models import LinkedAccount
from integrations.sandbox.testing import RunningSandbox, running_sandbox
from tests.browser.conftest import Console
from tests.displays.rules import NEWSLETTER, sign_up

Login = Callable[[Page, User], None]
Axe = Callable[[Page], None]
KEY = "0123456789abcdef0123456789abcdef-us21"


@pytest.fixture
def sandbox(settings: Any, console: Console) -> Iterator[RunningSandbox]:
    cache.clear()
    # The frame's dialog of keys has an autofocus, which Chromium mentions on every
    # page that is opened at a fragment.
    with running_sandbox() as running:
        settings.PROVIDER_URLS = {"mailchimp": running.base_url("mailchimp")}
        yield running


def link_and_test(page: Page, acme: Account, sandbox: RunningSandbox) -> None:
    """Account > Integrations: link, test, break, reconnect."""
    page.goto(f"/a/{acme.slug}/account/integrations/")
    expect(page.get_by_text("No account is linked yet")).to_be_visible()
    page.get_by_role("link", name="Link Mailchimp").click()
    page.get_by_role("button", name="Link account").click()
    expect(page.get_by_text("Enter the API key.").first).to_be_visible()
    page.get_by_label("API key").fill(KEY)
    page.get_by_label("Name").fill("Acme Store")
    page.get_by_role("button", name="Link account").click()

    row = page.locator(".item").filter(has_text="Acme Store")
    expect(row.get_by_text("Connection Successful")).to_be_visible()
    expect(row.get_by_text("owner@sandbox.example")).to_be_visible()
    expect(row.get_by_text("Sandbox", exact=True)).to_be_visible()

    sandbox.faults(credentials="broken")
    row.get_by_role("button", name="Test Account").click()
    expect(row.get_by_text("Connection failed: access was refused")).to_be_visible()
    expect(row.get_by_text("Next step:")).to_be_visible()
    expect(row.locator(".badge.bad")).to_have_text("Reconnect")

    sandbox.faults()
    row.get_by_role("link", name="Reconnect Mailchimp").click()
    page.get_by_label("API key").fill(KEY.replace("0123", "4567"))
    page.get_by_role("button", name="Reconnect").click()
    expect(row.get_by_text("Connection Successful")).to_be_visible()
    expect(row.locator(".badge.ok")).to_have_text("Connected")


def open_the_card(page: Page, acme: Account, display: Display) -> None:
    """Convert > All Displays > the display > Settings > the card."""
    page.goto(f"/a/{acme.slug}/convert/displays/")
    page.get_by_role("link", name=display.name).click()
    expect(page.get_by_role("heading", name="Sync Integrations")).to_be_hidden()
    page.get_by_text("Show Advanced Settings").click()
    page.get_by_role("heading", name="Sync Integrations").click()
    page.get_by_role("button", name="Add a sync rule").click()


def test_with_javascript(
    page: Page,
    login: Login,
    alice: User,
    acme: Account,
    display: Display,
    sandbox: RunningSandbox,
) -> None:
    login(page, alice)
    link_and_test(page, acme, sandbox)
    open_the_card(page, acme, display)

    assert page.get_by_label("Integration").input_value() == str(
        LinkedAccount.objects.get().pk
    )
    page.get_by_label("Audience", exact=True).select_option(
        label="VIP early access · 2 contacts"
    )
    expect(page.get_by_label("Mailchimp merge field for First name")).to_have_value(
        "FNAME"
    )
    page.get_by_label("Double opt-in", exact=True).check()
    expect(page.get_by_text("may be asked to confirm twice")).to_be_visible()
    page.get_by_label("Tags", exact=True).fill("spring-2026")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove tag spring-2026")).to_be_visible()
    page.get_by_text("Any condition matches").click()
    page.get_by_label("Field of condition 1").select_option("utm.campaign")
    page.get_by_label("Value of condition 1").fill("spring")
    page.get_by_role("button", name="Add condition").click()
    page.get_by_label("Field of condition 2").select_option("email")
    page.get_by_label("Comparison of condition 2").select_option("contains")
    page.get_by_label("Value of condition 2").fill("@acme")
    expect(page.get_by_text("Not saved", exact=True)).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text(SAVED)).to_be_visible()
    expect(page.get_by_text("Signups that meet any of 2 conditions")).to_be_visible()
    target = SyncRule.objects.get(display=display).target
    assert (target.audience_label, target.tags) == ("VIP early access", ["spring-2026"])
    assert (target.double_opt_in, target.update_existing) == (True, True)
    assert [row["value"] for row in target.conditions] == ["spring", "@acme"]

    page.get_by_role("switch", name="Rule to Acme Store").click()
    expect(page.get_by_text("Off", exact=True)).to_be_visible()
    page.get_by_role("button", name="Remove the rule to Acme Store").click()
    expect(page.get_by_text("Nobody is unsubscribed")).to_be_visible()
    page.get_by_role("button", name="Remove rule", exact=True).click()
    expect(page.get_by_text("No sync rule yet")).to_be_visible()


def test_without_javascript(
    no_js: Page,
    login: Login,
    alice: User,
    acme: Account,
    display: Display,
    sandbox: RunningSandbox,
) -> None:
    page = no_js
    login(page, alice)
    link_and_test(page, acme, sandbox)
    open_the_card(page, acme, display)
    page.get_by_label("Audience", exact=True).select_option(
        label="Newsletter · 3 contacts"
    )
    page.get_by_role("button", name="Load fields").click()
    expect(page.get_by_label("Mailchimp merge field for Last name")).to_have_value(
        "LNAME"
    )
    page.get_by_text("All conditions match").click()
    page.get_by_label("Field of condition 1").select_option("consent")
    page.get_by_label("Value of condition 1").fill("given")
    page.get_by_role("button", name="Add condition").click()
    page.get_by_role("button", name="Remove condition 2").click()
    page.get_by_label("Tags", exact=True).fill("spring, popup")
    page.keyboard.press("Enter")

    expect(page.get_by_text(SAVED)).to_be_visible()
    target = SyncRule.objects.get(display=display).target
    assert target.tags == ["spring", "popup"]
    assert target.conditions == [{"field": "consent", "op": "is", "value": "yes"}]


@pytest.fixture
def newcomer(display: Display, sandbox: RunningSandbox) -> None:
    """A signup to preview, and a required choice at the provider."""
    size = {"tag": "SIZE", "name": "Size", "type": "dropdown", "required": True}
    sandbox.control(
        "POST",
        "mailchimp/fields",
        {"audience": NEWSLETTER, **size, "options": ["S", "M"]},
    )
    fields = {"name": "mary o'neil", "phone": "020 7946 0018"}
    sign_up(display, "mary@acme-mail.com", fields=fields)


def line(page: Page, heading: str) -> Locator:
    found = page.get_by_role("rowheader", name=heading, exact=True)
    return page.locator("tr", has=found)


def saved(display: Display) -> dict[str, Entry]:
    mapping = SyncRule.objects.get(display=display).target.mapping
    return {entry.field: entry for entry in entries_of(mapping)}


def test_how_a_field_is_filled(
    page: Page,
    login: Login,
    axe: Axe,
    alice: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
    newcomer: None,
) -> None:
    login(page, alice)
    page.goto(f"/a/{acme.slug}/convert/displays/{display.pk}/settings/rules/new/")
    page.get_by_label("Audience", exact=True).select_option(NEWSLETTER)
    expect(page.get_by_text("Mailchimp requires Size.")).to_be_visible()
    preview = page.locator(".sent-preview")
    expect(preview.get_by_text("has no country code")).to_be_visible()

    page.get_by_role("button", name="Send a fixed Size").click()
    expect(page.get_by_text("Mailchimp requires Size.")).to_be_hidden()
    page.get_by_label("Fixed value", exact=False).first.select_option("M")

    phone = line(page, "Phone")
    phone.locator("summary").click()
    phone.get_by_label("Numbers without a country code").select_option("GB")
    expect(preview.get_by_text("+442079460018")).to_be_visible()

    line(page, "First name").get_by_role("combobox").first.select_option("")
    name = line(page, "Name")
    name.get_by_role("combobox").first.select_option("FNAME")
    name.locator("summary").click()
    name.get_by_label("Part of a name").select_option("first_name")
    name.get_by_label("Capital letters").select_option("title")
    expect(preview.get_by_text("Mary", exact=True)).to_be_visible()
    axe(page)
    expect(name.get_by_label("Sent instead")).to_be_hidden()
    name.get_by_label("Empty, or does not fit").select_option("default")
    name.get_by_label("Sent instead").fill("friend")

    page.get_by_role("button", name="Use or join fields again").click()
    page.get_by_label("Field, line").select_option("name")
    added = page.get_by_label("merge field for Added field")
    line(page, "Last name").get_by_role("combobox").first.select_option("")
    added.select_option("LNAME")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text(SAVED)).to_be_visible()
    found = saved(display)
    assert found["SIZE"].constant == "M"
    assert found["PHONE"].transforms == ("phone:GB",)
    assert found["FNAME"].transforms == ("first_name", "title")
    assert (found["FNAME"].blank, found["FNAME"].default) == ("default", "friend")
    assert found["LNAME"].source == ("name",)


def test_how_a_field_is_filled_without_javascript(
    no_js: Page,
    login: Login,
    alice: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
    newcomer: None,
) -> None:
    page = no_js
    login(page, alice)
    page.goto(f"/a/{acme.slug}/convert/displays/{display.pk}/settings/rules/new/")
    page.get_by_label("Audience", exact=True).select_option(NEWSLETTER)
    page.get_by_role("button", name="Load fields").click()
    page.get_by_role("button", name="Send a fixed Size").click()
    page.get_by_label("Fixed value", exact=False).first.select_option("S")
    page.get_by_role("button", name="Add a fixed value").click()
    page.get_by_role("button", name="Remove line").last.click()
    phone = line(page, "Phone")
    phone.locator("summary").click()
    phone.get_by_label("Numbers without a country code").select_option("GB")
    page.get_by_role("button", name="Show what can be adjusted").click()
    expect(page.locator(".sent-preview").get_by_text("+442079460018")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text(SAVED)).to_be_visible()
    found = saved(display)
    assert found["SIZE"].constant == "S"
    assert found["PHONE"].transforms == ("phone:GB",)


def test_provider_down_in_the_editor(
    page: Page,
    login: Login,
    alice: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
) -> None:
    login(page, alice)
    sandbox.faults(status=503)
    page.goto(f"/a/{acme.slug}/convert/displays/{display.pk}/settings/rules/new/")
    expect(page.get_by_text("Mailchimp could not be read")).to_be_visible()
    sandbox.faults()
    page.get_by_role("button", name="Refresh fields").click()
    expect(page.get_by_text("2 found in Mailchimp.")).to_be_visible()
    expect(page.get_by_text("Mailchimp could not be read")).to_be_hidden()


def test_design_is_previewed_while_typing(
    page: Page, login: Login, alice: User, acme: Account, display: Display
) -> None:
    login(page, alice)
    page.goto(f"/a/{acme.slug}/convert/displays/{display.pk}/design/")
    page.get_by_label("Headline").press_sequentially(" today", delay=20)
    preview = page.locator("#preview .headline")
    expect(preview).to_contain_text("today")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The design is saved.")).to_be_visible()


def test_hosted_page_takes_a_signup(no_js: Page, display: Display) -> None:
    page = no_js
    page.goto(f"/d/{display.pk}/")
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_text("Enter your email address.")).to_be_visible()
    page.get_by_label("Email address").fill("ada@acme-mail.com")
    page.get_by_label(display.consent_text).check()
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    assert page.context.cookies() == []


def test_every_page_is_accessible(
    page: Page,
    login: Login,
    axe: Axe,
    alice: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
) -> None:
    login(page, alice)
    base = f"/a/{acme.slug}"
    steps = f"{base}/convert/displays/{display.pk}"
    page.goto(f"{base}/account/integrations/")
    page.get_by_role("button", name="Test Account").click()
    expect(page.get_by_text("Connection Successful")).to_be_visible()
    axe(page)
    sandbox.faults(credentials="broken")
    page.get_by_role("button", name="Test Account").click()
    expect(page.get_by_text("Connection failed")).to_be_visible()
    axe(page)
    sandbox.faults()
    page.goto(f"{base}/account/integrations/link/mailchimp/")
    page.get_by_role("button", name="Link account").click()
    axe(page)
    for path in (
        f"{base}/account/integrations/{linked.pk}/reconnect/",
        f"{base}/account/integrations/{linked.pk}/unlink/",
        f"{base}/convert/displays/",
        f"{base}/convert/displays/new/",
        f"{steps}/design/",
        f"{steps}/settings/?advanced=1",
        f"{steps}/publish/",
        f"/d/{display.pk}/",
        f"/d/{display.pk}/?done=1",
    ):
        page.goto(path)
        axe(page)
    page.goto(f"{steps}/settings/rules/new/")
    page.get_by_label("Audience", exact=True).select_option(index=1)
    expect(page.get_by_text("Field mapping")).to_be_visible()
    page.get_by_text("All conditions match").click()
    axe(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The rule was not saved")).to_be_visible()
    axe(page)
