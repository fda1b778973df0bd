"""Signing in at a provider as a person does: there, back, and the question that is
left; by keyboard and mouse, in both themes, on a phone, and without JavaScript."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from contactsync.tenancy.models import Account, User
from integrations.adapters import ADAPTERS
from integrations.models import LinkedAccount
from tests.browser.conftest import Console
from tests.browser.steps import Axe, Login, heading
from tests.integrations.oauth_world import FakeProvider, Folded, running_provider


@pytest.fixture
def plane(
    settings: Any, live_server: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeProvider]:
    with running_provider() as running:
        settings.BASE_URL = live_server.url
        settings.PROVIDER_URLS = {"paperplane": running.url}
        monkeypatch.setitem(ADAPTERS, "paperplane", Folded)
        yield running


def shot(page: Page, name: str) -> None:
    """A picture of the page, where SCREENSHOTS names a folder for them."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def off_to_link(page: Page, acme: Account) -> None:
    page.goto(f"/a/{acme.slug}/account/integrations/")
    page.get_by_role("link", name="Link Paperplane").click()
    heading(page, "Link Paperplane")
    expect(
        page.get_by_text("You are an owner of the Paperplane account.")
    ).to_be_visible()


def say(page: Page, word: str) -> None:
    page.get_by_role("button", name="at Paperplane").click()
    heading(page, "Paperplane asks")
    page.get_by_role("link", name=word).click()


def the_whole_way(page: Page, acme: Account, plane: FakeProvider, axe: Any) -> None:
    off_to_link(page, acme)
    axe(page, "link")
    say(page, "Deny")
    expect(page.get_by_text("You said no at Paperplane").first).to_be_visible()
    say(page, "Allow")
    heading(page, "Choose the client folder")
    axe(page, "choose")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("Choose one.").first).to_be_visible()
    page.get_by_label("Blog").check()
    page.get_by_role("button", name="Continue").click()
    row = page.locator(".item").filter(has_text="Acme at Paperplane")
    expect(row.get_by_text("Connection Successful")).to_be_visible()
    expect(row.get_by_text("Blog · Signed in")).to_be_visible()

    row.get_by_label("More actions").click()
    row.get_by_role("link", name="Change client folder").click()
    heading(page, "Change the client folder of Acme at Paperplane")
    axe(page, "part")
    expect(page.get_by_label("Blog")).to_be_checked()
    page.get_by_label("Shop").check()
    page.get_by_role("button", name="Change", exact=True).click()
    expect(row.get_by_text("Shop · Signed in")).to_be_visible()

    plane.revoke()
    row.get_by_role("button", name="Test Account").click()
    expect(row.get_by_text("Connection failed: access was refused")).to_be_visible()
    row.get_by_role("link", name="Reconnect Paperplane").click()
    axe(page, "reconnect")
    plane.me = {"email": "someone@else.test", "name": "Else & Co"}
    say(page, "Allow")
    heading(page, "Another Paperplane account answered")
    axe(page, "other")
    page.get_by_label("Use Else & Co from now on").check()
    page.get_by_role("button", name="Continue").click()
    expect(row.get_by_text("Connection Successful")).to_be_visible()
    expect(row.get_by_text("This is another account at Paperplane")).to_be_visible()
    assert LinkedAccount.objects.get().identity == "someone@else.test"


def test_with_javascript(
    page: Page,
    login: Login,
    alice: User,
    acme: Account,
    plane: FakeProvider,
    axe: Axe,
) -> None:
    login(page, alice)

    def look(page: Page, name: str) -> None:
        axe(page)
        shot(page, f"{name}-light")
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": 390, "height": 844})
        shot(page, f"{name}-dark-390")
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 900})

    the_whole_way(page, acme, plane, look)


def test_without_javascript(
    no_js: Page, login: Login, alice: User, acme: Account, plane: FakeProvider
) -> None:
    login(no_js, alice)
    the_whole_way(no_js, acme, plane, lambda page, name: None)


def test_a_page_that_is_not_set_up(
    page: Page,
    login: Login,
    alice: User,
    acme: Account,
    plane: FakeProvider,
    settings: Any,
    axe: Axe,
) -> None:
    settings.PROVIDER_URLS = {}
    login(page, alice)
    off_to_link(page, acme)
    expect(page.get_by_text("is not set up here yet")).to_be_visible()
    axe(page)
    shot(page, "unset")


def test_an_answer_that_nobody_waits_for(
    page: Page,
    login: Login,
    alice: User,
    acme: Account,
    plane: FakeProvider,
    console: Console,
    axe: Axe,
) -> None:
    console.allow_status(400)
    login(page, alice)
    page.goto("/oauth/callback/paperplane/?code=x&state=y")
    heading(page, "Nothing was linked")
    axe(page)
    shot(page, "refused")
    page.get_by_role("link", name="Go to contactsync").click()
    expect(page).not_to_have_url("**/oauth/**")
