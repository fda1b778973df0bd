"""Our adapter and a real GNU Mailman: asked, mail caught, confirmed, read back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
import requests

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import CredentialsError, Reason, TargetError
from integrations.adapters.mailman import Mailman
from tests.live import servers

pytestmark = pytest.mark.live

NEWS, OPEN, GUARDED = (f"{name}.example.com" for name in ("news", "open", "guarded"))
ASK = Options(double_opt_in=True)


@pytest.fixture(scope="module")
def server() -> Iterator[servers.Mailman]:
    with servers.mailman() as running:
        post(running, "domains", mail_host="example.com")
        for name, policy in (
            ("news", "confirm"),
            ("open", "open"),
            ("guarded", "moderate"),
        ):
            post(running, "lists", fqdn_listname=f"{name}@example.com")
            change(
                running, f"lists/{name}.example.com/config", subscription_policy=policy
            )
        yield running


@pytest.fixture
def adapter(server: servers.Mailman) -> Mailman:
    secrets = {
        "url": "https://lists.example.com",
        "username": servers.USER,
        "password": servers.PASSWORD,
    }
    return Mailman(secrets, base_url=server.url)


def post(server: servers.Mailman, path: str, **form: str) -> None:
    ask(server, "POST", path, **form)


def change(server: servers.Mailman, path: str, **form: str) -> None:
    ask(server, "PATCH", path, **form)


def ask(server: servers.Mailman, method: str, path: str, **form: str) -> None:
    """What the owner of the list does."""
    answer = requests.request(
        method,
        f"{server.url}/3.1/{path}",
        data=form,
        auth=(servers.USER, servers.PASSWORD),
        timeout=30,
    )
    assert answer.ok, answer.text


def eventually(check: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not check() and time.monotonic() < deadline:
        time.sleep(0.2)
    return check()


def status(adapter: Mailman, email: str, audience: str = NEWS) -> str:
    [found] = adapter.subscriptions([email], audience)
    return found.status


def upsert(adapter: Mailman, email: str, audience: str, options: Options) -> object:
    contact = Contact(email=email, fields={"display_name": "Ann Example"})
    [outcome] = adapter.upsert([contact], audience, options)
    return outcome


def test_the_account_and_its_lists(adapter: Mailman) -> None:
    assert "Mailman 3.3" in adapter.verify().account_name
    lists = {item.id: item.double_opt_in for item in adapter.audiences()}
    assert lists == {NEWS: True, OPEN: False, GUARDED: False}


def test_double_opt_in_to_its_end(server: servers.Mailman, adapter: Mailman) -> None:
    who = "ann@example.org"
    assert upsert(adapter, who, NEWS, ASK).state is OutcomeState.AWAITING_OPT_IN
    assert upsert(adapter, who, NEWS, ASK).state is OutcomeState.AWAITING_OPT_IN
    assert status(adapter, who) == "pending"
    mail = server.mail_to(who, "Your confirmation is needed")
    assert len(server.mails(who)) == 1, "asked once"
    server.reply(mail, who)
    assert eventually(lambda: status(adapter, who) == "subscribed")
    assert upsert(adapter, who, NEWS, ASK).state is OutcomeState.SYNCED
    assert [change.email for change in adapter.changes(NEWS, "").changes] == [who]


def test_without_asking_once_and_renamed(adapter: Mailman) -> None:
    contact = Contact(email="bob@example.org", fields={"display_name": "Bob"})
    later = Contact(email="Bob@example.org", fields={"display_name": "Robert"})
    outcomes = adapter.upsert([contact, later], OPEN, Options())
    assert [o.state for o in outcomes] == [OutcomeState.SYNCED] * 2
    [change] = adapter.changes(OPEN, "").changes
    assert change.fields == {"display_name": "Robert"}
    kept = adapter.upsert([contact], OPEN, Options(update_existing=False))
    assert kept[0].reason is Reason.EXISTING
    [gone] = adapter.unsubscribe(["bob@example.org"], OPEN)
    assert gone.state is OutcomeState.SYNCED
    assert status(adapter, "bob@example.org", OPEN) == "absent"


def test_a_moderated_list_waits_for_its_owner(adapter: Mailman) -> None:
    outcome = upsert(adapter, "cat@example.org", GUARDED, Options())
    assert outcome.state is OutcomeState.AWAITING_OPT_IN
    assert "moderator" in outcome.detail
    assert status(adapter, "cat@example.org", GUARDED) == "pending"


def test_who_bounced_or_is_banned_stays_away(
    server: servers.Mailman, adapter: Mailman
) -> None:
    who = "dan@example.org"
    member = upsert(adapter, who, OPEN, Options())
    [found] = adapter.subscriptions([who], OPEN)
    assert member.state is OutcomeState.SYNCED
    change(
        server, f"members/{found.remote_id}/preferences", delivery_status="by_bounces"
    )
    assert upsert(adapter, who, OPEN, Options()).reason is Reason.BOUNCED
    assert status(adapter, who, OPEN) == "bounced"
    post(server, f"lists/{OPEN}/bans", email="eve@example.org")
    assert upsert(adapter, "eve@example.org", OPEN, Options()).reason is (
        Reason.COMPLIANCE
    )


def test_refusals(server: servers.Mailman, adapter: Mailman) -> None:
    bad = upsert(adapter, "no address", OPEN, Options())
    assert bad.reason is Reason.ADDRESS_INVALID
    with pytest.raises(TargetError):
        upsert(adapter, "fay@example.org", "gone.example.com", Options())
    with pytest.raises(TargetError):
        adapter.changes("gone.example.com", "")
    stranger = Mailman({**adapter.secrets, "password": "wrong"}, base_url=server.url)
    with pytest.raises(CredentialsError):
        stranger.verify()


def test_erased_for_good(adapter: Mailman) -> None:
    upsert(adapter, "gus@example.org", OPEN, Options())
    assert adapter.erase("gus@example.org").ok
    assert status(adapter, "gus@example.org", OPEN) == "absent"
    assert "did not hold" in adapter.erase("gus@example.org").note
