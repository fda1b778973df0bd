"""The Klaviyo adapter: what every adapter does, and what is peculiar to Klaviyo."""

from __future__ import annotations

import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.adapters.base import (
    Incoming,
    OutcomeState,
)
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    TransientError,
)
from integrations.adapters.klaviyo import Klaviyo
from tests.integrations.adapters import klaviyo_world as world
from tests.integrations.adapters.klaviyo_world import (
    IMPORTS,
    LEFT,
    LIST,
    MEMBERS,
    NEVER,
    NEW,
    OLD,
    OTHER,
    PROFILES,
    adapter,
    get,
    marketing,
    one_list,
    page,
    playing,
    post,
    profile,
    query,
    sent,
)
from tests.integrations.conformance import (
    AdapterConformance,
    Refusal,
    wire,
)

SUBMITTED, REJECTED = OutcomeState.SUBMITTED, OutcomeState.REJECTED
SYNCED, AWAITING = OutcomeState.SYNCED, OutcomeState.AWAITING_OPT_IN
JOB = f"{IMPORTS}/job1"


class TestKlaviyo(AdapterConformance):
    odd_answers = True
    adapter = Klaviyo
    secrets = world.SECRETS
    operations = world.OPERATIONS
    batch = world.PEOPLE
    batch_outcomes = (SUBMITTED, SUBMITTED, REJECTED)
    batch_operation = "upsert of several"
    unauthorized = world.UNAUTHORIZED
    forbidden = world.FORBIDDEN
    missing = world.MISSING
    refused = world.REFUSED
    peculiar = (Refusal(status=400, body=world.BAD_KEY, error=CredentialsError),)
    leavers = world.LEAVERS
    public_words = frozenset(
        {"Klaviyo-API-Key", "application/vnd.api+json", "2026-07-15"}
    )


class TestHeaders:
    def test_key_or_token_with_the_revision(self) -> None:
        by_key = adapter(api_key=" pk_0123456789 ").headers()
        assert by_key["Authorization"] == "Klaviyo-API-Key pk_0123456789"
        assert by_key["revision"] == "2026-07-15"
        both = adapter(api_key="pk_0123456789", access_token="tok").headers()
        assert both["Authorization"] == "Bearer tok"

    def test_json_api_is_sent(self) -> None:
        with playing(post(f"{world.API}/data-privacy-deletion-jobs")) as mock:
            adapter(api_key="pk_0123456789").erase(OLD)
            headers = mock.calls[0].request.headers
        assert headers["Content-Type"] == "application/vnd.api+json"

    def test_without_credentials_nothing_is_sent(self) -> None:
        with playing() as mock, pytest.raises(CredentialsError):
            adapter(api_key=" ").audiences()
        assert len(mock.calls) == 0


