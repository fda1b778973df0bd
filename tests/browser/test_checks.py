"""The check for accessibility finds what is wrong, also a second time."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser.conftest import violations

GOOD = "<html lang=en><title>t</title><main><h1>Tents</h1>{}</main></html>"


def test_a_page_that_is_not_accessible_is_found_out(page: Page) -> None:
    page.set_content(GOOD.format(""))
    assert violations(page) == []
    page.set_content(GOOD.format('<img src="data:,"><p style="color:#ccc">Pale</p>'))
    for _ in range(2):
        said = "\n".join(violations(page))
        assert "image-alt" in said and "['img']" in said
        assert "color-contrast" in said
