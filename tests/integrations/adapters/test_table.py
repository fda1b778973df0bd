"""docs/providers.md says what the tests did."""

from __future__ import annotations

import pytest

from tests.integrations.adapters.table import PAGE, page


@pytest.mark.contract
def test_the_page_is_what_the_tests_did() -> None:
    assert PAGE.read_text() == page(), (
        "run: python -m tests.integrations.adapters.table"
    )
