"""Sinch MessageMedia."""

from __future__ import annotations

import base64
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.adapters.base import OutcomeState
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.messagemedia import MessageMedia
from integrations.adapters.shared import to_place
from tests.integrations.adapters import messagemedia_world as world
from tests.integrations.adapters.messagemedia_world import (
    CONTACTS,
    CUSTOM,
    EMAIL_FIELD,
    HOST,
    LEFT,
    LIST,
    OLD,
    SIZE_FIELD,
    adapter,
    authorised,
    contact,
    found,
    got,
    page,
)
from tests.integrations.conformance import (
    AdapterConformance,
    Refusal,
    register,
    wire,
)
from tests.integrations.contract import (
    AdapterContract,
    Contract,
    Description,
    described,
)

SYNCED, REJECTED = OutcomeState.SYNCED, OutcomeState.REJECTED
SPEC = "messagemedia.yaml"
# openapi-core looks for one parameter of this name, but a query parameter of type
# object is, by OpenAPI's defaults (style form, explode), one parameter per property.
EXPLODED = {
    ("GET", f"/api/v1/contacts/{what}"): "the parameter `request` is exploded"
    for what in ("contacts", "lists", "custom-fields")
}


class TestMessageMedia(AdapterConformance):
    adapter = MessageMedia
    odd_answers = True
    secrets = world.SECRETS
    operations = world.OPERATIONS
    batch = world.PEOPLE
    batch_outcomes = (SYNCED, REJECTED, REJECTED)
    batch_operation = "upsert of several, some without a number"
    unauthorized = world.UNAUTHORIZED
    forbidden = world.FORBIDDEN
    missing = world.MISSING
    refused = world.REFUSED
    peculiar = (Refusal(status=403, body=world.UNAUTHORIZED, error=CredentialsError),)
    leavers = world.LEAVERS
    no_leavers: ClassVar[dict[str, str]] = {
        "bounced": "The contacts API has no state for numbers that do not work.",
        "complained": "There are no complaints about text messages but STOP.",
    }
    audience_id = LIST


class TestMessageMediaContract(AdapterContract):
    adapter = MessageMedia
    secrets = world.SECRETS
    operations = world.OPERATIONS
    descriptions = (Description(name=SPEC, server=HOST, requests_beyond=EXPLODED),)

    def test_every_filter_is_a_property_of_the_described_object(self) -> None:
        contract = Contract(SPEC, HOST)
        names = 0
        for operation in self.operations:
            with wire() as mock:
                for step in operation.steps:
                    register(mock, step)
                operation.run(self.adapter(self.secrets))
                for call in mock.calls:
                    route = contract.route(call.request)
                    if route not in EXPLODED:
                        continue
                    [parameter] = described(SPEC)["paths"][route[1]]["get"][
                        "parameters"
                    ]
                    known = contract.resolved(parameter["schema"])["properties"]
                    sent = parse_qs(urlsplit(str(call.request.url)).query)
                    assert set(sent) <= set(known)
                    names += len(sent)
        assert names > 10


class TestSigningIn:
    def test_basic_with_key_and_secret(self) -> None:
        sent = adapter().headers()["Authorization"].removeprefix("Basic ")
        assert base64.b64decode(sent) == b"uCXUdoogNfCsehEClbO2:q1w2e3r4t5y6u7i8o9"

    @pytest.mark.parametrize(
        ("region", "host"),
        [
            ("", "https://eu.app.api.sinch.com"),
            ("eu", "https://eu.app.api.sinch.com"),
            ("au", "https://au.app.api.sinch.com"),
            ("elsewhere.example", "https://eu.app.api.sinch.com"),
        ],
    )
    def test_the_region_is_the_host(self, region: str, host: str) -> None:
        assert adapter(region=region).home == host

    def test_the_fields_at_fault_are_part_of_the_words(self) -> None:
        with (
            wire() as mock,
            pytest.raises(RejectedError, match="Validation.*dateOfBirth: must be"),
        ):
            mock.add("GET", CUSTOM, status=400, json=world.REFUSED)
            adapter().fields(LIST)


class TestVerify:
    def test_says_what_is_there(self) -> None:
        with wire() as mock:
            for step in world.READING[0].steps:
                register(mock, step)
            reading = adapter().verify()
        assert reading.identity == "Bakery7000"
        assert [
            (r.name, r.readable, r.writable, r.count) for r in reading.resources
        ] == [
            ("contacts", True, None, 42),
            ("lists", True, None, 1),
            ("custom fields", True, None, 3),
            ("opt-outs", True, None, None),
        ]
        assert reading.notes == ()

    def test_warns_when_addresses_cannot_be_kept(self) -> None:
        contacts, lists, _, blacklist = world.READING[0].steps
        with wire() as mock:
            for step in (contacts, lists, got(CUSTOM, page()), blacklist):
                register(mock, step)
            assert "e-mail" in adapter().verify().notes[0]

    def test_what_may_not_be_read_is_named(self) -> None:
        *steps, blacklist = world.READING[0].steps
        shut = got(blacklist.url, {"message": "Not enabled"}, status=403)
        with wire() as mock:
            for step in (*steps, shut):
                register(mock, step)
            opt_outs = adapter().verify().resources[-1]
        assert (opt_outs.readable, "Not enabled" in opt_outs.detail) == (False, True)

    def test_fields_that_may_not_be_read_are_not_said_to_be_missing(self) -> None:
        contacts, lists, fields, blacklist = world.READING[0].steps
        shut = got(fields.url, world.FORBIDDEN, status=403)
        with wire() as mock:
            for step in (contacts, lists, shut, blacklist):
                register(mock, step)
            reading = adapter().verify()
        assert reading.resources[2].readable is False
        assert reading.notes == ()


