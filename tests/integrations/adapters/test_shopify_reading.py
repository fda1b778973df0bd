"""Reading from Shopify, signing in, and being told of changes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.adapters.base import Incoming
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    TransientError,
)
from integrations.adapters.shared import to_place
from integrations.adapters.shopify import Shopify
from tests.integrations.adapters import shopify_world as world
from tests.integrations.adapters.shopify_world import (
    AT,
    FIELDS,
    LEFT,
    NOBODY,
    OLD,
    SECRETS,
    URL,
    customer,
    found,
    listing,
    refused,
    step,
)
from tests.integrations.conformance import (
    Step,
    register,
    wire,
)


def failure(code: str, message: str = "x", **cost: Any) -> dict[str, Any]:
    error = {"message": message, "extensions": {"code": code}}
    return {"errors": [error], "extensions": {"cost": cost}}


def adapter(**secrets: str) -> Shopify:
    return Shopify({**SECRETS, **secrets})


class TestReading:
    def test_fields(self) -> None:
        with wire() as mock:
            register(mock, FIELDS)
            rows = {f.id: f for f in adapter().fields("customers")}
        assert (rows["custom.size"].type, rows["custom.size"].options) == (
            "choice",
            ("S", "M"),
        )
        assert rows["custom.age"].type == "number"
        assert rows["custom.file"].read_only
        assert not rows["firstName"].read_only

    def test_without_the_scope_nothing_is_counted(self) -> None:
        shop = step({"shop": {"name": "S"}, "currentAppInstallation": None})
        with wire() as mock:
            register(mock, shop)
            [resource] = adapter().verify().resources
        assert (resource.readable, resource.writable) == (False, False)

    def test_where_people_stand(self) -> None:
        states = ("PENDING", "UNSUBSCRIBED", "NOT_SUBSCRIBED", "INVALID", "REDACTED")
        with wire() as mock:
            for state in states:
                register(mock, found(OLD, state))
            register(mock, NOBODY)
            rows = adapter().subscriptions([OLD] * 6, "customers")
        assert [row.status for row in rows] == [
            "pending",
            "unsubscribed",
            "unknown",
            "unknown",
            "archived",
            "absent",
        ]

    def walk(self, cursor: str, page: Step) -> tuple[Any, Any]:
        with wire() as mock:
            register(mock, FIELDS)
            register(mock, page)
            page_read = adapter().changes("customers", cursor)
            return page_read, json.loads(mock.calls[1].request.body or "")["variables"]

    def test_a_walk_and_what_comes_after_it(self) -> None:
        row = customer(
            OLD,
            firstName="Ann",
            defaultPhoneNumber={"phoneNumber": "+441"},
            metafields={
                "nodes": [
                    {"namespace": "custom", "key": "age", "value": "42"},
                    {"namespace": "others", "key": "x", "value": "1"},
                ]
            },
        )
        first, asked = self.walk("", listing(row, more=True, cursor="c1"))
        [change] = first.changes
        assert change.fields == {
            "firstName": "Ann",
            "phone": "+441",
            "custom.age": "42",
        }
        assert (change.status, change.tags) == ("subscribed", ("vip",))
        assert (asked["query"], asked["after"]) == (None, None)
        assert asked["metafields"] == ["custom.age", "custom.size", "custom.file"]
        last, asked = self.walk(first.cursor, listing())
        assert asked["after"] == "c1"
        assert (last.more, last.complete) == (False, True)
        later, asked = self.walk(last.cursor, listing())
        began = datetime.fromisoformat(asked["query"].split("'")[1])
        assert timedelta(minutes=15) <= datetime.now(UTC) - began < timedelta(hours=1)
        assert (later.more, later.complete) == (False, False)

    def test_a_deep_walk_begins_again_where_it_is(self) -> None:
        """Shopify pages through 25,000 rows of a query and no further."""
        more = listing(customer(OLD), more=True, cursor="c2")
        far = to_place(0, "", AT, to_place("", "c1", 19999))
        page, _ = self.walk(far, more)
        assert page.more
        assert page.complete
        _, asked = self.walk(page.cursor, listing())
        assert asked["query"] == f"updated_at:>='{AT}'"
        assert asked["after"] is None

    def test_a_count_that_is_not_exact_is_not_given(self) -> None:
        beyond = step({"customersCount": {"count": 10000, "precision": "AT_LEAST"}})
        with wire() as mock:
            register(mock, world.SHOP)
            register(mock, beyond)
            [resource] = adapter().verify().resources
        assert (resource.writable, resource.count) == (True, None)

    @pytest.mark.parametrize(
        "half",
        [
            {},
            {"customers": None},
            {"customers": {"nodes": None, "pageInfo": {"hasNextPage": False}}},
            {"customers": {"nodes": [], "pageInfo": {"hasNextPage": True}}},
        ],
    )
    def test_half_a_page_is_neither_the_end_nor_the_beginning(self, half: Any) -> None:
        with wire() as mock, pytest.raises(TransientError):
            register(mock, FIELDS)
            mock.add("POST", URL, json={"data": half})
            adapter().changes("customers", "")

    def test_cursors_that_are_of_no_use(self) -> None:
        with wire(), pytest.raises(RejectedError) as caught:
            adapter().changes("customers", "c1")
        assert caught.value.reason is Reason.CURSOR_EXPIRED
        stale = Step(
            method="POST", url=URL, answer=failure("", "Invalid cursor for sort")
        )
        with pytest.raises(RejectedError) as caught:
            self.walk(to_place(0, "", AT, to_place("", "c1", 40)), stale)
        assert caught.value.reason is Reason.CURSOR_EXPIRED

    def test_an_erasure_that_is_refused_is_said(self) -> None:
        no = refused("customerRequestDataErasure", ["customerId"], "Does not exist")
        with wire() as mock:
            register(mock, found(OLD))
            register(mock, no)
            receipt = adapter().erase(OLD)
        assert (receipt.ok, receipt.note) == (False, "Does not exist")


class TestSigningIn:
    @pytest.mark.parametrize(
        "shop", ["the-shop", " The-Shop ", "https://the-shop.myshopify.com/admin"]
    )
    def test_the_shop_names_the_host(self, shop: str) -> None:
        assert adapter(shop=shop).home == "https://the-shop.myshopify.com"

    @pytest.mark.parametrize("shop", ["", "evil.example/", "a.b", "x@y", "-x"])
    def test_nothing_else_does(self, shop: str) -> None:
        with wire(), pytest.raises(CredentialsError, match="shop"):
            adapter(shop=shop).verify()

    def test_a_token_of_an_app_of_ones_own(self) -> None:
        own = Shopify({"shop": "x", "admin_token": "shpat_1"})
        assert own.headers() == {"X-Shopify-Access-Token": "shpat_1"}
        assert adapter().headers()["X-Shopify-Access-Token"].startswith("shpca_")


class TestWebhook:
    def hear(self, topic: str, body: object, key: str = SECRETS["app_secret"]) -> Any:
        data = json.dumps(body).encode()
        digest = hmac.new(key.encode(), data, hashlib.sha256).digest()
        headers = {
            "x-shopify-topic": topic,
            "x-shopify-hmac-sha256": base64.b64encode(digest).decode(),
        }
        request = Incoming(method="POST", url="", headers=headers, body=data)
        return adapter().webhook(request)

    def test_what_happened(self) -> None:
        row = {"id": 1, "email": OLD, "first_name": "Ann", "updated_at": AT}
        [change] = self.hear("customers/update", row)
        assert (change.kind, change.status, change.fields) == (
            "upsert",
            "",
            {"firstName": "Ann"},
        )
        consent = {"state": "unsubscribed", "consent_updated_at": AT}
        body = {"email_address": LEFT, "email_marketing_consent": consent}
        [change] = self.hear("customers_email_marketing_consent/update", body)
        assert (change.email, change.kind, change.status) == (
            LEFT,
            "status",
            "unsubscribed",
        )
        assert [c.kind for c in self.hear("customers/delete", row)] == ["delete"]
        assert self.hear("customers/delete", {"id": 1}) == []
        assert self.hear("orders/create", row) == []

    def test_a_signature_of_somebody_else(self) -> None:
        with pytest.raises(CredentialsError):
            self.hear("customers/update", {"email": OLD}, key="another-key")
        with pytest.raises(RejectedError):
            self.hear("customers/update", [])

    def test_without_the_apps_key_the_address_is_the_secret(self) -> None:
        ours = adapter(app_secret="")
        body = json.dumps({"email": OLD}).encode()
        query = {"secret": SECRETS["webhook_secret"]}
        headers = {"x-shopify-topic": "customers/create"}
        good = Incoming(method="POST", url="", headers=headers, query=query, body=body)
        assert [c.email for c in ours.webhook(good)] == [OLD]
        with pytest.raises(CredentialsError):
            ours.webhook(Incoming(method="POST", url="", headers=headers, body=body))
