"""The countries that a phone number can belong to."""

from __future__ import annotations

import phonenumbers

from integrations.countries import countries


def test_every_country_that_has_numbers_has_a_name() -> None:
    assert set(countries()) == set(phonenumbers.SUPPORTED_REGIONS)
    assert countries()["GB"] == "United Kingdom (+44)"
    assert next(iter(countries().values())) == "Afghanistan (+93)"
