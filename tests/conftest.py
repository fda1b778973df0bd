"""The world of every test: alice owns acme, bob and vera work there, charlie is a
stranger who owns another account."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from contacts.consents import ip_policies
from contactsync.api import keys
from contactsync.api.limits import limiter
from contactsync.tenancy.models import Account, Membership, Role, User
from contactsync.tenancy.services import IssuedKey, account_create, api_key_issue
from displays.intake import live_displays
from displays.models import Display
from displays.services import display_create
from hygiene import mail_hosts
from hygiene.policies import policies
from integrations.models import LinkedAccount
from integrations.services import linked_account_create

MEETING = ("django_db", "pg", "redis", "faults", "live")
DATABASE = {"db", "transactional_db", "live_server"}
PASSWORD = "correct horse battery"
resolve = socket.getaddrinfo


def resolve_here(host: Any, *args: Any, **kwargs: Any) -> Any:
    """Nothing leaves the machine: no name but its own is found."""
    name = host.decode() if isinstance(host, bytes) else host
    try:
        own = name in (None, "", "localhost") or ipaddress.ip_address(name).is_loopback
    except ValueError:
        own = name == socket.gethostname()
    if not own:
        raise socket.gaierror(socket.EAI_NONAME, f"tests look up no {name}")
    return resolve(host, *args, **kwargs)


socket.getaddrinfo = resolve_here


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--meets-database",
        action="store_true",
        help="leave out tests that may not ask the data base: it is all one to them",
    )


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    if config.getoption("--meets-database"):
        others = [item for item in items if not meets_database(item)]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if meets_database(item)]


def meets_database(item: pytest.Item) -> bool:
    """pytest-django lets nobody else ask it; the marked ones start servers or are
    started with them."""
    fixtures = getattr(item, "fixturenames", ())
    return any(item.get_closest_marker(name) for name in MEETING) or not (
        DATABASE.isdisjoint(fixtures)
    )


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    """What a process remembers between requests starts empty."""
    cache.clear()
    keys.cache.clear()
    limiter.reset()
    live_displays.clear()
    policies.clear()
    ip_policies.clear()
    mail_hosts.memory.clear()
    yield


def person(email: str, name: str) -> User:
    return User.objects.create_user(email, PASSWORD, name=name)


@pytest.fixture
def alice(db: None) -> User:
    return person("alice@acme.test", "Alice Adams")


@pytest.fixture
def acme(alice: User) -> Account:
    return account_create(name="Acme Outdoor", owner=alice)


@pytest.fixture
def bob(acme: Account) -> User:
    user = person("bob@acme.test", "Bob Brown")
    Membership.objects.create(account=acme, user=user, role=Role.MARKETER)
    return user


@pytest.fixture
def vera(acme: Account) -> User:
    user = person("vera@acme.test", "Vera Vogt")
    Membership.objects.create(account=acme, user=user, role=Role.VIEWER)
    return user


@pytest.fixture
def charlie(db: None) -> User:
    return person("charlie@other.test", "Charlie Clark")


@pytest.fixture
def other(charlie: User) -> Account:
    return account_create(name="Other Store", owner=charlie)


@pytest.fixture
def client_of() -> Callable[[User], Client]:
    def make(user: User) -> Client:
        client = Client()
        client.force_login(
            user, backend="allauth.account.auth_backends.AuthenticationBackend"
        )
        return client

    return make


@pytest.fixture
def display(acme: Account) -> Display:
    return display_create(
        account=acme, name="Spring welcome popup", kind="popup", status="live"
    )


@pytest.fixture
def linked(acme: Account, alice: User) -> LinkedAccount:
    return linked_account_create(
        account=acme,
        provider="mailchimp",
        label="Acme Store",
        credentials={"api_key": "0123456789abcdef0123456789abcdef-us21"},
        by=alice,
    )


@pytest.fixture
def secret_key(acme: Account) -> IssuedKey:
    return api_key_issue(account=acme, kind="sk", name="server")


@pytest.fixture
def publishable_key(acme: Account) -> IssuedKey:
    return api_key_issue(
        account=acme, kind="pk", name="site", origins=["https://shop.acme.test"]
    )
