"""/api/docs/: the page of a third party under our content policy."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_docs_show_the_api(page: Page) -> None:
    page.goto("/api/docs/")
    page.get_by_text("Post a signup", exact=True).click()
    expect(page.get_by_text("202 means that the signup is stored")).to_be_visible()
    page.get_by_text("Link an account", exact=True).click()
    expect(page.get_by_text("It is not tested yet")).to_be_visible()
