"""What comes back from a provider: the page, with and without JavaScript."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, User
from displays.models import Display
from integrations.flow_back_views import comparer, looker
from integrations.models import LinkedAccount, Target
from tests.browser.conftest import DESK, PHONE
from tests.browser.steps import Axe, Login, heading
from tests.integrations.flow_back_world import HOUR, contact
from tests.integrations.world import rule_to

SHOTS = os.environ.get("FLOW_BACK_SHOTS", "")


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in (comparer, looker):
        monkeypatch.setattr(each, "wake", lambda ids: None)


@pytest.fixture
def compared(
    transactional_db: None, acme: Account, display: Display, linked: LinkedAccount
) -> LinkedAccount:
    """An account that told us something, and whose books differ."""
    rule_to(display, linked)
    lost = contact(acme, "mira.okafor.with.a.rather.long.address@example.org")
    found: dict[str, Any] = {
        **{"at": (now() - HOUR).isoformat(), "checked": 1204, "agree": 1180},
        **{"missing": 2, "left": 19, "removed": 2, "different": 1, "extra": 311},
        **{"repaired": 0, "stopped": "", "error": ""},
        "sample": [
            {
                "contact": str(lost.pk),
                "email": lost.email,
                "what": what,
                "status": status,
                "detail": "",
            }
            for what, status in (("missing", "absent"), ("left", "unsubscribed"))
        ],
    }
    Target.objects.update(reconciled=found, reconciled_at=now())
    LinkedAccount.objects.update(
        hooks={
            "audiences": {"8f21c0news": {"id": "1", "url": "x", "at": "x"}},
            "heard_at": (now() - HOUR).isoformat(),
            "polled_at": (now() - HOUR / 2).isoformat(),
        }
    )
    return linked


def shoot(page: Page, name: str) -> None:
    if not SHOTS:
        return
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=Path(SHOTS) / f"{name}-{scheme}.png", full_page=True)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)
    page.screenshot(path=Path(SHOTS) / f"{name}-phone.png", full_page=True)
    page.set_viewport_size(DESK)


def use(page: Page, acme: Account) -> None:
    """From the list to the page, compare, and another policy."""
    page.goto(f"/a/{acme.slug}/account/integrations/")
    page.get_by_role("link", name="What comes back from Acme Store").click()
    heading(page, "What comes back from Acme Store")
    expect(page.get_by_text("2 contacts we sent are not there")).to_be_visible()
    page.get_by_role("button", name="Compare now").click()
    expect(page.get_by_text("We are comparing")).to_be_visible()
    page.get_by_label("Leave them alone at this account only").check()
    page.get_by_label("Send them again, unless they left").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_label("Leave them alone at this account only")).to_be_checked()


def test_what_comes_back(
    page: Page,
    login: Login,
    axe: Axe,
    alice: User,
    acme: Account,
    settings: Any,
    compared: LinkedAccount,
) -> None:
    settings.BASE_URL = "https://sync.acme.test"
    login(page, alice)
    use(page, acme)
    page.get_by_text("Show 2 of them").click()
    expect(page.get_by_role("link", name="mira.okafor").first).to_be_visible()
    axe(page)
    shoot(page, "back")
    page.goto(f"/a/{acme.slug}/account/integrations/")
    axe(page)
    shoot(page, "rows")


def test_without_javascript(
    no_js: Page, login: Login, alice: User, acme: Account, compared: LinkedAccount
) -> None:
    login(no_js, alice)
    use(no_js, acme)
    compared.refresh_from_db()
    assert (compared.leaving, compared.repair) == ("here", "send")
