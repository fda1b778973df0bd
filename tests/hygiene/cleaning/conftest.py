from __future__ import annotations

import pytest

from hygiene.cleaning.waker import waker
from hygiene.policies import policies


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no worker to wake; a test works itself."""
    monkeypatch.setattr(waker, "wake", lambda ids: None)


@pytest.fixture(autouse=True)
def no_memory() -> None:
    """Policies are remembered for seconds, longer than a test takes."""
    policies.clear()
