from __future__ import annotations

import threading

import pytest

from hygiene import facts as loading
from hygiene.case import Signals
from hygiene.policy import Policy
from hygiene.services import check


def test_check_passes_everything_on() -> None:
    assert check("jo@gmail.com").accepted
    assert check("chancellor@acme.com").category == "role"
    assert check("chancellor@acme.com", last_name="Berg").accepted
    off = Policy.from_json({"categories": {"role": "off"}})
    assert check("info@acme.com", policy=off).accepted
    assert check("jo@gmail.com", signals=Signals(honeypot="x")).rule == "honeypot"


def test_facts_are_loaded_once_however_many_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded = []
    real, kept = loading.keeper.maker, loading.keeper.standing()

    def make() -> loading.Standing:
        loaded.append(1)
        return real()

    monkeypatch.setattr(loading.keeper, "maker", make)
    loading.keeper.put(None)
    try:
        threads = [
            threading.Thread(target=check, args=("jo@gmail.com",)) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert loaded == [1]
    finally:
        loading.keeper.put(kept)
