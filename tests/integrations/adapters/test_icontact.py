"""iContact, REST API 2.2."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.adapters.base import OutcomeState
from integrations.adapters.errors import (
    SetupError,
    TargetError,
)
from integrations.adapters.icontact import IContact
from tests.integrations.adapters import icontact_world as world
from tests.integrations.adapters.icontact_world import (
    CONTACTS,
    FOLDER,
    HOST,
    LIST,
    OLD,
    adapter,
    contact,
    got,
    looked_up,
    page,
)
from tests.integrations.conformance import (
    AdapterConformance,
    Refusal,
    Step,
    made,
    register,
    wire,
)
from tests.integrations.contract import AdapterContract

KB = "https://kb.icontact.com/hc/en-us/articles/"
READ = "(read 2026-11-22)"
SYNCED, REJECTED, AWAITING, SKIPPED = (
    OutcomeState.SYNCED,
    OutcomeState.REJECTED,
    OutcomeState.AWAITING_OPT_IN,
    OutcomeState.SKIPPED,
)


class TestIContact(AdapterConformance):
    adapter = IContact
    odd_answers = True
    secrets = world.SECRETS
    operations = world.OPERATIONS
    batch = world.PEOPLE
    batch_outcomes = (SYNCED, REJECTED)
    batch_operation = "upsert of several"
    unauthorized = world.UNAUTHORIZED
    forbidden = world.FORBIDDEN
    missing = world.MISSING
    refused = world.REFUSED
    peculiar = (
        Refusal(status=402, body={"errors": ["Payment required"]}, error=SetupError),
        Refusal(status=507, body={"errors": ["Storage is full"]}, error=SetupError),
    )
    leavers = world.LEAVERS
    no_leavers: ClassVar[dict[str, str]] = {
        "complained": "iContact has no status for complaints, only Do Not Contact."
    }
    audience_id = LIST
    public_words = frozenset({world.SECRETS["username"]})


class TestIContactContract(AdapterContract):
    """iContact publishes no description: exchanges written from its pages."""

    adapter = IContact
    secrets = world.SECRETS
    operations = world.OPERATIONS
    documented: ClassVar[dict[tuple[str, str], str]] = {
        ("GET", "/icp/a/"): f"{KB}360054682352 {READ}",
        ("GET", "/icp/a/{account}"): f"{KB}360054682352 {READ}",
        ("GET", "/icp/a/{account}/c/"): f"{KB}360046954572 {READ}",
        ("GET", "/icp/a/{account}/c/{folder}/lists"): f"{KB}360047023252 {READ}",
        ("GET", "/icp/a/{account}/c/{folder}/lists/{list}"): f"{KB}360047023252 {READ}",
        ("GET", "/icp/a/{account}/c/{folder}/customfields"): f"{KB}360046958412 {READ}",
        ("GET", "/icp/a/{account}/c/{folder}/messages"): f"{KB}360047023472 {READ}",
        ("GET", "/icp/a/{account}/c/{folder}/contacts"): f"{KB}360046954672 {READ}",
        ("POST", "/icp/a/{account}/c/{folder}/contacts"): f"{KB}360046954672 {READ}",
        (
            "DELETE",
            "/icp/a/{account}/c/{folder}/contacts/{contact}",
        ): f"{KB}360046954672 {READ}",
        (
            "GET",
            "/icp/a/{account}/c/{folder}/contacts/{contact}/actions",
        ): f"{KB}360047386411 {READ}",
        (
            "GET",
            "/icp/a/{account}/c/{folder}/subscriptions",
        ): f"{KB}360047450911 {READ}",
        (
            "POST",
            "/icp/a/{account}/c/{folder}/subscriptions",
        ): f"{KB}360047450911 {READ}",
        (
            "POST",
            "/icp/a/{account}/c/{folder}/subscriptions/{subscription}",
        ): f"{KB}360047450911 {READ}",
        ("POST", "/icp/a/{account}/c/{folder}/webhooks"): f"{KB}360047381851 {READ}",
        (
            "DELETE",
            "/icp/a/{account}/c/{folder}/webhooks/{id}",
        ): f"{KB}360047381851 {READ}",
    }


class TestSigningIn:
    def test_every_request_carries_the_four_headers(self) -> None:
        with wire() as mock:
            mock.add("GET", f"{FOLDER}/customfields", json=world.CUSTOM)
            adapter().fields(LIST)
            sent = mock.calls[0].request.headers
        assert sent["API-Version"] == "2.2"
        assert sent["API-AppId"] == world.SECRETS["app_id"]
        assert sent["API-Username"] == "freddie@freddies.example"
        assert sent["API-Password"] == "application-pass"

    def test_people_are_told_about_the_pro_platform_before_they_link(self) -> None:
        [pro] = [text for text in IContact.requirements if "Pro" in text]
        assert "Strategic Advisor" in pro
        assert "iContact Support" in pro


class TestClientFolders:
    AGENCY: ClassVar[tuple[Step, ...]] = (
        got(
            f"{HOST}/a/",
            page(
                "accounts",
                {**world.ACCOUNT, "multiClientFolder": "1"},
                {"accountId": "999999", "companyName": "Closed", "enabled": 0},
            ),
        ),
        got(
            f"{HOST}/a/111111/c/",
            page(
                "clientfolders",
                {"clientFolderId": "222222", "name": "Bakery"},
                {"clientFolderId": "333333", "name": ""},
            ),
        ),
    )
    ALONE = world.READING[1].steps

    def test_an_agency_chooses_among_its_folders(self) -> None:
        with wire() as mock:
            for step in self.AGENCY:
                register(mock, step)
            found = adapter().sub_accounts()
        assert [(item.id, item.label) for item in found] == [
            ("111111/222222", "Freddie's Jokes: Bakery"),
            ("111111/333333", "Freddie's Jokes: client folder 333333"),
        ]

    def test_the_only_folder_is_used_without_choosing(self) -> None:
        with wire() as mock:
            for step in (*self.ALONE, got(f"{FOLDER}/customfields", world.CUSTOM)):
                register(mock, step)
            assert adapter(sub_account="").fields(LIST)
            assert made(mock)[-1] == ("GET", f"{FOLDER}/customfields")

    def test_an_agency_that_has_not_chosen_is_asked_to(self) -> None:
        with wire() as mock, pytest.raises(TargetError, match="2 client folders"):
            for step in self.AGENCY:
                register(mock, step)
            adapter(sub_account="").fields(LIST)

    @pytest.mark.parametrize("chosen", ["111111", "1/2/3", "a/b", "1/../../x"])
    def test_an_id_of_ours_only(self, chosen: str) -> None:
        with pytest.raises(TargetError):
            adapter(sub_account=chosen).fields(LIST)


class TestVerify:
    def test_says_what_is_there(self) -> None:
        with wire() as mock:
            for step in world.READING[0].steps:
                register(mock, step)
            reading = adapter().verify()
        assert reading.identity == "freddie@freddies.example"
        assert reading.account_name == "Freddie's Jokes"
        assert [
            (r.name, r.readable, r.writable, r.count) for r in reading.resources
        ] == [
            ("lists", True, None, 2),
            ("contacts", True, None, 42),
            ("custom fields", True, None, 2),
            ("confirmation messages", True, None, 2),
        ]
        assert reading.notes == ("Client folder 222222.",)

    def test_warns_when_nobody_could_be_asked_to_confirm(self) -> None:
        steps = (
            *world.READING[0].steps[:-1],
            got(f"{FOLDER}/messages", page("messages")),
        )
        with wire() as mock:
            for step in steps:
                register(mock, step)
            assert "double opt-in" in adapter().verify().notes[-1]

    def test_a_resource_it_may_not_read_is_named(self) -> None:
        first, second, *rest = world.READING[0].steps
        refused = replace(second, status=403, answer=world.FORBIDDEN)
        with wire() as mock:
            for step in (first, refused, *rest):
                register(mock, step)
            lists = adapter().verify().resources[0]
        assert lists.readable is False
        assert "permission" in lists.detail


class TestReading:
    def test_audiences_with_size(self) -> None:
        with wire() as mock:
            for step in world.READING[2].steps:
                register(mock, step)
            found = adapter().audiences()
            asked = parse_qs(urlsplit(str(mock.calls[1].request.url)).query)
        assert [(a.id, a.label, a.size) for a in found] == [
            (LIST, "Newsletter", 42),
            ("555555", "Shop", 0),
        ]
        assert asked == {"listId": [LIST], "status": ["normal"], "limit": ["1"]}

    def test_a_collection_is_read_to_its_end(self) -> None:
        first = page("customfields", {"privateName": "a"}, total=2)
        second = page("customfields", {"privateName": "b"}, total=2)
        with wire() as mock:
            mock.add("GET", f"{FOLDER}/customfields", json=first)
            mock.add("GET", f"{FOLDER}/customfields", json=second)
            ids = {field.id for field in adapter().fields(LIST)}
            assert "offset=1" in str(mock.calls[1].request.url)
        assert {"a", "b"} <= ids

    def test_fields_with_the_status_to_read_back(self) -> None:
        with wire() as mock:
            mock.add("GET", f"{FOLDER}/customfields", json=world.CUSTOM)
            fields = {field.id: field for field in adapter().fields(LIST)}
        assert fields["firstName"].type == "name"
        assert (fields["birthdate"].label, fields["birthdate"].type) == (
            "Birthday",
            "date",
        )
        assert (fields["vip"].label, fields["vip"].type) == ("vip", "boolean")
        status = fields["status"]
        assert status.read_only
        assert status.options == ("Normal", "Bounced", "DNC", "Pending", "Invitable")

    @pytest.mark.parametrize(
        ("own", "there", "ours"),
        [
            ("normal", "normal", "subscribed"),
            ("normal", "pending", "pending"),
            ("pending", "normal", "pending"),
            ("invitable", "normal", "pending"),
            ("normal", "unsubscribed", "unsubscribed"),
            ("donotcontact", "normal", "unsubscribed"),
            ("donotcontact", None, "unsubscribed"),
            ("bounced", "normal", "bounced"),
            ("deleted", None, "archived"),
            ("normal", None, "absent"),
            ("normal", "brand-new", "unknown"),
            ("normal", "", "unknown"),
        ],
    )
    def test_subscription_statuses(
        self, own: str, there: str | None, ours: str
    ) -> None:
        steps = looked_up(OLD, there, own)
        if there is None:
            steps = (*steps, got(f"{FOLDER}/lists/{LIST}", {"list": {}}))
        with wire() as mock:
            for step in steps:
                register(mock, step)
            [found] = adapter().subscriptions([OLD], LIST)
        assert found.status == ours
        assert found.remote_id == "333002"

    def test_an_address_with_a_wildcard_finds_only_itself(self) -> None:
        rows = page("contacts", contact("*@x.org"), contact("a@x.org"))
        with wire() as mock:
            mock.add("GET", CONTACTS, json=rows)
            assert [row["email"] for row in adapter().people("*@X.org")] == ["*@x.org"]
