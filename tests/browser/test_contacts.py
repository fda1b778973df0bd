"""Contacts, a contact's page and Sync activity, as people use them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from contactsync.tenancy.models import Account, User
from displays.models import Display
from integrations.models import Delivery, LinkedAccount, State
from integrations.waker import waker
from tests.activity import factories as make
from tests.activity.world import FAKE, Kind, every_kind
from tests.browser.conftest import PHONE

Login = Callable[[Page, User], None]
Axe = Callable[[Page], None]

CONTACTS = "/a/acme-outdoor/contacts/"
ACTIVITY = "/a/acme-outdoor/activity/"


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no worker to wake in these tests."""
    monkeypatch.setattr(waker, "wake", lambda ids: None)


@pytest.fixture
def kinds(
    transactional_db: None, acme: Account, display: Display, linked: LinkedAccount
) -> dict[str, Kind]:
    return every_kind(display, linked)


def contact_url(kind: Kind) -> str:
    return f"{CONTACTS}{kind.contact.pk}/"


def test_every_row_says_what_happened_and_why(
    page: Page, login: Login, axe: Axe, alice: User, kinds: dict[str, Kind]
) -> None:
    login(page, alice)
    page.goto(CONTACTS)

    for kind in kinds.values():
        row = page.get_by_role("row").filter(has_text=kind.contact.email)
        expect(row.get_by_text(kind.label, exact=True)).to_be_visible()
    for category, (_, evidence) in make.EVIDENCE.items():
        row = page.get_by_role("row").filter(has_text=f"{category}@filtered.example")
        expect(row.get_by_text(evidence, exact=True)).to_be_hidden()
        row.get_by_text("Evidence").click()
        expect(row.get_by_text(evidence, exact=True)).to_be_visible()
    axe(page)


def test_the_whole_row_leads_to_the_contact(
    page: Page, login: Login, alice: User, kinds: dict[str, Kind]
) -> None:
    login(page, alice)
    page.goto(CONTACTS)
    row = page.get_by_role("row").filter(has_text=kinds["fake"].contact.email)
    # The link lies over the whole row, which is the point.
    row.get_by_text("Rejected (looks fake)").click(force=True)
    expect(page).to_have_url(re.compile(str(kinds["fake"].contact.pk)))
    expect(page.get_by_role("heading", level=1)).to_have_text("Sam")


def test_filters_work_while_typing_and_live_in_the_url(
    page: Page, login: Login, axe: Axe, alice: User, kinds: dict[str, Kind]
) -> None:
    login(page, alice)
    page.goto(CONTACTS)
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(len(kinds))

    page.get_by_label("Find by email address").press_sequentially("omar")
    expect(rows).to_have_count(1)
    expect(page).to_have_url(re.compile("q=omar"))

    page.get_by_label("Status").select_option("held")
    expect(page.get_by_text("No contact matches these filters")).to_be_visible()
    axe(page)
    page.reload()
    expect(page.get_by_text("No contact matches these filters")).to_be_visible()
    page.get_by_role("link", name="Clear filters").click()
    expect(rows).to_have_count(len(kinds))

    page.get_by_label("Status").select_option("filtered")
    expect(rows).to_have_count(len(make.EVIDENCE))


def test_without_javascript_the_list_filters_and_leads_on(
    no_js: Page, login: Login, alice: User, kinds: dict[str, Kind]
) -> None:
    login(no_js, alice)
    no_js.goto(CONTACTS)
    no_js.get_by_label("Status").select_option("rejected")
    no_js.get_by_role("button", name="Search").click()
    expect(no_js.locator("tbody tr")).to_have_count(1)
    no_js.get_by_role("link", name=kinds["fake"].contact.email).click()
    expect(no_js.get_by_text("Why is this contact not in Mailchimp?")).to_be_visible()
    no_js.get_by_role("link", name="Sync", exact=True).click()
    expect(no_js.get_by_text("Consent given", exact=True)).to_have_count(0)
    no_js.get_by_text("Request and response").click()
    expect(no_js.get_by_text("POST /3.0/lists/8f21c0")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "gate", "sentence"),
    [
        ("pending", "Double opt-in", "Omar has not clicked the confirmation email"),
        ("waiting", "Connection works", "Mailchimp answered with an error of its own."),
        ("held", "In the audience", "The audience does not exist in Mailchimp"),
        ("fake", "In the audience", "Mailchimp takes the address for fake or invalid."),
        ("skipped", "Rule matched", "The signup does not meet the conditions"),
        ("role", "Signup accepted", "sales"),
        ("no_rule", "Rule matched", "No sync rule sends the signups of Footer form"),
    ],
)
def test_the_first_gate_that_is_not_green_is_the_answer(
    page: Page,
    login: Login,
    axe: Axe,
    alice: User,
    kinds: dict[str, Kind],
    name: str,
    gate: str,
    sentence: str,
) -> None:
    login(page, alice)
    page.goto(contact_url(kinds[name]))

    card = page.locator(".why")
    expect(card.locator(".gate:is(.now, .bad)")).to_have_count(1)
    expect(card.locator(".gate:is(.now, .bad)")).to_contain_text(gate)
    expect(card.locator(".note")).to_contain_text(sentence)
    axe(page)


