"""What an upsert wrote comes back from a look-up, by the same field ids."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.adapters import ADAPTERS
from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.http import HttpAdapter
from integrations.sandbox.constantcontact.render import uid
from integrations.sandbox.klaviyo.simulator import NEWSLETTER as KLAVIYO
from integrations.sandbox.messagemedia.contacts import identifier
from integrations.sandbox.pipedrive.simulator import SOURCE, TOPICS
from integrations.sandbox.registry import SIMULATORS
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.sandbox import helpers

EMAIL = "marie.curie@radium.example"
PHONE = "+491701234567"
Values = dict[str, object]
# Slug -> credentials, audience, and what is written first and on top of it.
WRITTEN: dict[str, tuple[dict[str, str], str, Values, Values]] = {
    "mailchimp": (
        {"api_key": helpers.KEY},
        helpers.NEWSLETTER,
        {"FNAME": "Marie", "LNAME": "Sklodowska"},
        {"LNAME": "Curie"},
    ),
    "klaviyo": (
        {"api_key": "pk_0123456789abcdef0123456789abcdef01"},
        KLAVIYO,
        {"first_name": "Marie", "location.city": "Warsaw", "Size": "S"},
        {"location.city": "Paris"},
    ),
    "constantcontact": (
        {"access_token": "a-constant-contact-token"},
        uid("list Newsletter"),
        {
            "first_name": "Marie",
            "birthday": "11/07",
            "street_address.city": "Paris",
            "phone_number": "555-0100",
            uid("field Size"): "S",
        },
        {"first_name": "M."},
    ),
    "icontact": (
        {"app_id": "Ml5SnuFhnoOsuZ", "username": "marketer", "api_password": "secret"},
        "3001",
        {"firstName": "Marie", "city": "Warsaw"},
        {"city": "Paris"},
    ),
    "hubspot": (
        {"token": "pat-eu1-0123456789"},
        "list:42",
        {"firstname": "Marie", "lastname": "Sklodowska"},
        {"lastname": "Curie"},
    ),
    "pipedrive": (
        {"api_token": "0123456789abcdef0123456789abcdef01234567"},
        "5",
        {"name": "Marie", "phone": "+44 1", SOURCE: "Web", TOPICS: ["Tea"]},
        {SOURCE: "Shop"},
    ),
    "salesforce": (
        {"access_token": "00D5e000001Sand!AQ0123456789"},
        "Lead",
        {"LastName": "Sklodowska", "Company": "Radium"},
        {"LastName": "Curie"},
    ),
    "messagemedia": (
        {"api_key": "uCXUdoogNfCsehEClbO2", "api_secret": "q1w2e3r4t5y6u7i8o9"},
        identifier("news"),
        {"phone": PHONE, "firstName": "Marie", identifier("size"): "S"},
        {"phone": PHONE, "firstName": "M."},
    ),
}


def test_every_simulated_provider_is_tried() -> None:
    assert set(WRITTEN) == set(SIMULATORS)


@pytest.mark.parametrize("slug", WRITTEN)
def test_what_was_written_comes_back(slug: str, sandbox: RunningSandbox) -> None:
    secrets, audience, first, second = WRITTEN[slug]

    def fresh() -> Any:
        return ADAPTERS[slug](secrets, base_url=sandbox.base_url(slug))

    [nobody] = fresh().subscriptions([EMAIL], audience)
    assert (nobody.fields, nobody.tags) == (None, None)
    for values in (first, second):
        before = {**first, **values}
        ours = fresh()
        ours.upsert([Contact(email=EMAIL, fields=values)], audience, Options())
        [known] = fresh().subscriptions([EMAIL], audience)
        assert known.fields is not None
        told = {name: known.fields.get(name) for name in before}
        assert told == before
        writable = {field.id for field in ours.fields(audience)}
        assert set(before) <= writable
        assert EMAIL not in known.fields.values()
        assert str(first) not in repr(known)


@pytest.mark.parametrize("slug", WRITTEN)
def test_what_a_look_up_tells_can_be_written_again(
    slug: str, sandbox: RunningSandbox
) -> None:
    """So that what a run overwrote can be put back."""
    secrets, audience, first, second = WRITTEN[slug]
    ours: HttpAdapter = ADAPTERS[slug](  # type: ignore[assignment]
        secrets, base_url=sandbox.base_url(slug)
    )
    for values in (first, second):
        if values is second:
            [before] = ours.subscriptions([EMAIL], audience)
        ours.upsert([Contact(email=EMAIL, fields=values)], audience, Options())
    back = {name: (before.fields or {})[name] for name in second}
    again = Contact(email=EMAIL, fields=back)
    [outcome] = ours.upsert([again], audience, Options())
    assert outcome.state in (OutcomeState.SYNCED, OutcomeState.SUBMITTED)
    [after] = ours.subscriptions([EMAIL], audience)
    assert {name: (after.fields or {}).get(name) for name in first} == first
