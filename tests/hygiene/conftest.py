from __future__ import annotations

import pytest

from hygiene.case import Facts
from hygiene.facts import default_facts


@pytest.fixture(scope="session")
def facts() -> Facts:
    return default_facts()
