"""Double opt-in by our own mail, as visitors, mail scanners and the team see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from playwright.sync_api import Page, expect

from contactsync.tenancy.models import Account, User
from displays import confirm_waker
from displays.models import Confirmation, Display
from displays.services import RuleSettings, rule_create
from integrations.drain import drain
from integrations.models import Delivery, LinkedAccount
from integrations.sandbox.testing import RunningSandbox, running_sandbox
from integrations.waker import waker
from tests.browser.steps import Axe, Login, heading
from tests.displays.confirming import later, link, sign_up, work
from tests.displays.rules import NEWSLETTER

DONE = "One tap and you are done"


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """There is no worker to wake; the test works itself."""
    monkeypatch.setattr(waker, "wake", lambda ids: None)
    monkeypatch.setattr(confirm_waker, "wake", lambda: None)


@pytest.fixture
def sandbox(settings: Any) -> Iterator[RunningSandbox]:
    cache.clear()
    with running_sandbox() as running:
        settings.PROVIDER_URLS = {"mailchimp": running.base_url("mailchimp")}
        yield running


@pytest.fixture
def rule(display: Display, linked: LinkedAccount) -> Any:
    return rule_create(
        display=display,
        settings=RuleSettings(
            linked_account=linked,
            audience_id=NEWSLETTER,
            audience_label="Newsletter",
            own_confirmation=True,
        ),
    )


def hosted(page: Page, display: Display) -> None:
    """Sign up on the display's own page."""
    page.goto(f"/d/{display.pk}/")
    page.get_by_label("Email address").fill("mira.jensen@gmail.com")
    page.get_by_label(display.consent_text).check()
    page.wait_for_timeout(2500)  # the filter takes who is quicker for a bot
    page.get_by_role("button", name=display.button).click()
    heading(page, "Thank you")
    work()
    assert len(mail.outbox) == 1


def state() -> str:
    return str(Confirmation.objects.get().state)


def sent_by(page: Page) -> list[str]:
    """The methods of the requests that this page sends from now on: seen as they leave,
    while what the server makes of them may take longer."""
    methods: list[str] = []
    page.on("request", lambda request: methods.append(request.method))
    return methods


def test_from_the_form_by_one_tap_to_the_provider(
    page: Page, axe: Axe, display: Display, rule: Any, sandbox: RunningSandbox
) -> None:
    hosted(page, display)
    sent = sent_by(page)
    page.goto(link())
    heading(page, DONE)
    axe(page)
    page.wait_for_timeout(300)
    assert "POST" not in sent and state() == "sent"
    page.locator("h1").click()  # anywhere will do
    heading(page, "Thank you")
    expect(page.get_by_text("Your signup is confirmed.")).to_be_visible()
    axe(page)
    assert state() == "confirmed"
    drain(Delivery.objects.get().linked_account_id)
    assert sandbox.member("mira.jensen@gmail.com")["status"] == "subscribed"
    assert Delivery.objects.get().state == "synced"
    page.goto(link())
    expect(page.get_by_text("You confirmed this before.")).to_be_visible()


def test_without_javascript_by_the_button(
    no_js: Page, display: Display, rule: Any
) -> None:
    sign_up(display)
    work()
    no_js.goto(link())
    no_js.get_by_role("button", name="Yes, sign me up").click()
    heading(no_js, "Thank you")
    assert state() == "confirmed"


@pytest.mark.parametrize("key", ["Enter", " ", "a"])
def test_by_a_key(page: Page, display: Display, rule: Any, key: str) -> None:
    sign_up(display)
    work()
    sent = sent_by(page)
    page.goto(link())
    for silent in ("Tab", "Shift", "Escape"):
        page.keyboard.press(silent)
    page.wait_for_timeout(200)
    assert "POST" not in sent and state() == "sent"
    page.locator("body").press(key)
    heading(page, "Thank you")
    assert state() == "confirmed"


