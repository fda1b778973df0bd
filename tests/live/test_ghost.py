"""Our adapter and a real Ghost, which is not started here: compiling it takes minutes.

GHOST_URL names a running one, such as http://127.0.0.1:2368, and GHOST_ADMIN_KEY the
Admin API key of a custom integration there. It must let anyone sign up, be able to send
mail (any SMTP sink will do) and to reach this machine. Members made here are removed.
"""

from __future__ import annotations

import os
import queue
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from integrations.adapters.base import (
    Contact,
    Incoming,
    Options,
    Outcome,
    OutcomeState,
)
from integrations.adapters.errors import CredentialsError, Reason
from integrations.adapters.ghost import Ghost

URL, KEY = os.environ.get("GHOST_URL", ""), os.environ.get("GHOST_ADMIN_KEY", "")

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        not (URL and KEY),
        reason="no Ghost: GHOST_URL and GHOST_ADMIN_KEY name a running one",
    ),
]


@pytest.fixture
def adapter() -> Ghost:
    secrets = {
        "url": "https://ghost.example.com",
        "admin_key": KEY,
        "webhook_secret": uuid.uuid4().hex,
    }
    return Ghost(secrets, base_url=URL)


@pytest.fixture
def newsletter(adapter: Ghost) -> str:
    return adapter.audiences()[0].id


@pytest.fixture
def who(adapter: Ghost) -> Iterator[str]:
    """The address of somebody new."""
    email = f"ann.o'neil+{uuid.uuid4().hex[:8]}@example.org"
    yield email
    assert adapter.erase(email).ok


def upsert(
    adapter: Ghost, newsletter: str, contact: Contact, options: Options | None = None
) -> Outcome:
    [outcome] = adapter.upsert([contact], newsletter, options or Options())
    return outcome


def status(adapter: Ghost, newsletter: str, email: str) -> str:
    [found] = adapter.subscriptions([email], newsletter)
    return found.status


def test_the_account_and_its_newsletters(adapter: Ghost) -> None:
    reading = adapter.verify()
    assert reading.account_name
    assert all(resource.readable for resource in reading.resources)
    assert all(audience.size is not None for audience in adapter.audiences())


def test_a_wrong_key_is_told(adapter: Ghost) -> None:
    known, _, secret = KEY.partition(":")
    for key in (f"{known[::-1]}:{secret}", f"{known}:{secret[::-1]}"):
        stranger = Ghost({**adapter.secrets, "admin_key": key}, base_url=URL)
        with pytest.raises(CredentialsError):
            stranger.audiences()


def test_once_updated_and_read_back(adapter: Ghost, newsletter: str, who: str) -> None:
    first = Contact(email=who, fields={"name": "Ann"}, tags=("fair",))
    later = Contact(
        email=who.upper(), fields={"name": "Anna", "note": "met"}, tags=("VIP",)
    )
    made = upsert(adapter, newsletter, first)
    assert upsert(adapter, newsletter, later).remote_id == made.remote_id
    assert status(adapter, newsletter, who) == "subscribed"
    changes, cursor, more = [], "", True
    while more:
        page = adapter.changes(newsletter, cursor)
        changes += [c for c in page.changes if c.email.lower() == who.lower()]
        cursor, more = page.cursor, page.more
    [change] = changes
    assert change.fields == {"name": "Anna", "note": "met"}
    assert set(change.tags) == {"fair", "VIP"}
    kept = upsert(adapter, newsletter, first, Options(update_existing=False))
    assert kept.reason is Reason.EXISTING


def test_who_left_stays_away(adapter: Ghost, newsletter: str, who: str) -> None:
    contact = Contact(email=who)
    upsert(adapter, newsletter, contact)
    [gone] = adapter.unsubscribe([who], newsletter)
    assert gone.state is OutcomeState.SYNCED
    assert status(adapter, newsletter, who) == "unsubscribed"
    for options in (Options(), Options(double_opt_in=True)):
        again = upsert(adapter, newsletter, contact, options)
        assert again.reason is Reason.UNSUBSCRIBED
    assert status(adapter, newsletter, who) == "unsubscribed"


def test_who_left_one_newsletter_of_two(
    adapter: Ghost, newsletter: str, who: str
) -> None:
    others = [audience.id for audience in adapter.audiences()[1:]]
    if not others:
        pytest.skip("this Ghost has one newsletter only")
    contact = Contact(email=who)
    upsert(adapter, newsletter, contact)
    assert status(adapter, others[0], who) == "absent"
    assert upsert(adapter, others[0], contact).state is OutcomeState.SYNCED
    adapter.unsubscribe([who], newsletter)
    [here] = adapter.subscriptions([who], newsletter)
    assert here.status == "unsubscribed"
    assert here.changed_at is not None, "told by the member's events"
    assert upsert(adapter, newsletter, contact).reason is Reason.UNSUBSCRIBED
    assert status(adapter, others[0], who) == "subscribed"


def test_refusals(adapter: Ghost, newsletter: str) -> None:
    bad = upsert(adapter, newsletter, Contact(email="no address"))
    assert bad.reason is Reason.ADDRESS_INVALID


def test_asked_and_not_there_before_the_answer(
    adapter: Ghost, newsletter: str, who: str
) -> None:
    contact = Contact(email=who, fields={"name": "Ann"}, tags=("fair",))
    asked = upsert(adapter, newsletter, contact, Options(double_opt_in=True))
    assert asked.state is OutcomeState.AWAITING_OPT_IN, asked.detail
    assert status(adapter, newsletter, who) == "absent"


@pytest.fixture
def posted() -> Iterator[tuple[str, queue.Queue[Incoming]]]:
    """An address here, and what is posted to it."""
    came: queue.Queue[Incoming] = queue.Queue()

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            came.put(Incoming(method="POST", url=self.path, headers=headers, body=body))
            # 410: Ghost drops the webhook, and leaves nothing of ours behind.
            self.send_response(410)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/{uuid.uuid4().hex}", came
        server.shutdown()


def test_a_webhook_is_signed_as_we_think(
    adapter: Ghost,
    newsletter: str,
    who: str,
    posted: tuple[str, queue.Queue[Incoming]],
) -> None:
    url, came = posted
    made = adapter.add_webhook(url, newsletter)
    assert len(set(made["webhook_id"].split(","))) == 3
    upsert(adapter, newsletter, Contact(email=who))
    [change] = adapter.webhook(came.get(timeout=30))
    assert (change.email, change.status) == (who, "subscribed")
    upsert(adapter, newsletter, Contact(email=who, fields={"name": "Ann"}))
    [change] = adapter.webhook(came.get(timeout=30))
    assert change.fields == {"name": "Ann"}
    adapter.erase(who)
    [change] = adapter.webhook(came.get(timeout=30))
    assert (change.kind, change.email) == ("delete", who)
