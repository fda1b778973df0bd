"""The wall between tenants: every URL is in a table here, and meets every attacker.

A new tenant page or API route fails the suite until it has its line. Browser pages
meet nobody, a stranger, a member who asks for a stranger's things, and members whose
role is too low; API routes meet no key, a key of a web page, and a stranger's key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from contactsync.tenancy.models import Account, Membership, Role, User
from contactsync.tenancy.services import IssuedKey
from tests.contactsync.api.client import Api
from tests.contactsync.things import Things, things_of
from tests.contactsync.wall_table import (
    ADMIN,
    ASKED,
    MARKETER,
    OPEN,
    PAGES,
    ROUTES,
    SINGLE,
    VIEWER,
    WRITES,
)

pytestmark = pytest.mark.django_db

TENANT = "a/<slug:account>/"
API_V1 = "api/v1/"
NOBODY_LISTENS = "http://127.0.0.1:9"


def walk(patterns: Any, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        route = f"{before}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from walk(pattern.url_patterns, route)
        else:
            yield route, pattern


def named() -> list[tuple[str, URLPattern]]:
    return [
        (route, pattern)
        for route, pattern in walk(get_resolver().url_patterns)
        if not route.startswith("accounts/")
    ]


def test_every_url_has_its_line() -> None:
    found = {"pages": set[str](), "routes": set[str](), "open": set[str]()}
    for route, pattern in named():
        name = pattern.name or route
        if route.startswith(TENANT):
            found["pages"].add(name)
        elif route.startswith(API_V1) and name not in OPEN:
            found["routes"].add(name)
        else:
            found["open"].add(name)
    assert found["pages"] == set(PAGES)
    assert found["routes"] == set(ROUTES)
    assert found["open"] == OPEN


def test_every_page_is_behind_requires() -> None:
    for route, pattern in named():
        if route.startswith(TENANT):
            role = getattr(pattern.callback, "required_role", None)
            assert role == PAGES[str(pattern.name)].role, pattern.name


def test_every_route_answers_these_methods_only() -> None:
    for route, pattern in named():
        if route.startswith(API_V1) and pattern.name not in OPEN:
            view = pattern.callback.view_class  # type: ignore[attr-defined]
            methods = {m.upper() for m in view.http_method_names if hasattr(view, m)}
            assert methods == set(ROUTES[str(pattern.name)].methods), pattern.name


@pytest.fixture(autouse=True)
def no_provider(settings: Any) -> None:
    """Whatever calls a provider meets a closed door at once."""
    settings.PROVIDER_URLS = {"mailchimp": NOBODY_LISTENS}


@pytest.fixture
def ours(acme: Account, alice: User, bob: User, vera: User) -> Things:
    return things_of(acme, alice)


@pytest.fixture
def theirs(other: Account, charlie: User) -> Things:
    return things_of(other, charlie)


@pytest.fixture
def adam(acme: Account) -> User:
    """An admin of acme who is not its owner."""
    user = User.objects.create_user("adam@acme.test", "x" * 12, name="Adam")
    Membership.objects.create(account=acme, user=user, role=Role.ADMIN)
    return user


def address(name: str, account: Account, arguments: dict[str, Any]) -> str:
    return reverse(name, kwargs={"account": account.slug, **arguments})


def swapped(
    mine: Things, strangers: Things, things: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """The arguments with one thing at a time taken from the stranger, then all."""
    own, foreign = mine.arguments(things), strangers.arguments(things)
    for argument, name in things.items():
        if name not in ("provider", "language"):  # those are nobody's
            yield {**own, argument: foreign[argument]}
    if len(things) > 1:
        yield foreign


ClientOf = Callable[[User], Client]
pages = pytest.mark.parametrize("name", PAGES)
routes = pytest.mark.parametrize("name", ROUTES)


@pages
def test_nobody_is_led_to_the_log_in(name: str, ours: Things) -> None:
    page = PAGES[name]
    url = address(name, ours.account, ours.arguments(page.things))
    answer = Client().generic(page.method, url)
    assert answer.status_code == 302
    assert answer["Location"] == f"{reverse('account_login')}?next={quote(url)}"


@pages
def test_a_stranger_finds_nothing(
    name: str, ours: Things, charlie: User, client_of: ClientOf
) -> None:
    page = PAGES[name]
    url = address(name, ours.account, ours.arguments(page.things))
    assert client_of(charlie).generic(page.method, url).status_code == 404


@pages
def test_a_member_does_not_find_a_stranger_s_things(
    name: str, ours: Things, theirs: Things, alice: User, client_of: ClientOf
) -> None:
    page = PAGES[name]
    client = client_of(alice)
    for arguments in swapped(ours, theirs, page.things):
        url = address(name, ours.account, arguments)
        methods = {page.method, "POST"} if name in WRITES else {page.method}
        for method in sorted(methods):
            assert client.generic(method, url).status_code == 404, url


@pages
def test_too_low_a_role_is_refused_and_the_right_one_is_not(
    name: str,
    ours: Things,
    alice: User,
    adam: User,
    bob: User,
    vera: User,
    client_of: ClientOf,
) -> None:
    page = PAGES[name]
    url = address(name, ours.account, ours.arguments(page.things))
    people = {VIEWER: vera, MARKETER: bob, ADMIN: adam, Role.OWNER: alice}
    for role, person in people.items():
        client = client_of(person)
        if role < page.role:
            assert client.generic(page.method, url).status_code == 403
        if role < WRITES.get(name, Role.VIEWER):
            assert client.post(url, {"name": "taken over"}).status_code == 403
    answer = client_of(people[page.role]).generic(page.method, url)
    if name == "team_role":  # it asks for a role that there is
        assert answer.status_code == 403 and b"Owner" in answer.content
        return
    assert answer.status_code in (200, 302, 303, 422)
    assert reverse("account_login") not in answer.get("Location", "")


def api_address(name: str, arguments: dict[str, Any]) -> str:
    return reverse(name, kwargs=arguments)


@routes
def test_without_a_key_nothing_is_said(name: str, ours: Things) -> None:
    route = ROUTES[name]
    for method in route.methods:
        for arguments in (ours.arguments(route.things),):
            answer = Api().call(method, api_address(name, arguments))
            assert answer.status_code == 401


@routes
def test_a_key_of_a_web_page_may_do_little(
    name: str, ours: Things, publishable_key: IssuedKey
) -> None:
    route = ROUTES[name]
    url = api_address(name, ours.arguments(route.things))
    for method in route.methods:
        answer = Api(publishable_key.text).call(method, url)
        if method in route.page:
            assert answer.status_code not in (401, 403, 404)
        else:
            assert answer.status_code == 403


@routes
def test_a_stranger_s_key_finds_nothing(
    name: str, ours: Things, theirs: Things, secret_key: IssuedKey
) -> None:
    route = ROUTES[name]
    api = Api(secret_key.text)
    for arguments in swapped(ours, theirs, route.things):
        for method in route.methods:
            answer = api.call(method, api_address(name, arguments))
            assert answer.status_code == 404, (method, arguments)


@routes
def test_one_s_own_key_finds_it(name: str, ours: Things, secret_key: IssuedKey) -> None:
    """Or else the tests above would pass for a route that finds nothing at all."""
    route = ROUTES[name]
    url = api_address(name, ours.arguments(route.things))
    for method in route.methods:
        answer = Api(secret_key.text).call(method, url)
        assert answer.status_code not in (401, 403, 404, 405)


@routes
def test_lists_hold_nothing_of_a_stranger_s(
    name: str, theirs: Things, secret_key: IssuedKey
) -> None:
    route = ROUTES[name]
    if route.things or route.shared or "GET" not in route.methods:
        return
    found = Api(secret_key.text).get(f"{api_address(name, {})}?{ASKED.get(name, '')}")
    whole = found.getvalue().decode()
    strangers = (
        theirs.signup.email,
        theirs.rejected.email,
        theirs.entry.value,
        theirs.account.slug,
    )
    assert not [text for text in strangers if text in whole]
    if name == "api-ledger":
        answer = found.json()
        assert answer["captured"] == 0 and not any(answer["deliveries"].values())
    elif name not in SINGLE:
        assert found.json()["results"] == []


def test_a_stranger_s_linked_account_is_no_target(
    ours: Things, theirs: Things, secret_key: IssuedKey
) -> None:
    body = {"linked_account": str(theirs.linked.pk), "audience": "x"}
    api = Api(secret_key.text)
    path = f"displays/{ours.display.pk}/rules"
    assert api.post(path, body).status_code == 422
    assert api.patch(f"{path}/{ours.rule.pk}", body).status_code == 422


def test_a_stranger_s_things_are_no_filter(
    ours: Things, theirs: Things, secret_key: IssuedKey
) -> None:
    api = Api(secret_key.text)
    for path in (
        f"signups?display={theirs.display.pk}",
        f"deliveries?linked_account={theirs.linked.pk}",
        f"deliveries?contact={theirs.contact.pk}",
        f"deliveries?signup={theirs.signup.pk}",
        f"events?contact={theirs.contact.pk}",
    ):
        assert api.get(path).json()["results"] == [], path
    assert api.get(f"ledger?display={theirs.display.pk}").status_code == 422


def test_a_stranger_s_suppression_says_nothing_here(
    theirs: Things, secret_key: IssuedKey
) -> None:
    answer = Api(secret_key.text).post("hygiene/check", {"email": "gone@gmail.com"})
    assert answer.json()["suppressed"] is False
