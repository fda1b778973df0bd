"""What may be shown of what went over the wire."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from integrations.adapters.base import Incoming
from integrations.adapters.errors import AdapterError
from integrations.adapters.http import Answer
from integrations.adapters.mailchimp import Mailchimp
from integrations.adapters.redact import Redactor, mask_addresses

SECRET = "s3cr3t/kéy+with=signs"


class TestWhatIsShown:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("mary@example.com", "m•••@example.com"),
            ('{"email":"mary.q+tag@x.org"}', '{"email":"m•••@x.org"}'),
            ("/find?email=mary%40x.org&n=1", "/find?email=m•••%40x.org&n=1"),
            (r'"jos\u00e9\u0040x.org"', r'"j•••\u0040x.org"'),
            (r'"\u00e9va@x.org"', r'"\u00e9•••@x.org"'),
            ("<a@b.c>, é@ü.de", "<a•••@b.c>, é•••@ü.de"),
            ("a@localhost", "a•••@localhost"),
            ("no address @ all", "no address @ all"),
        ],
    )
    def test_addresses_are_masked(self, text: str, shown: str) -> None:
        assert mask_addresses(text) == shown

    def test_masking_takes_linear_time(self) -> None:
        started = datetime.now(UTC)
        mask_addresses("a" * 200_000)
        mask_addresses("a@" * 100_000)
        assert datetime.now(UTC) - started < timedelta(seconds=5)

    def test_secrets_go_in_every_form_they_travel_in(self) -> None:
        redactor = Redactor([SECRET, "abc", ""])
        for form in (
            SECRET,
            r"s3cr3t\/k\u00e9y+with=signs",
            "s3cr3t%2Fk%C3%A9y%2Bwith%3Dsigns",
            "czNjcjN0L2vDqXkrd2l0aD1zaWducw==",
        ):
            assert redactor.scrub(f"[{form}]").strip("=[]•") == ""
        assert redactor.scrub("abc") == "abc"

    def test_what_is_cut_is_counted(self) -> None:
        redactor = Redactor(["topsecret"])
        assert redactor.body("x" * 2000) == "x" * 2000
        assert redactor.body("x" * 2001) == "x" * 2000 + "… 1 more characters"
        long = redactor.body("x" * 100_000)
        assert long.endswith("x… 98000 more characters")

    @pytest.mark.parametrize("at", [1995, 3_995, 15_995])
    def test_nothing_half_cut_is_shown(self, at: int) -> None:
        text = "." * (at - 1) + " topsecret " + "y" * at + " mary.jones@x.org"
        shown = Redactor(["topsecret"]).body(text)
        assert "tops" not in shown
        text = "." * (at - 1) + " mary.jones@x.org " + "y" * at
        assert "mary" not in Redactor([]).body(text)

    def test_what_no_database_stores_is_replaced(self) -> None:
        redactor = Redactor(["topsecret"])
        text = "a\x00b\ud800c\udfff \U0001f600"
        assert redactor.scrub(text) == "a\ufffdb\ufffdc\ufffd \U0001f600"
        assert redactor.body(text) == "a\ufffdb\ufffdc\ufffd \U0001f600"
        assert AdapterError(text).detail == "a\ufffdb\ufffdc\ufffd \U0001f600"

    @pytest.mark.parametrize(
        "body", [rb'{"a\u0000": ["\ud83d", {"b": "\udc00"}]}', b'["\xed\xa0\x80"]']
    )
    def test_a_parsed_answer_can_be_stored(self, body: bytes) -> None:
        parsed = Answer(status=200, headers={}, body=body).json()
        text = json.dumps(parsed, ensure_ascii=False)
        assert text.encode() and "\\u0000" not in text
        assert "\ufffd" in text

    def test_an_answer_nested_without_end_is_not_json(self) -> None:
        with pytest.raises(ValueError, match="nested"):
            Answer(status=200, headers={}, body=b"[" * 100_000).json()

    def test_a_webhook_can_be_stored(self) -> None:
        body = b"type=subscribe&data[email]=a%00@x.org&data[merges][FNAME]=M%00"
        query = {"secret": SECRET}
        posted = Incoming(
            method="POST", url="https://x.example", query=query, body=body
        )
        ours = Mailchimp({"api_key": "0123456789-us6", "webhook_secret": SECRET})
        [change] = ours.webhook(posted)
        assert change.email == "a\ufffd@x.org"
        assert change.fields == {"FNAME": "M\ufffd"}
