"""Webhooks are called the way Mailchimp calls them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest

from integrations.sandbox.posts import is_loopback
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.sandbox.helpers import (
    NEWSLETTER,
    PENDING,
    SUBSCRIBED,
    VIP,
    Api,
    member_path,
    soon,
)

ALL = dict.fromkeys(
    ("subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign"), True
)
EVERYONE = {"user": True, "admin": True, "api": True}


class Receiver:
    """A product that listens for webhooks."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                form = dict(
                    parse_qsl(self.rfile.read(length).decode(), keep_blank_values=True)
                )
                kind = self.headers.get("Content-Type", "")
                receiver.got.append((self.command, form, kind))
                self.send_response(404 if self.path == "/gone" else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST = _answer

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?secret=s"

    def posts(self, number: int) -> list[dict[str, str]]:
        """The first `number` calls, waited for."""

        def found() -> list[dict[str, str]]:
            return [form for method, form, _ in self.got if method == "POST"]

        return soon(lambda: len(found()) >= number and found())  # type: ignore[no-any-return]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(
        target=receiver.server.serve_forever, kwargs={"poll_interval": 0.02}
    )
    thread.start()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()
    thread.join()


def register(api: Api, url: str, audience: str = NEWSLETTER, **body: Any) -> Any:
    body = {"events": ALL, "sources": EVERYONE, **body}
    return api("POST", f"/lists/{audience}/webhooks", {"url": url, **body})


def called(sandbox: RunningSandbox, receiver: Receiver) -> list[Any]:
    """The sandbox's record of its calls to this receiver, which it writes last; one of
    the test before may still come."""
    rows = sandbox.control("GET", "mailchimp/webhooks")["deliveries"]
    return [row for row in rows if row["url"] == receiver.url]


def test_the_url_is_tried_first(api: Api, receiver: Receiver) -> None:
    made = register(api, receiver.url)
    assert made.status_code == 200
    assert receiver.got[0][0] == "GET"
    gone = register(api, receiver.url.replace("/hook", "/gone").partition("?")[0])
    assert gone.json()["errors"][0]["field"] == "url"
    assert register(api, receiver.url).status_code == 400
    path = f"/lists/{NEWSLETTER}/webhooks"
    listed = api("GET", path).json()
    assert [hook["url"] for hook in listed["webhooks"]] == [receiver.url]
    assert api("DELETE", f"{path}/{made.json()['id']}").status_code == 204
    assert api("GET", path).json()["total_items"] == 0


def test_a_life_in_webhooks(
    api: Api, sandbox: RunningSandbox, receiver: Receiver
) -> None:
    register(api, receiver.url)
    email = "new@shop.example"
    api.put(email, merge_fields={"FNAME": "Né"})
    api.put(email, merge_fields={"LNAME": "W"})
    sandbox.control("POST", "mailchimp/unsubscribe", {"email": email})
    sandbox.control("POST", "mailchimp/clean", {"email": SUBSCRIBED})
    first, second, third, fourth = receiver.posts(4)
    assert receiver.got[-1][2] == "application/x-www-form-urlencoded"
    assert first["type"] == "subscribe"
    assert first["data[email]"] == first["data[merges][EMAIL]"] == email
    assert first["data[list_id]"] == NEWSLETTER
    assert first["data[merges][FNAME]"] == "Né"
    assert time.strptime(first["fired_at"], "%Y-%m-%d %H:%M:%S")
    member = api("GET", member_path(email)).json()
    assert first["data[id]"] == member["unique_email_id"]
    assert (second["type"], second["data[merges][LNAME]"]) == ("profile", "W")
    assert (third["type"], third["data[action]"]) == ("unsubscribe", "unsub")
    assert third["data[reason]"] == "manual"
    assert (fourth["type"], fourth["data[reason]"]) == ("cleaned", "hard")
    assert fourth["data[email]"] == SUBSCRIBED
    soon(lambda: len(called(sandbox, receiver)) == 4)
    assert [row["status"] for row in called(sandbox, receiver)] == [200] * 4


def test_pending_is_not_subscribed_until_confirmed(
    api: Api, sandbox: RunningSandbox, receiver: Receiver
) -> None:
    register(api, receiver.url, VIP)
    api.put("new@shop.example", VIP, status_if_new="pending")
    sandbox.control("POST", "mailchimp/confirm", {"email": PENDING})
    assert [form["data[email]"] for form in receiver.posts(1)] == [PENDING]


def test_sources_and_events_filter(
    api: Api, sandbox: RunningSandbox, receiver: Receiver
) -> None:
    register(api, receiver.url, events={"unsubscribe": True}, sources={"user": True})
    api.put("new@shop.example")
    api.put("new@shop.example", status="unsubscribed")
    body = {"email": "barbara.liskov@types.example", "by": "admin"}
    sandbox.control("POST", "mailchimp/unsubscribe", body)
    sandbox.control("POST", "mailchimp/unsubscribe", {"email": SUBSCRIBED})
    (only,) = receiver.posts(1)
    assert only["data[email]"] == SUBSCRIBED


def test_the_world_is_never_called(
    api: Api, sandbox: RunningSandbox, receiver: Receiver
) -> None:
    """Calls are made in order, so one to the world would come before ours."""
    world = "https://hooks.example.com/in"
    assert register(api, world).status_code == 200
    register(api, receiver.url)
    api.put("new@shop.example")
    soon(lambda: called(sandbox, receiver))
    rows = sandbox.control("GET", "mailchimp/webhooks")["deliveries"]
    assert world not in {row["url"] for row in rows}


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:8000/x", True),
        ("http://localhost/x", True),
        ("http://[::1]:8000/", True),
        ("http://127.0.0.1.example.com/", False),
        ("http://10.0.0.1/", False),
        ("http://169.254.169.254/", False),
        ("file:///etc/passwd", False),
    ],
)
def test_what_loopback_is(url: str, loopback: bool) -> None:
    assert is_loopback(url) is loopback