def test_a_provider_s_refusal_is_quoted_and_cannot_be_overridden(
    page: Page, login: Login, alice: User, kinds: dict[str, Kind]
) -> None:
    login(page, alice)
    page.goto(contact_url(kinds["fake"]))
    note = page.locator(".why .note")
    expect(note).to_contain_text(
        "This is Mailchimp's decision, and contactsync has no way to override it."
    )
    expect(note.locator("blockquote")).to_contain_text(FAKE)
    expect(note.get_by_role("button")).to_have_count(0)


def test_a_synced_contact_is_green_all_through(
    page: Page, login: Login, axe: Axe, alice: User, kinds: dict[str, Kind]
) -> None:
    login(page, alice)
    page.goto(contact_url(kinds["synced"]))
    expect(page.locator(".gate.ok")).to_have_count(5)
    expect(
        page.get_by_text("Mira is in VIP early access in Mailchimp.")
    ).to_be_visible()
    axe(page)


@pytest.mark.parametrize("script", [True, False])
def test_retry(
    page: Page,
    no_js: Page,
    login: Login,
    bob: User,
    kinds: dict[str, Kind],
    script: bool,
) -> None:
    browser = page if script else no_js
    login(browser, bob)
    browser.goto(contact_url(kinds["failed"]))
    browser.get_by_role("button", name="Retry now").click()
    expect(browser.get_by_text("It is being sent again")).to_be_visible()
    expect(browser.locator(".why .badge")).to_have_text("Waiting")
    row = Delivery.objects.get(contact_id=kinds["failed"].contact.pk)
    assert row.state == State.PENDING


def test_export_downloads_what_the_filters_let_through(
    page: Page, login: Login, alice: User, kinds: dict[str, Kind]
) -> None:
    login(page, alice)
    page.goto(f"{CONTACTS}?status=filtered")
    with page.expect_download() as started:
        page.get_by_role("link", name="Export CSV").click()
    download = started.value
    assert download.suggested_filename.startswith("contacts-acme-outdoor-")
    text = download.path().read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["category"] for row in rows} == set(make.EVIDENCE)


def test_sync_activity_groups_causes_and_balances_the_books(
    page: Page, login: Login, axe: Axe, alice: User, kinds: dict[str, Kind]
) -> None:
    login(page, alice)
    page.goto(ACTIVITY)
    expect(
        page.get_by_role("heading", name="1 contact held: audience is gone")
    ).to_be_visible()
    expect(page.get_by_text("Balanced", exact=True)).to_be_visible()
    axe(page)

    page.get_by_label("State", exact=True).select_option("attention")
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page).to_have_url(re.compile("state=attention"))

    page.get_by_role("button", name="Retry all").click()
    expect(page.get_by_text("1 contact is being sent again.")).to_be_visible()


def test_sync_activity_without_javascript(
    no_js: Page, login: Login, alice: User, kinds: dict[str, Kind]
) -> None:
    login(no_js, alice)
    no_js.goto(ACTIVITY)
    no_js.get_by_label("State", exact=True).select_option("held")
    no_js.get_by_role("button", name="Show", exact=True).click()
    expect(no_js.locator("tbody tr")).to_have_count(1)


def test_nobody_yet(
    page: Page, login: Login, axe: Axe, acme: Account, alice: User
) -> None:
    login(page, alice)
    for path, words in (
        (CONTACTS, "Nobody has signed up yet"),
        (ACTIVITY, "Nothing has been sent yet"),
    ):
        page.goto(path)
        expect(page.get_by_text(words)).to_be_visible()
        axe(page)


def test_on_a_phone_a_row_reads_from_top_to_bottom(
    page: Page, login: Login, alice: User, kinds: dict[str, Kind]
) -> None:
    login(page, alice)
    page.set_viewport_size(PHONE)
    page.goto(CONTACTS)
    row = page.get_by_role("row").filter(has_text=kinds["role"].contact.email)
    cells = [cell.bounding_box() for cell in row.get_by_role("cell").all()]
    tops = [box["y"] for box in cells if box]
    assert len(tops) == 4
    assert tops == sorted(tops)
