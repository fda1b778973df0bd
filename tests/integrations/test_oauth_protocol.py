"""Addresses, scopes and answers, as declarations and RFC 6749 and 7636 have them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from contactsync.lib.clock import now
from integrations import oauth
from integrations.adapters.declare import Credential, OAuth2
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    SetupError,
    TransientError,
)
from integrations.oauth import App, BadPlaceError
from tests.integrations.oauth_world import FakeProvider, Paperplane

APP = App(client_id="our-app", client_secret="s")
SHOPS = OAuth2(
    authorize_url="https://{shop}.myplanes.test/admin/authorize?mode=offline",
    token_url="https://{shop}.myplanes.test/admin/access_token",
    scopes=("read_people", "write_people"),
    separator=",",
)


class Shop(Paperplane):
    slug = "planeshop"
    credentials = (Credential(name="shop", label="Shop", secret=False, required=False),)
    oauth = SHOPS


def test_the_proof_is_that_of_the_rfc() -> None:
    """RFC 7636, appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert oauth.challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    made = {oauth.new_verifier() for _ in range(50)}
    assert len(made) == 50 and all(43 <= len(one) <= 128 for one in made)


def test_what_was_entered_stands_in_the_address() -> None:
    url = oauth.authorize_url(Shop, APP, {"shop": "acme-7"}, "st", "v" * 43)
    parts = urlsplit(url)
    assert (parts.scheme, parts.hostname) == ("https", "acme-7.myplanes.test")
    query = parse_qs(parts.query, strict_parsing=True)
    assert query["mode"] == ["offline"] and query["state"] == ["st"]
    assert query["scope"] == ["read_people,write_people"]


@pytest.mark.parametrize(
    "shop",
    ["", "evil.test/", "evil.test#", "evil.test?", "a@evil.test", "a:1", "-a", "a."]
    + ["a..b", "a b", "a\n", "a%2fb", "ä", "[::1]", "a\\b", "x" * 300],
)
def test_what_stands_in_an_address_brings_no_other_host(shop: str) -> None:
    with pytest.raises(BadPlaceError):
        oauth.address("planeshop", SHOPS.token_url, {"shop": shop})


def test_an_override_stands_for_scheme_and_host(settings: Any) -> None:
    settings.PROVIDER_URLS = {"planeshop": "http://127.0.0.1:8901/planeshop/"}
    url = oauth.address("planeshop", SHOPS.authorize_url, {"shop": "acme"})
    assert url == "http://127.0.0.1:8901/planeshop/admin/authorize?mode=offline"