SCANNER = """() => {
  const form = document.getElementById("confirm");
  for (const kind of ["click", "keydown", "pointerdown", "mousemove", "touchstart"])
    document.body.dispatchEvent(new Event(kind, { bubbles: true }));
  document.body.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
  document.body.click();
  return form !== null;
}"""


def test_a_mail_scanner_that_runs_scripts_confirms_nothing(
    page: Page, display: Display, rule: Any
) -> None:
    sign_up(display)
    work()
    sent = sent_by(page)
    page.goto(link())
    heading(page, DONE)
    assert page.evaluate(SCANNER)
    page.mouse.move(40, 40)
    page.mouse.move(400, 300, steps=20)
    page.mouse.wheel(0, 400)
    page.wait_for_timeout(500)
    heading(page, DONE)
    assert "POST" not in sent and state() == "sent"
    for method in ("HEAD", "GET"):
        assert page.request.fetch(link(), method=method).status == 200
    assert state() == "sent"


def test_an_old_link_offers_a_new_one(
    page: Page, axe: Axe, display: Display, rule: Any, console: Any
) -> None:
    console.allow_status(410)
    console.allow_status(404)
    sign_up(display, fields={"language": "de"})
    work()
    later(days=8)
    work()
    page.goto(link())
    heading(page, "Dieser Link ist zu alt")
    axe(page)
    page.get_by_role("button", name="Schickt mir einen neuen Link").click()
    heading(page, "Schau in dein Postfach")
    work()
    page.goto(link())
    page.get_by_role("button", name="Ja, ich bin dabei").click()
    heading(page, "Danke")
    states = Confirmation.objects.values_list("state", flat=True)
    assert sorted(states) == ["confirmed", "expired"]
    page.goto("/c/unknown")
    heading(page, "We do not know this link")
    axe(page)


def test_the_team_words_the_mail(
    page: Page, login: Login, axe: Axe, alice: User, acme: Account
) -> None:
    login(page, alice)
    page.goto(f"/a/{acme.slug}/account/confirmation/")
    heading(page, "Double opt-in")
    axe(page)
    page.get_by_label("Reminder after, in hours").fill("48")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The settings are saved.")).to_be_visible()
    page.get_by_role("link", name="Edit Deutsch").click()
    heading(page, "Confirmation mail, Deutsch")
    page.get_by_label("Subject").fill("Noch ein Klick für {account}")
    preview = page.get_by_role("region", name="Preview")
    expect(preview.get_by_text("Noch ein Klick für Acme Outdoor")).to_be_visible()
    axe(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The wording is saved.")).to_be_visible()
    page.get_by_role("button", name="Use our words again").click()
    expect(page.get_by_text("Our words are used again.")).to_be_visible()


def test_the_rule_and_the_contact(
    page: Page,
    login: Login,
    axe: Axe,
    bob: User,
    acme: Account,
    display: Display,
    rule: Any,
    sandbox: RunningSandbox,
) -> None:
    login(page, bob)
    settings = f"/a/{acme.slug}/convert/displays/{display.pk}/settings"
    page.goto(f"{settings}/rules/{rule.pk}/")
    switch = page.get_by_role("switch", name="We ask them ourselves, by mail")
    expect(switch).to_be_checked()
    warning = page.get_by_text("so they may be asked twice")
    expect(warning).to_be_hidden()
    page.get_by_role("switch", name="Double opt-in", exact=True).check()
    expect(warning).to_be_visible()
    axe(page)
    sign_up(display)
    work()
    row = Confirmation.objects.get()
    page.goto(f"/a/{acme.slug}/contacts/{row.contact_id}/")
    card = page.get_by_role("region", name="Our confirmation mail")
    expect(card.get_by_text("Link expires")).to_be_visible()
    axe(page)
    card.get_by_role("button", name="Send the mail again").click()
    expect(page.get_by_text("No mail was sent.")).to_be_visible()
    with page.expect_download() as got:
        page.get_by_role("link", name="Consent certificate").click()
    assert got.value.suggested_filename.startswith("consent-")
