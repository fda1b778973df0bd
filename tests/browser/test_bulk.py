"""Bulk actions as people use them: history for a new rule, the guard, undo."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from playwright.sync_api import Page, expect

from contactsync.tenancy.models import User
from displays.models import Display
from integrations import bulk_work
from integrations.bulk import bulk_waker
from integrations.drain import drain
from integrations.models import BulkRun, Delivery, LinkedAccount
from integrations.sandbox.testing import RunningSandbox, running_sandbox
from integrations.waker import waker
from tests.browser.steps import Axe, Login, heading
from tests.integrations.bulk_world import NEWS, rule_made, signed_up

ADA = "ada.lovelace@analytical.example"
NORA = "nora.new@gmail.com"
ALAN = "alan.turing@bletchley.example"


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no worker to wake; the test works itself."""
    for each in (bulk_waker, waker):
        monkeypatch.setattr(each, "wake", lambda ids: None)


@pytest.fixture
def sandbox(settings: Any) -> Iterator[RunningSandbox]:
    cache.clear()
    with running_sandbox() as running:
        settings.PROVIDER_URLS = {"mailchimp": running.base_url("mailchimp")}
        yield running


def look(page: Page, name: str) -> None:
    """A picture for whoever wants to see it (SCREENSHOTS names a folder)."""
    if folder := os.environ.get("SCREENSHOTS"):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=Path(folder) / f"{name}-{scheme}.png", full_page=True)
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 390, "height": 844})
        page.screenshot(path=Path(folder) / f"{name}-mobile.png", full_page=True)
        page.set_viewport_size({"width": 1280, "height": 900})


def work() -> BulkRun:
    run = BulkRun.objects.get()
    bulk_work.advance(run.pk)
    for linked in LinkedAccount.objects.all():
        drain(linked.pk)
    bulk_work.advance(run.pk)
    run.refresh_from_db()
    return run


def test_a_display_s_history_goes_to_a_new_rule_and_is_undone(
    page: Page,
    login: Login,
    axe: Axe,
    bob: User,
    display: Display,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
) -> None:
    signed_up(display, NORA)
    signed_up(display, ADA, fields={"first_name": "Augusta"})
    signed_up(display, ALAN)
    rule_made(display, linked)
    login(page, bob)
    page.goto(f"/a/acme-outdoor/convert/displays/{display.pk}/settings/?advanced=1")
    axe(page)
    look(page, "rule")
    page.get_by_role("button", name="Send the 3 people who signed up before?").click()
    heading(page, "Send a display's history to Newsletter")
    expect(page.get_by_role("heading", name="Making the plan")).to_be_visible()
    axe(page)
    look(page, "planning")

    assert work().state == "stopped"
    # The page polls: the plan comes by itself.
    expect(page.get_by_text("2 contacts would be sent.")).to_be_visible()
    table = page.get_by_role("table", name="Contacts and the differences")
    expect(table.get_by_role("row", name=ADA)).to_contain_text("Augusta")
    expect(page.get_by_text("This changes a lot: please confirm it")).to_be_visible()
    axe(page)
    look(page, "plan")
    page.get_by_label("Number of contacts").fill("7")
    page.get_by_role("button", name="Confirm and start").click()
    expect(page.get_by_text("Type 2 to confirm")).to_be_visible()
    axe(page)
    page.get_by_label("Number of contacts").fill("2")
    page.get_by_role("button", name="Confirm and start").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    axe(page)
    look(page, "running")

    assert work().state == "done"
    expect(page.get_by_role("heading", name="Done")).to_be_visible()
    expect(page.get_by_text("2 of 2 contacts put in the queue.")).to_be_visible()
    axe(page)
    look(page, "done")
    assert sandbox.member(NORA, audience=NEWS)["status"] == "subscribed"

    sandbox.control("POST", "mailchimp/unsubscribe", {"email": ADA})
    page.get_by_label("Number of contacts").fill("2")
    page.get_by_role("button", name="Undo this action").click()
    expect(page.get_by_role("heading", name="Being undone")).to_be_visible()
    assert work().state == "undone"
    note = page.get_by_text("could not be taken back, or not wholly")
    expect(note).to_be_visible()
    axe(page)
    look(page, "undone")
    with page.expect_download() as found:
        page.get_by_role("link", name="Download the list (CSV)").click()
    said = Path(found.value.path()).read_text(encoding="utf-8-sig")
    assert f"{ADA},Newsletter" in said
    assert "They have left since" in said
    assert sandbox.member(NORA, audience=NEWS)["status"] == "unsubscribed"

    page.get_by_role("link", name="Bulk actions").first.click()
    heading(page, "Bulk actions")
    expect(page.get_by_role("cell", name="Undone")).to_be_visible()
    axe(page)
    look(page, "list")


def test_what_failed_is_retried_without_javascript(
    no_js: Page,
    login: Login,
    bob: User,
    display: Display,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
) -> None:
    page = no_js
    rule_made(display, linked)
    for number in range(2):
        signed_up(display, f"p{number}.fail@gmail.com")
    Delivery.objects.update(state="failed", reason="server")
    login(page, bob)
    page.goto("/a/acme-outdoor/activity/")
    page.get_by_role("button", name="Retry all").click()
    heading(page, "Retry failed")
    work()
    page.get_by_role("link", name="Refresh").click()
    expect(page.get_by_text("2 contacts would be sent.")).to_be_visible()
    page.get_by_role("button", name="Start").click()
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").click()
    work()
    page.get_by_role("link", name="Refresh").click()
    expect(page.get_by_role("heading", name="Done")).to_be_visible()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"synced"}


def test_a_new_action(
    page: Page,
    login: Login,
    axe: Axe,
    bob: User,
    display: Display,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
) -> None:
    rule_made(display, linked)
    signed_up(display, NORA)
    Delivery.objects.update(state="held", reason="schema.type", detail="Too long.")
    login(page, bob)
    page.goto("/a/acme-outdoor/activity/")
    axe(page)
    look(page, "activity")
    page.get_by_role("link", name="Bulk actions").click()
    expect(page.get_by_text("No bulk action yet")).to_be_visible()
    axe(page)
    page.get_by_role("link", name="New action").click()
    heading(page, "New bulk action")
    axe(page)
    look(page, "new")
    page.get_by_role("button", name="Make a plan").click()
    expect(page.get_by_role("alert")).to_contain_text("No delivery fits")
    axe(page)
    page.get_by_label("What to do").select_option(label="Send everything held")
    page.get_by_role("button", name="Make a plan").click()
    heading(page, "Send what is held")
    assert work().plan["acts"] == 1
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    page.get_by_role("button", name="Cancel this action").click()
    dialog = page.get_by_role("dialog", name="Cancel this action?")
    dialog.get_by_role("button", name="Cancel this action").click()
    expect(page.get_by_role("heading", name="Cancelled")).to_be_visible()
    expect(page.get_by_text("It was never started")).to_be_visible()
    axe(page)
