"""The log-in pages: by password, mailed code and passkey; signing up and resetting."""

from __future__ import annotations

import re
from typing import Any

from django.core import mail
from playwright.sync_api import Page, expect

from contactsync.tenancy.models import Account, User
from tests.browser.steps import Axe, heading, log_in
from tests.conftest import PASSWORD


def confirm_password(page: Page, path: str) -> None:
    """Go where a log-in alone is not enough."""
    page.goto(path)
    heading(page, "Confirm it is you")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()


def test_log_in_look_around_log_out(page: Page, acme: Account, alice: User) -> None:
    log_in(page, alice.email)
    heading(page, "Acme Outdoor")
    for name in ("Team", "API keys", "Audit log", "Settings"):
        link = page.get_by_role("link", name=name, exact=True)
        link.click()
        heading(page, name)
        assert link.get_attribute("aria-current") == "page"
    page.get_by_role("button", name="Log out").click()
    heading(page, "Log in")


def test_a_wrong_password_is_told_and_takes_the_focus(
    page: Page, acme: Account, alice: User
) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(alice.email)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("Email")).to_have_value(alice.email)


def test_sign_up_leads_home(page: Page, db: None) -> None:
    page.goto("/")
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("Email").fill("nina@shop.test")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Company or store").fill("Nina's Shop")
    page.get_by_role("button", name="Sign up").click()
    heading(page, "Nina's Shop")
    expect(page.get_by_text("0 of 5", exact=True)).to_be_visible()
    expect(page.locator("main .btn.primary")).to_have_count(1)


def test_log_in_by_a_mailed_code(page: Page, acme: Account, alice: User) -> None:
    page.goto("/accounts/login/")
    page.get_by_role("link", name="Mail me a code").click()
    page.get_by_label("Email").fill(alice.email)
    page.get_by_role("button", name="Mail me a code").click()
    expect(page.get_by_label("Code")).to_be_visible()
    found = re.search(r"^\s*([A-Z0-9-]{6,})\s*$", str(mail.outbox[0].body), re.M)
    assert found
    page.get_by_label("Code").fill(found[1])
    page.get_by_role("button", name="Confirm").click()
    heading(page, "Acme Outdoor")


def test_reset_a_password(page: Page, acme: Account, alice: User) -> None:
    page.goto("/accounts/login/")
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("Email").fill(alice.email)
    page.get_by_role("button", name="Reset").click()
    page.wait_for_url("**/reset/done/")
    found = re.search(r"/accounts/password/reset/key/\S+", str(mail.outbox[0].body))
    assert found
    page.goto(found[0])
    for field in page.locator("input[type=password]").all():
        field.fill("another long phrase")
    page.get_by_role("button", name="Set password").click()
    page.wait_for_url("**/key/done/")
    alice.refresh_from_db()
    assert alice.check_password("another long phrase")


def test_a_passkey_is_added_and_logs_in(
    page: Page, acme: Account, alice: User, settings: Any
) -> None:
    settings.MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    device.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    log_in(page, alice.email)
    heading(page, "Acme Outdoor")
    confirm_password(page, "/accounts/2fa/webauthn/add/")
    page.get_by_label("Name").fill("Laptop")
    page.get_by_label(re.compile("passwordless", re.I)).check()
    page.get_by_role("button", name="Add").click()
    heading(page, re.compile("recovery codes", re.I))
    page.goto("/accounts/2fa/webauthn/")
    expect(page.get_by_text("Laptop")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="Log in with a passkey").click()
    heading(page, "Acme Outdoor")


def test_an_authenticator_app_is_added(
    page: Page, axe: Axe, acme: Account, alice: User
) -> None:
    log_in(page, alice.email)
    heading(page, "Acme Outdoor")
    confirm_password(page, "/accounts/2fa/totp/activate/")
    axe(page)
    page.get_by_label(re.compile("code", re.I)).fill("000000")
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("alert")).to_be_focused()