class TestReading:
    def test_verify_tells_what_the_key_may_not_read(self) -> None:
        first, second, third = world.READING[0].steps
        forbidden = replace(first, status=403, answer=world.FORBIDDEN)
        with playing(forbidden, second, third):
            reading = adapter().verify()
        assert [(r.name, r.readable) for r in reading.resources] == [
            ("account", False),
            ("lists", True),
            ("profiles", True),
        ]
        with playing(first, second, third):
            reading = adapter().verify()
        assert (reading.identity, reading.account_name) == (
            "owner@shop.example",
            "A Shop",
        )

    def test_a_page_of_the_firewall_does_not_hold_the_account(self) -> None:
        with wire() as mock, pytest.raises(TransientError, match="firewall"):
            mock.add("GET", f"{world.API}/lists", status=403, body="<html>Wait</html>")
            adapter().audiences()

    def test_an_error_of_another_shape(self) -> None:
        step = get(
            f"{world.API}/lists", {"errors": ["No."], "detail": "Odd."}, status=400
        )
        with playing(step), pytest.raises(RejectedError, match="Odd."):
            adapter().audiences()

    def test_audiences_of_all_pages_with_their_opt_in(self) -> None:
        with playing(*world.READING[1].steps) as mock:
            found = adapter().audiences()
            assert query(mock)["page[cursor]"] == "c2"
        assert [(a.id, a.double_opt_in) for a in found] == [("a1", False), ("a2", True)]

    def test_fields_are_fixed_or_found_with_the_members(self) -> None:
        rows = [
            profile(
                OLD, properties={"Size": "S", "Day": "2026-01-02", "N": 1, "$x": 1}
            ),
            profile(NEW, properties={"Size": ["S"], "VIP": True, "": "", "N": 2.5}),
        ]
        with playing(get(MEMBERS, page(*rows))):
            found = {field.id: field.type for field in adapter().fields("a1")}
        assert found["phone_number"] == "phone"
        custom = {name: kind for name, kind in found.items() if name[:1].isupper()}
        assert custom == {
            "Size": "text",
            "Day": "date",
            "N": "number",
            "VIP": "boolean",
        }
        assert "$x" not in found

    @pytest.mark.parametrize(
        ("state", "on_list", "double", "status"),
        [
            (marketing(), True, False, "subscribed"),
            (marketing(), False, False, "absent"),
            (marketing(), False, True, "unknown"),
            (NEVER, False, True, "unknown"),
            (NEVER, True, False, "unknown"),
            (marketing("UNSUBSCRIBED"), True, False, "unsubscribed"),
            (marketing("SUBSCRIBED", "HARD_BOUNCE"), True, False, "bounced"),
            (marketing("SUBSCRIBED", "INVALID_EMAIL"), True, False, "bounced"),
            (
                marketing("UNSUBSCRIBED", "UNSUBSCRIBE", "SPAM_COMPLAINT"),
                False,
                True,
                "complained",
            ),
            (marketing("SUBSCRIBED", "BRAND_NEW"), True, False, "unsubscribed"),
        ],
    )
    def test_standing(
        self, state: Any, on_list: bool, double: bool, status: str
    ) -> None:
        how = {"process": "double_opt_in"} if double else {}
        row = profile(OLD, state)
        steps = [get(MEMBERS, page(row) if on_list else page())]
        if not on_list:
            steps.append(get(PROFILES, page(row)))
        if not on_list and status in ("absent", "unknown"):
            steps.append(get(LIST, {"data": one_list(**how)}))
        with playing(*steps):
            [found] = adapter().subscriptions([OLD.upper()], "a1")
        assert (found.email, found.status) == (OLD.upper(), status)
        assert found.remote_id == world.pid(OLD)

    def test_both_spellings_are_asked_for(self) -> None:
        with playing(get(MEMBERS, page(profile(OLD)))) as mock:
            adapter().subscriptions(["Old@X.org"], "a1")
            assert query(mock)["filter"] == 'any(email,["Old@X.org", "old@x.org"])'

    def test_leaving_another_list_is_not_leaving_this_one(self) -> None:
        state = marketing(
            list_suppressions=[
                {"list_id": "a2", "reason": "UNSUBSCRIBE", "timestamp": world.STAMP}
            ]
        )
        with playing(get(MEMBERS, page(profile(OLD, state)))):
            [found] = adapter().subscriptions([OLD], "a1")
        assert found.status == "subscribed"

    def test_all_pages_of_a_look_up_are_read(self) -> None:
        steps = (
            get(MEMBERS, page(profile(OLD), cursor="c2")),
            get(MEMBERS, page(profile(LEFT, marketing("UNSUBSCRIBED")))),
        )
        with playing(*steps) as mock:
            found = adapter().subscriptions([OLD, LEFT], "a1")
            assert query(mock)["page[cursor]"] == "c2"
        assert [item.status for item in found] == ["subscribed", "unsubscribed"]

    @pytest.mark.parametrize("turn", [1, -1])
    def test_of_two_spellings_the_one_that_left_counts(self, turn: int) -> None:
        rows = [profile(OLD), profile(OLD.upper(), marketing("UNSUBSCRIBED"))]
        with playing(get(MEMBERS, page(*rows[::turn]))):
            [found] = adapter().subscriptions([OLD], "a1")
        assert found.status == "unsubscribed"

    @pytest.mark.parametrize("turn", [1, -1])
    def test_who_left_only_this_list_counts_as_well(self, turn: int) -> None:
        entry = {"list_id": "a1", "reason": "UNSUBSCRIBE", "timestamp": world.STAMP}
        gone = marketing(list_suppressions=[entry])
        rows = [profile(OLD, NEVER), profile(OLD.upper(), gone)]
        with playing(get(MEMBERS, page()), get(PROFILES, page(*rows[::turn]))):
            [found] = adapter().subscriptions([OLD], "a1")
        assert found.status == "unsubscribed"

    def test_a_profile_without_its_subscriptions_tells_nothing(self) -> None:
        row = profile(OLD)
        del row["attributes"]["subscriptions"]
        with playing(get(MEMBERS, page(row))), pytest.raises(TransientError):
            adapter().subscriptions([OLD], "a1")

    def test_addresses_are_asked_for_by_the_page(self) -> None:
        people = [f"p{n}@x.org" for n in range(101)]
        steps = [
            get(MEMBERS, page(*(profile(email) for email in people[:100]))),
            get(MEMBERS, page(profile(people[100]))),
        ]
        with playing(*steps) as mock:
            found = adapter().subscriptions(people, "a1")
            assert query(mock)["filter"] == 'any(email,["p100@x.org"])'
        assert {item.status for item in found} == {"subscribed"}


