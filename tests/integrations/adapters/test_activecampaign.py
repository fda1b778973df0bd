"""What is peculiar to ActiveCampaign, beside the conformance of every adapter."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from integrations.adapters.activecampaign import ActiveCampaign
from integrations.adapters.base import Contact, Incoming, Options, OutcomeState
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    SetupError,
    TargetError,
)
from tests.integrations.adapters import activecampaign_world as world
from tests.integrations.adapters.activecampaign_world import (
    API,
    GONE,
    NEW,
    OLD,
    PEOPLE,
    contact,
    find,
    lists_of,
    membership,
    page,
    put,
    sync,
)
from tests.integrations.conformance import (
    AdapterConformance,
    Step,
    register,
    wire,
)
from tests.integrations.contract import AdapterContract, Description

SYNCED, AWAITING, REJECTED, SKIPPED = (
    OutcomeState.SYNCED,
    OutcomeState.AWAITING_OPT_IN,
    OutcomeState.REJECTED,
    OutcomeState.SKIPPED,
)


class TestActiveCampaign(AdapterConformance):
    odd_answers = True
    adapter = ActiveCampaign
    secrets = world.SECRETS
    operations = world.OPERATIONS
    audience_id = "1"
    batch = (Contact(email=OLD),)  # one a call: the order is the order of the calls
    batch_operation = "upsert of one without tags"
    batch_outcomes = (SYNCED,)
    unauthorized = world.UNAUTHORIZED
    forbidden = world.FORBIDDEN
    missing = world.MISSING
    refused = world.REFUSED
    leavers = world.LEAVERS
    no_leavers = {"complained": "a complaint unsubscribes; the API does not tell it"}


class TestActiveCampaignContract(AdapterContract):
    adapter = ActiveCampaign
    secrets = world.SECRETS
    operations = world.OPERATIONS
    descriptions = (
        Description(
            name="activecampaign.json",
            server=API,
            # https://developers.activecampaign.com/reference/pagination has limit and
            # offset for every collection.
            beyond={
                ("GET", "/lists"): ["offset"],
                ("GET", "/fields"): ["offset"],
                ("GET", "/tags"): ["limit"],
            },
            answers_beyond={
                ("GET", "/contacts"): "one of examples that do not exclude each other",
                ("POST", "/contactLists"): "the same",
            },
            requests_beyond={
                (
                    "GET",
                    "/contacts",
                ): "its own default for segmentid, null, does not fit"
            },
        ),
    )


SIZED = ActiveCampaign.most_counted


def adapter(**secrets: str) -> ActiveCampaign:
    return ActiveCampaign({**world.SECRETS, **secrets})


def play(run: object, *steps: Step) -> tuple[object, list[dict[str, object]]]:
    """The result, and the JSON bodies sent."""
    with wire() as mock:
        for step in steps:
            register(mock, step)
        result = run(adapter())  # type: ignore[operator]
        assert len(mock.calls) == len(steps)
        bodies = [call.request.body for call in mock.calls if call.request.body]
    return result, [json.loads(body) for body in bodies]


class TestAddress:
    @pytest.mark.parametrize(
        ("url", "home"),
        [
            (" https://acme.api-us1.com/ ", "https://acme.api-us1.com"),
            ("acme.api-us1.com", "https://acme.api-us1.com"),
            ("https://acme.api-us1.com/api/3", "https://acme.api-us1.com"),
        ],
    )
    def test_what_people_paste(self, url: str, home: str) -> None:
        assert adapter(url=url).base_url == home

    @pytest.mark.parametrize(
        "url", ["", "http://acme.api-us1.com", "https://a:b@acme.example", "https://["]
    )
    def test_what_is_no_address(self, url: str) -> None:
        with wire(), pytest.raises(SetupError, match="API URL"):
            adapter(url=url).verify()

    def test_the_address_is_guarded(self) -> None:
        with pytest.raises(SetupError):
            adapter(url="https://127.0.0.1").verify()


class TestErrors:
    def fails(self, status: int, body: object) -> None:
        with wire() as mock:
            mock.add("GET", f"{API}/lists", status=status, json=body)
            adapter().audiences()

    def test_a_403_without_a_permission_is_a_wrong_key(self) -> None:
        with pytest.raises(CredentialsError):
            self.fails(403, {"message": "Forbidden"})
        with pytest.raises(ScopeError, match="permission to view lists"):
            self.fails(403, world.FORBIDDEN)

    def test_a_refused_address(self) -> None:
        refused = Step(
            method="POST", url=f"{API}/contact/sync", status=422, answer=world.REFUSED
        )
        [outcome], _ = play(
            lambda a: a.upsert(PEOPLE[:1], "1", Options()), find(), refused
        )
        assert (outcome.state, outcome.reason) == (REJECTED, Reason.ADDRESS_INVALID)
        assert outcome.detail == "Contact Email Address is not valid."


class TestReading:
    def test_a_resource_that_may_not_be_read_is_named(self) -> None:
        me, lists, *others = world.READING[0].steps
        no = Step(method="GET", url=lists.url, status=403, answer=world.FORBIDDEN)
        reading, _ = play(ActiveCampaign.verify, me, no, *others)
        assert reading.identity == "j@x.org"
        assert [(r.name, r.readable, r.count) for r in reading.resources] == [
            ("lists", False, None),
            ("contacts", True, 1),
            ("fields", True, 3),
            ("tags", True, 1),
        ]

    def test_fields_of_the_account(self) -> None:
        fields, _ = play(
            lambda a: a.fields("1"),
            Step(method="GET", url=f"{API}/fields", answer=world.FIELD_PAGE),
        )
        assert [(f.id, f.type, f.required, f.options) for f in fields] == [
            ("firstName", "text", False, ()),
            ("lastName", "text", False, ()),
            ("phone", "phone", False, ()),
            ("1", "text", False, ()),
            ("2", "choice", True, ("S", "M")),
            ("3", "multi_choice", False, ()),
        ]

    def test_lists_of_all_pages_and_the_size_of_the_first(self) -> None:
        rows = [{"id": str(n), "name": f"L{n}"} for n in range(101)]
        found, _ = play(
            ActiveCampaign.audiences,
            Step(method="GET", url=f"{API}/lists", answer=page("lists", *rows[:100])),
            *[find(contact(1, NEW), contact(2, OLD))] * SIZED,
            Step(method="GET", url=f"{API}/lists", answer=page("lists", rows[100])),
        )
        assert [audience.id for audience in found] == [row["id"] for row in rows]
        sizes = [audience.size for audience in found]
        assert sizes == [2] * SIZED + [None] * (101 - SIZED)

    def test_where_people_stand(self) -> None:
        for code, status in (("0", "pending"), ("1", "subscribed"), ("5", "unknown")):
            [found], _ = play(
                lambda a: a.subscriptions([OLD], "1"),
                find(contact(2, OLD)),
                lists_of(2, membership(2, "2", list="9"), membership(2, code)),
            )
            assert (found.status, found.remote_id) == (status, "2")
            assert found.changed_at.isoformat() == "2026-08-01T15:00:00+00:00"

    def test_only_the_very_address_counts(self) -> None:
        [found], _ = play(
            lambda a: a.subscriptions([OLD], "1"), find(contact(2, f"x{OLD}"))
        )
        assert found.status == "absent"


class TestWriting:
    def test_what_is_sent(self) -> None:
        _, bodies = play(
            lambda a: a.upsert(PEOPLE[:1], "1", Options(tags=("popup",))),
            *world.WRITING[1].steps,
        )
        assert bodies == [
            {
                "contact": {
                    "email": NEW,
                    "firstName": "Mary",
                    "fieldValues": [
                        {"field": "1", "value": "Bath"},
                        {"field": "3", "value": "||Tea||Jam||"},
                    ],
                }
            },
            {"contactList": {"list": "1", "contact": "1", "status": "1"}},
            {"tag": {"tag": "popup", "tagType": "contact"}},
            {"contactTag": {"contact": 1, "tag": 16}},
        ]

    def test_a_tag_is_looked_up_once(self) -> None:
        people = [Contact(email=NEW, tags=("Popup",)), Contact(email=OLD)]
        outcomes, _ = play(
            lambda a: a.upsert(people, "1", Options(tags=("popup ",))),
            *(find(), sync(1, NEW), put(1, "1"), world.FIND_TAG),
            *(world.ADD_TAG, world.ADD_TAG),
            *(find(), sync(2, OLD), put(2, "1"), world.ADD_TAG),
        )
        assert [o.state for o in outcomes] == [SYNCED, SYNCED]

    def test_nothing_to_say_is_not_said(self) -> None:
        person = Contact(email=OLD, fields={"firstName": " "})
        [outcome], bodies = play(
            lambda a: a.upsert([person], "1", Options()),
            find(contact(2, OLD)),
            lists_of(2, membership(2, "1")),
        )
        assert (outcome.state, outcome.remote_id, bodies) == (SYNCED, "2", [])

    def test_somebody_unconfirmed_is_not_confirmed_by_us(self) -> None:
        [outcome], bodies = play(
            lambda a: a.upsert(PEOPLE[1:2], "1", Options()),
            find(contact(2, OLD)),
            lists_of(2, membership(2, "0")),
            sync(2, OLD),
        )
        assert outcome.state is AWAITING
        assert "contactList" not in str(bodies)

    def test_existing_ones_are_left_alone(self) -> None:
        [outcome], bodies = play(
            lambda a: a.upsert(PEOPLE[1:2], "1", Options(update_existing=False)),
            find(contact(2, OLD)),
            lists_of(2, membership(2, "1")),
        )
        assert (outcome.state, outcome.reason) == (SKIPPED, Reason.EXISTING)
        assert bodies == []

    def test_whoever_left_stays_so_even_when_asked_again(self) -> None:
        person = Contact(email=GONE, signed_up_at=world.AFTER)
        [outcome], _ = play(
            lambda a: a.upsert([person], "1", Options(reconfirm=True)),
            find(contact(3, GONE)),
            lists_of(3, membership(3, "2", unsubreason="Too many mails")),
        )
        assert outcome.reason is Reason.UNSUBSCRIBED
        assert "Too many mails" in outcome.detail

    def test_unsubscribing_who_is_not_there(self) -> None:
        outcomes, bodies = play(
            lambda a: a.unsubscribe([NEW, GONE], "1"),
            find(),
            find(contact(3, GONE)),
            lists_of(3, membership(3, "2")),
        )
        assert [o.state for o in outcomes] == [SKIPPED, SYNCED]
        assert bodies == []

    def test_erasing_who_is_not_there(self) -> None:
        receipt, _ = play(lambda a: a.erase(NEW), find())
        assert receipt.ok
        assert "did not hold" in receipt.note


class TestChanges:
    def query(
        self, cursor: str, *people: object
    ) -> tuple[object, dict[str, list[str]]]:
        answer = {**world.WALK, "contacts": list(people)}
        with wire() as mock:
            mock.add("GET", f"{API}/contacts", json=answer)
            found = adapter().changes("1", cursor)
            url = urlsplit(str(mock.calls[0].request.url))
        return found, parse_qs(url.query)

    def test_a_row(self) -> None:
        found, _ = self.query("", contact(2, OLD))
        [change] = found.changes
        assert (change.email, change.status, change.tags) == (
            OLD,
            "subscribed",
            ("Popup",),
        )
        assert change.fields == {"firstName": "Mary", "1": "Bath", "3": ["Tea", "Jam"]}
        assert change.audience_id == "1"

    def test_everybody_first_then_what_changed(self) -> None:
        people = [contact(n, f"p{n}@x.org") for n in range(1, 101)]
        first, asked = self.query("", *people)
        assert (first.complete, first.more) == (True, True)
        assert "filters[updated_after]" not in asked
        began = json.loads(first.cursor)[2]
        second, asked = self.query(first.cursor, contact(200, OLD))
        assert asked["id_greater"] == ["100"]
        assert (second.complete, second.more) == (True, False)
        third, asked = self.query(second.cursor)
        assert asked["filters[updated_after]"] == [began]
        assert asked["id_greater"] == ["0"]
        assert (third.complete, third.more) == (False, False)

    @pytest.mark.parametrize("cursor", ["x", "[]", '["a", "b"]', '["a", "b", "c"]'])
    def test_a_foreign_cursor(self, cursor: str) -> None:
        with wire(), pytest.raises(RejectedError) as caught:
            adapter().changes("1", cursor)
        assert caught.value.reason is Reason.CURSOR_EXPIRED


class TestWebhook:
    def post(self, secret: str = "s3cret", **data: str) -> list[object]:
        request = Incoming(
            method="POST",
            url=f"https://x.example/hook?secret={secret}",
            query={"secret": secret},
            body=urlencode(data).encode(),
        )
        return adapter(webhook_secret="s3cret").webhook(request)

    def test_an_audience_that_is_no_list(self) -> None:
        with wire(), pytest.raises(TargetError):
            adapter().add_webhook("https://x.example/hook", "news")

    def test_the_secret_must_be_ours(self) -> None:
        with pytest.raises(CredentialsError):
            self.post("other", type="subscribe")

    @pytest.mark.parametrize(
        ("event", "kind", "status"),
        [
            ("subscribe", "upsert", "subscribed"),
            ("unsubscribe", "status", "unsubscribed"),
            ("update", "upsert", ""),
            ("bounce", "status", ""),
        ],
    )
    def test_events(self, event: str, kind: str, status: str) -> None:
        data = {"contact[email]": OLD, "contact[first_name]": "Mary", "list": "1"}
        [change] = self.post(type=event, date_time="2026-08-01T10:00:00-05:00", **data)
        assert (change.kind, change.status, change.audience_id) == (kind, status, "1")
        assert change.fields == ({"firstName": "Mary"} if kind == "upsert" else {})

    def test_other_events_say_nothing(self) -> None:
        assert self.post(type="sent", **{"contact[email]": OLD}) == []
        assert self.post(type="update") == []

    def test_a_body_that_is_no_form(self) -> None:
        request = Incoming(
            method="POST", url="", query={"secret": "s3cret"}, body=b"\xff\xfe"
        )
        with pytest.raises(RejectedError):
            adapter(webhook_secret="s3cret").webhook(request)