class TestReading:
    def test_lists_with_size(self) -> None:
        with wire() as mock:
            for step in world.READING[1].steps:
                register(mock, step)
            assert [(a.label, a.size) for a in adapter().audiences()] == [
                ("Newsletter", 42),
                ("Shop", 0),
            ]
            assert "nextPageToken=t1" in str(mock.calls[2].request.url)

    def test_fields_with_the_number_required(self) -> None:
        with wire() as mock:
            register(mock, world.FIELDS)
            fields = {field.id: field for field in adapter().fields(LIST)}
        assert [f.id for f in fields.values() if f.required] == ["phone"]
        assert (fields["phone"].type, fields["dateOfBirth"].type) == ("phone", "date")
        assert (fields[SIZE_FIELD].label, fields[SIZE_FIELD].read_only) == (
            "Size",
            False,
        )
        assert fields[EMAIL_FIELD].read_only, "we fill it with the address ourselves"

    @pytest.mark.parametrize(
        ("state", "blocked", "ours"),
        [
            ("SUBSCRIBED", False, "subscribed"),
            ("UNSUBSCRIBED", False, "unsubscribed"),
            ("SUBSCRIBED", True, "unsubscribed"),
            (None, False, "unknown"),
        ],
    )
    def test_subscription_statuses(self, state: str, blocked: bool, ours: str) -> None:
        with wire() as mock:
            register(mock, found(contact(OLD, LIST, state=state)))
            register(mock, authorised(OLD, blocked=(OLD,) if blocked else ()))
            [subscription] = adapter().subscriptions([OLD.upper()], LIST)
        assert (subscription.email, subscription.status) == (OLD.upper(), ours)

    def test_a_missing_list_is_not_an_absent_person(self) -> None:
        with wire() as mock, pytest.raises(TargetError):
            register(mock, found())
            mock.add("GET", world.THERE.url, status=404, json=world.MISSING)
            adapter().subscriptions([OLD], LIST)

    def test_people_are_found_by_email_channels_too(self) -> None:
        channel = {"channelId": "Old@X.org", "type": "EMAIL"}
        row = contact(OLD, LIST, customFields=[], channels=[channel])
        with wire() as mock:
            register(mock, found(row))
            [subscription] = adapter().subscriptions([OLD], LIST)
        assert subscription.status == "unknown"
        assert subscription.remote_id == world.IDS[OLD]


class TestChanges:
    def test_a_walk_tells_who_opted_out(self) -> None:
        with wire() as mock:
            for step in world.READING[5].steps:
                register(mock, step)
            walk = adapter().changes(LIST, "")
        assert [(c.email, c.status) for c in walk.changes] == [
            (OLD, "subscribed"),
            (LEFT, "unsubscribed"),
        ]
        assert walk.changes[0].fields == {
            "phone": world.PHONES[OLD],
            "firstName": "Mary",
            SIZE_FIELD: "M",
        }
        assert (walk.complete, walk.more) == (True, True)
        with wire() as mock:
            mock.add("GET", CONTACTS, json=page())
            end = adapter().changes(LIST, walk.cursor)
            assert "nextPageToken=t2" in str(mock.calls[0].request.url)
        assert (end.changes, end.cursor, end.more) == ((), "", False)

    def test_each_address_of_a_contact_is_on_the_list(self) -> None:
        row = contact(OLD, LIST)
        more = {"channelId": "Second@x.org", "type": "EMAIL"}
        row["channels"] = [*row["channels"], more]
        with wire() as mock:
            register(mock, world.found(row))
            register(mock, world.authorised(OLD))
            walk = adapter().changes(LIST, "")
        assert [c.email for c in walk.changes] == [OLD, "second@x.org"]

    @pytest.mark.parametrize("half", [{}, {"content": None}])
    def test_an_answer_without_contacts_is_not_an_empty_list(self, half: Any) -> None:
        with wire() as mock, pytest.raises(TransientError):
            mock.add("GET", CONTACTS, json=half)
            adapter().changes(LIST, "")

    def test_a_number_that_is_none_does_not_stop_the_walk(self) -> None:
        odd = {"channelId": "0491570156", "type": "SMS"}
        with wire() as mock:
            register(mock, world.found(contact(OLD, LIST, channels=[odd])))
            walk = adapter().changes(LIST, "")
        assert [c.email for c in walk.changes] == [OLD]

    def test_people_without_an_address_are_left_out(self) -> None:
        with wire() as mock:
            mock.add("GET", CONTACTS, json=page(contact(OLD, LIST, customFields=[])))
            assert adapter().changes(LIST, "").changes == ()

    @pytest.mark.parametrize("cursor", ["x", "[]", "[1]", '["a", "b"]'])
    def test_a_foreign_cursor(self, cursor: str) -> None:
        with pytest.raises(RejectedError) as caught:
            adapter().changes(LIST, cursor)
        assert caught.value.reason is Reason.CURSOR_EXPIRED

    def test_a_token_that_is_not_known_any_more(self) -> None:
        with wire() as mock, pytest.raises(RejectedError) as caught:
            mock.add("GET", CONTACTS, status=400, json=world.REFUSED)
            adapter().changes(LIST, to_place(0, "", "", "t2"))
        assert caught.value.reason is Reason.CURSOR_EXPIRED
