"""Fields whose values are options."""

from __future__ import annotations

import pytest

from integrations.adapters.choices import ids_of, names_of
from integrations.adapters.errors import Reason, RejectedError

OPTIONS = {1: "Tea", "b": "7"}


def test_names_become_ids_and_names_again() -> None:
    assert ids_of("Tea", OPTIONS, "Drink", several=False) == 1
    assert ids_of(["Tea", 7], OPTIONS, "Drink", several=False) == 1
    assert ids_of(7, OPTIONS, "Drinks", several=True) == ["b"]
    assert names_of([1, "b", 99], OPTIONS) == ["Tea", "7"]
    assert (names_of("b", OPTIONS), names_of(99, OPTIONS)) == ("7", None)


def test_an_option_that_is_gone_is_named() -> None:
    with pytest.raises(RejectedError, match="Drinks has no option “Rum”") as caught:
        ids_of(["Tea", "Rum"], OPTIONS, "Drinks", several=True)
    assert caught.value.reason is Reason.OPTION_MISSING