class TestChanges:
    def test_a_round_from_the_beginning_to_the_next(self) -> None:
        cursor, seen = "", []
        steps = (
            get(MEMBERS, page(profile(OLD), cursor="c2")),
            get(MEMBERS, page(profile(NEW))),
        )
        with playing(*steps) as mock:
            for _ in steps:
                found = adapter().changes("a1", cursor)
                seen.append((found.changes[0].email, found.complete, found.more))
                cursor = found.cursor
            assert query(mock)["page[cursor]"] == "c2"
        assert seen == [(OLD, True, True), (NEW, True, False)]
        with playing(
            *(get(url, page()) for url in (PROFILES, PROFILES, PROFILES, MEMBERS))
        ) as mock:
            rounds = []
            for _ in range(4):
                found = adapter().changes("a1", cursor)
                rounds.append((found.complete, found.more))
                cursor = found.cursor
            filters = [query(mock, n)["filter"] for n in range(4)]
        assert rounds == [(False, True)] * 3 + [(False, False)]
        [since] = {text.rpartition(",")[2] for text in filters}
        began = datetime.fromisoformat(since.strip(")"))
        assert timedelta(minutes=15) <= datetime.now(UTC) - began < timedelta(hours=1)

    def test_who_is_not_on_the_list_is_told_only_when_they_left(self) -> None:
        rows = page(profile(OLD), profile(OTHER), world.UNSUBSCRIBED)
        cursor = '[0, "2026-08-01T10:00:00Z", "", ""]'
        with playing(get(PROFILES, rows), get(MEMBERS, page(profile(OLD)))):
            found = adapter().changes("a1", cursor)
        assert [(c.email, c.kind, c.status) for c in found.changes] == [
            (OLD, "upsert", "subscribed"),
            (LEFT, "status", "unsubscribed"),
        ]
        assert found.changes[0].fields == {
            "first_name": "Mary",
            "location.city": "Rome",
            "Size": "S",
        }

    @pytest.mark.parametrize(
        "cursor", ["{", "[1]", '[9, "", "", ""]', '[0, "x", "", ""]']
    )
    def test_a_foreign_cursor(self, cursor: str) -> None:
        with playing(), pytest.raises(RejectedError) as caught:
            adapter().changes("a1", cursor)
        assert caught.value.reason is Reason.CURSOR_EXPIRED

    def test_a_page_that_is_gone(self) -> None:
        step = get(
            MEMBERS, world.problem(400, "invalid", "Invalid cursor."), status=400
        )
        with playing(step), pytest.raises(RejectedError) as caught:
            adapter().changes("a1", '[0, "", "2026-08-01T10:00:00Z", "old"]')
        assert caught.value.reason is Reason.CURSOR_EXPIRED


class TestWebhook:
    AT = "Tue, 14 Apr 2026 03:50:12 GMT"

    def incoming(self, events: Any, *, key: str = "w" * 20, **headers: str) -> Incoming:
        meta = {"klaviyo_webhook_id": "w1", "klaviyo_account_id": "WBhXHN"}
        body = json.dumps({"data": events, "meta": meta}).encode()
        digest = hmac.new(key.encode(), body + self.AT.encode(), "sha256").hexdigest()
        signed = {
            "klaviyo-signature": digest,
            "klaviyo-timestamp": self.AT,
            "klaviyo-webhook-id": "w1",
        }
        return Incoming(
            method="POST",
            url="https://us.example/hook",
            headers={**signed, **{k.replace("_", "-"): v for k, v in headers.items()}},
            body=body,
        )

    def event(self, topic: str, **facts: Any) -> Any:
        attributes = {"timestamp": 1776118606, "event_properties": facts}
        return {
            "topic": f"event:klaviyo.{topic}",
            "external_id": "e1",
            "payload": {"data": {"type": "event", "attributes": attributes}},
        }

    def test_what_it_tells(self) -> None:
        included = self.event("marked_email_as_spam")
        included["payload"]["included"] = [profile(LEFT)]
        request = self.incoming(
            [
                self.event("unsubscribed_from_email_marketing", email_address=OLD),
                included,
                self.event("bounced_email", email=OLD, **{"Bounce Type": "Soft"}),
                self.event("bounced_email", email=NEW, **{"Bounce Type": "Hard"}),
                self.event("opened_email", email=NEW),
                self.event("subscribed_to_email_marketing"),
            ]
        )
        changes = adapter().webhook(request)
        assert [(c.email, c.status) for c in changes] == [
            (OLD, "unsubscribed"),
            (LEFT, "complained"),
            (NEW, "bounced"),
        ]
        assert changes[0].at == datetime(2026, 4, 13, 22, 16, 46, tzinfo=UTC)

    @pytest.mark.parametrize(
        "forged",
        [
            {"key": "another secret"},
            {"klaviyo_signature": ""},
            {"klaviyo_timestamp": "Tue, 14 Apr 2026 03:50:13 GMT"},
            {"klaviyo_webhook_id": "w2"},
        ],
    )
    def test_forged(self, forged: dict[str, str]) -> None:
        with pytest.raises(CredentialsError):
            adapter().webhook(self.incoming([], **forged))

    def test_without_a_secret_nothing_is_believed(self) -> None:
        with pytest.raises(CredentialsError):
            adapter(access_token="t").webhook(self.incoming([], key=""))

    def test_no_webhook_at_all(self) -> None:
        with pytest.raises(RejectedError):
            adapter().webhook(self.incoming({"no": "list"}))

    def test_adding_one(self) -> None:
        [operation] = [o for o in world.OPERATIONS if o.name == "add_webhook"]
        with playing(*operation.steps) as mock:
            kept = adapter().add_webhook("https://us.example/hook", "a1")
            attributes = sent(mock)["data"]["attributes"]
        assert kept == {"webhook_id": "w1"}
        assert attributes["secret_key"] == "w" * 20