def test_a_host_that_was_entered_must_not_lead_inside(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    class Inside(Shop):
        oauth = OAuth2(
            authorize_url="https://{shop}/authorize", token_url="https://{shop}/token"
        )

    settings.PROVIDER_URLS = {}
    with pytest.raises(SetupError, match="not a public internet address"):
        oauth.exchanged(Inside, APP, {"shop": "127.0.0.1"}, "c", "v")


def test_what_is_asked_for_before_signing_in() -> None:
    class Both(Shop):
        credentials = (
            Credential(name="shop", label="Shop", secret=False, required=False),
            Credential(name="region", label="Region", secret=False),
            Credential(name="api_key", label="Key"),
        )

    class SignInOnly(Both):
        credentials = Both.credentials[:2]

    assert [c.name for c in oauth.own_fields(Both)] == ["shop"]
    assert oauth.own_fields(Both)[0].required
    assert oauth.has_key(Both)
    assert [c.name for c in oauth.own_fields(SignInOnly)] == ["shop", "region"]
    assert not oauth.has_key(SignInOnly)
    assert oauth.own_fields(Paperplane) == () and oauth.has_key(Paperplane)


EXPIRES = [
    (3600, None, 3600),
    ("3600", None, 3600),
    (None, 1800, 1800),
    (None, None, None),
    (0, None, None),
    (-5, 600, 600),
    (10**12, None, None),
    ("soon", None, None),
    (True, None, None),
    (float("nan"), None, None),
]


@pytest.mark.parametrize(("told", "lifetime", "seconds"), EXPIRES)
def test_when_a_token_ends(
    told: Any, lifetime: int | None, seconds: int | None
) -> None:
    class Timed(Paperplane):
        oauth = OAuth2(authorize_url="", token_url="", lifetime=lifetime)

    answer = {"access_token": "a", "expires_in": told}
    ends = oauth.tokens_of(Timed, answer).expires_at
    if seconds is None:
        assert ends is None
    else:
        assert ends is not None
        assert abs(ends - now() - timedelta(seconds=seconds)) < timedelta(seconds=5)


SCOPES = [
    (None, None),
    ("", ()),
    ("a b", ("a", "b")),
    ("a,b", ("a", "b")),
    (["a", "b"], ("a", "b")),
    (5, None),
]


@pytest.mark.parametrize(("told", "scopes"), SCOPES)
def test_which_scopes_came(told: Any, scopes: tuple[str, ...] | None) -> None:
    answer = {"access_token": "a", "scope": told}
    assert oauth.tokens_of(Paperplane, answer).scopes == scopes


def test_which_scopes_are_missing() -> None:
    asked = OAuth2(authorize_url="", token_url="", scopes=("a", "b", "offline_access"))
    assert oauth.missing_scopes(asked, None, refreshes=False) == []
    assert oauth.missing_scopes(asked, ["a"], refreshes=True) == ["b"]
    assert oauth.missing_scopes(asked, ["a", "b"], refreshes=False) == [
        "offline_access"
    ]
    assert oauth.missing_scopes(SHOPS, ["write_people"], refreshes=False) == []
    assert oauth.missing_scopes(SHOPS, ["read_people"], refreshes=False) == [
        "write_people"
    ]


REFUSALS: dict[str, tuple[int, object, type[AdapterError], str]] = {
    "a dead grant": (400, {"error": "invalid_grant"}, CredentialsError, "auth.revoked"),
    "a dead grant, other words": (
        400,
        {"status": "BAD_REFRESH_TOKEN"},
        CredentialsError,
        "auth.revoked",
    ),
    "a dead grant with 401": (
        401,
        {"error": "invalid_grant"},
        CredentialsError,
        "auth.revoked",
    ),
    "no body": (400, "", CredentialsError, "auth.revoked"),
    "an error with 200": (
        200,
        {"error": "invalid_code"},
        CredentialsError,
        "auth.revoked",
    ),
    "our app": (401, {"error": "invalid_client"}, SetupError, "auth.revoked"),
    "our app, without words": (401, "", SetupError, "auth.revoked"),
    "a limit": (429, {"error": "x"}, TransientError, "auth.transient"),
    "a limit with 400": (
        400,
        {"error": "Access Denied", "error_description": "Too many requests."},
        TransientError,
        "auth.transient",
    ),
    "later": (
        400,
        {"error": "temporarily_unavailable"},
        TransientError,
        "auth.transient",
    ),
    "an outage": (500, "", TransientError, "auth.transient"),
    "no JSON": (200, "<html>", TransientError, "auth.transient"),
    "a redirect": (302, "", TransientError, "auth.transient"),
}


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"), REFUSALS.values(), ids=REFUSALS.keys()
)
def test_what_the_token_endpoint_s_refusals_mean(
    plane: FakeProvider,
    status: int,
    body: object,
    kind: type[AdapterError],
    reason: str,
) -> None:
    plane.token_fault = (status, body)
    with pytest.raises(AdapterError) as failure:
        oauth.renewed(Paperplane, APP, {"refresh_token": "refresh-1-secret"})
    assert type(failure.value) is kind
    assert failure.value.reason.value == reason


def test_a_secret_that_comes_back_is_not_repeated(plane: FakeProvider) -> None:
    echo = "Token refresh-1-secret of client s3cret-s3cret is bad."
    plane.token_fault = (400, {"error": "x", "error_description": echo})
    app = App(client_id="our-app", client_secret="s3cret-s3cret")
    with pytest.raises(CredentialsError) as failure:
        oauth.renewed(Paperplane, app, {"refresh_token": "refresh-1-secret"})
    assert failure.value.detail == (
        "Paperplane answered 400: Token ••• of client ••• is bad."
    )


def test_nothing_shows_a_secret_by_accident(plane: FakeProvider) -> None:
    tokens = oauth.tokens_of(Paperplane, plane.issue())
    assert "secret" not in repr(tokens) + repr(APP)
