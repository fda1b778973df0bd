"""Every request to Mailchimp, in every branch, against Mailchimp's description."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import requests
from openapi_core.exceptions import OpenAPIError

from integrations.adapters import mailchimp
from integrations.adapters.base import Contact, Options
from integrations.adapters.shared import to_place
from tests.integrations.adapters.mailchimp_world import (
    AFTER,
    API,
    KEY,
    LEFT,
    LIST,
    MISSING,
    NEW,
    OLD,
    OPERATIONS,
    batch,
    exists,
    member,
    member_url,
)
from tests.integrations.conformance import Operation, Step
from tests.integrations.contract import AdapterContract, Contract, Description

pytestmark = pytest.mark.contract

DESCRIPTION = "mailchimp.openapi3.json"
# The description of the batch members leaves tags out; the release note of 2022-01-24
# ("Added ability to sync tags to existing members") has them.
BEYOND = {("POST", "/lists/{list_id}"): ["members[].tags"]}

AT = "2026-08-01T10:00:00+00:00"
FULL = Contact(
    email=NEW,
    fields={
        "FNAME": "José",
        "AGE": 42,
        "ADDRESS": {"addr1": "1 Main St", "city": "X", "state": "GA", "zip": "30308"},
    },
    tags=("popup",),
    ip="192.0.2.7",
    signed_up_at=datetime(2026, 8, 1, 12, tzinfo=UTC),
)


def one(
    name: str,
    options: Options,
    status: str,
    *more: Step,
    before: tuple[Step, ...] = (),
) -> Operation:
    """An upsert of one contact that has everything."""
    return Operation(
        name=f"upsert of one, {name}",
        run=lambda adapter: adapter.upsert([FULL], "a1", options),
        steps=(
            *before,
            Step(method="PUT", url=member_url(NEW), answer=member(NEW, status)),
            *more,
        ),
    )


def several(name: str, options: Options, *steps: Step) -> Operation:
    left = Contact(email=LEFT, fields={"FNAME": "Ann"}, signed_up_at=AFTER)
    people = [FULL, Contact(email=OLD), left]
    return Operation(
        name=f"upsert of several, {name}",
        run=lambda adapter: adapter.upsert(people, "a1", options),
        steps=steps,
    )


TAGS = Step(method="POST", url=f"{member_url(NEW)}/tags", status=204)
ASK = Step(method="PATCH", url=member_url(NEW), answer=member(NEW, "pending"))
NOBODY = (Step(method="GET", url=member_url(NEW), status=404, answer=MISSING),)
LEAVER, ARCHIVED = (
    (Step(method="GET", url=member_url(NEW), answer=member(NEW, status)), ASK)
    for status in ("unsubscribed", "archived")
)
SOME = batch(new=(member(NEW),), errors=(exists(OLD), exists(LEFT)))
REST = batch(updated=(member(OLD), member(LEFT, "pending")))
FIND_LEFT = Step(
    method="GET", url=member_url(LEFT), answer=member(LEFT, "unsubscribed")
)
ASK_LEFT = Step(method="PATCH", url=member_url(LEFT), answer=member(LEFT, "pending"))

BRANCHES = (
    Operation(
        name="discover",
        run=lambda adapter: type(adapter)({"access_token": "token"}).discover(),
        steps=(
            Step(
                method="GET",
                url="https://login.mailchimp.com/oauth2/metadata",
                answer={"dc": "us6"},
            ),
        ),
    ),
    one("double opt-in", Options(double_opt_in=True), "pending", TAGS, before=NOBODY),
    one("single opt-in", Options(tags=("all",)), "subscribed", TAGS),
    one("left", Options(), "unsubscribed"),
    one("left, asked", Options(reconfirm=True), "pending", TAGS, before=LEAVER),
    one("archived", Options(double_opt_in=True), "pending", TAGS, before=ARCHIVED),
    several(
        "double opt-in, left ones asked",
        Options(double_opt_in=True, reconfirm=True, tags=("all",)),
        Step(method="POST", url=LIST, answer=SOME),
        FIND_LEFT,
        ASK_LEFT,
        Step(method="POST", url=LIST, answer=REST),
    ),
    several(
        "new ones only",
        Options(update_existing=False),
        Step(method="POST", url=LIST, answer=SOME),
    ),
    several(
        "new ones only, left ones asked",
        Options(update_existing=False, reconfirm=True),
        Step(method="POST", url=LIST, answer=SOME),
        Step(method="GET", url=member_url(OLD), answer=member(OLD)),
        Step(method="GET", url=member_url(LEFT), answer=member(LEFT, "archived")),
        ASK_LEFT,
    ),
    Operation(
        name="changes in the middle",
        run=lambda adapter: adapter.changes(
            "a1", to_place(0, "", AT, to_place(AT, 500))
        ),
        steps=(
            Step(
                method="GET",
                url=f"{LIST}/members",
                answer={"members": [member(OLD)], "total_items": 501},
            ),
        ),
    ),
)
ALL = OPERATIONS + BRANCHES


class TestMailchimpContract(AdapterContract):
    adapter = mailchimp.Mailchimp
    secrets = {"api_key": KEY}
    operations = ALL
    descriptions = (Description(name=DESCRIPTION, server=API, beyond=BEYOND),)
    documented = {
        ("GET", "/oauth2/metadata"): "https://mailchimp.com/developer/marketing/guides/"
        "access-user-data-oauth-2/ (read 2026-11-22)",
    }


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract(DESCRIPTION, API, BEYOND)


class TestTheCheckItself:
    """It must see what it is there to see."""

    def check(self, contract: Contract, method: str, path: str, body: object) -> None:
        request = requests.Request(
            method, API + path, json=body, auth=("any", KEY)
        ).prepare()
        contract.check_request(request)

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("PUT", "/lists/a1/members/x", {"email_address": "a@x.org"}),
            ("PUT", "/lists/a1/members/x", {"email_address": 1, "status_if_new": "p"}),
            ("PATCH", "/lists/a1/members/x", {"status": "gone"}),
            ("POST", "/lists/a1", {"update_existing": True}),
            ("POST", "/lists/a1/members/x/tags", {"tags": ["popup"]}),
            ("POST", "/lists/a1/member/x/tags", {"tags": []}),
        ],
    )
    def test_sees_what_does_not_fit(
        self, contract: Contract, method: str, path: str, body: object
    ) -> None:
        with pytest.raises(OpenAPIError):
            self.check(contract, method, path, body)

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("PATCH", "/lists/a1/members/x", {"stauts": "pending"}),
            ("POST", "/lists/a1", {"members": [{"emial_address": "a@x.org"}]}),
            ("GET", "/lists?cuont=10", None),
        ],
    )
    def test_sees_misspelt_names(
        self, contract: Contract, method: str, path: str, body: object
    ) -> None:
        with pytest.raises(AssertionError):
            self.check(contract, method, path, body)
