"""OAuth 2 with a provider: whose app we are, where people sign in, and the tokens.

RFC 6749 (authorization code), RFC 7636 (PKCE), as the adapter declares it. What is
stored, and when tokens are renewed: integrations.oauth_tokens.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets as randomness
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from string import Formatter
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from django.conf import settings
from django.urls import reverse

from contactsync.lib.clock import now
from integrations.adapters.base import Adapter
from integrations.adapters.declare import Credential, OAuth2
from integrations.oauth_endpoint import TokenEndpoint, unreadable

# A name in an address must not bring another host, path or query with it.
HOST_PART = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,198}[A-Za-z0-9])?")
LONGEST_LIFETIME = 10 * 365 * 86_400  # seconds; whoever says more means for ever
NEVER_SHOWN = ("code", "code_verifier", "refresh_token", "token")
# Asked for to get a refresh token, and not always named again when it is granted.
ABOUT_REFRESH = {"offline_access", "offline", "refresh_token"}


class BadPlaceError(ValueError):
    """A value that stands in the provider's address cannot; ``name`` says which."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class App:
    """This installation as an app that was registered at the provider."""

    client_id: str
    client_secret: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Tokens:
    """An answer of the token endpoint.

    ``secrets``: access_token, refresh_token when one came, and what `from_token` found.
    ``expires_at`` None: not before it is refused. ``scopes`` None: not told.
    """

    secrets: Mapping[str, str]
    expires_at: datetime | None
    scopes: tuple[str, ...] | None


def app_of(slug: str) -> App | None:
    """The app that the administrator has set, or None. The sandbox takes any."""
    found = settings.OAUTH_APPS.get(slug)
    if found:
        return App(
            client_id=found["client_id"], client_secret=found.get("client_secret", "")
        )
    if slug in settings.PROVIDER_URLS:
        return App(client_id="sandbox-app", client_secret="sandbox-app-secret")
    return None


def callback_url(slug: str) -> str:
    """Where the provider sends people back to: one address per provider (RFC 9700 4.4),
    so that no provider can pass off its answer as another's."""
    return f"{settings.BASE_URL}{reverse('oauth_callback', args=[slug])}"


def placeholders(oauth: OAuth2) -> set[str]:
    """Names of the credentials that stand in the declared addresses."""
    urls = oauth.authorize_url + oauth.token_url
    return {name for _, name, _, _ in Formatter().parse(urls) if name}


def has_key(adapter: type[Adapter]) -> bool:
    """Whether there are credentials to enter instead of signing in."""
    return adapter.oauth is None or main_key(adapter) is not None


def main_key(adapter: type[Adapter]) -> Credential | None:
    """Where one can sign in, the first secret is what is entered instead."""
    if adapter.oauth is None:
        return None
    named = placeholders(adapter.oauth)
    hidden = (c for c in adapter.credentials if c.secret and c.name not in named)
    return next(hidden, None)


def own_fields(adapter: type[Adapter]) -> tuple[Credential, ...]:
    """What a person enters before signing in: what stands in the addresses, and where
    there is no other way to link, all that is no secret."""
    named = placeholders(adapter.oauth) if adapter.oauth else set()
    more = not has_key(adapter)
    return tuple(
        replace(c, required=True) if c.name in named else c
        for c in adapter.credentials
        if c.name in named or (more and not c.secret)
    )


def address(slug: str, url: str, given: Mapping[str, str]) -> str:
    """A declared address, filled in, on the host that stands for the provider's.

    Raises BadPlaceError.
    """
    names = {name for _, name, _, _ in Formatter().parse(url) if name}
    for name in sorted(names):
        if not HOST_PART.fullmatch(given.get(name, "")) or ".." in given[name]:
            raise BadPlaceError(name)
    whole = url.format_map({name: given[name] for name in names})
    stand_in = settings.PROVIDER_URLS.get(slug)
    if stand_in:
        parts = urlsplit(whole)
        query = f"?{parts.query}" if parts.query else ""
        return f"{stand_in.rstrip('/')}{parts.path}{query}"
    return whole


def new_verifier() -> str:
    """A PKCE code verifier: 64 characters of 48 random bytes."""
    return randomness.token_urlsafe(48)


def challenge_of(verifier: str) -> str:
    """RFC 7636 4.2, S256."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def authorize_url(
    adapter: type[Adapter],
    app: App,
    given: Mapping[str, str],
    state: str,
    verifier: str,
) -> str:
    """Where the person is sent to. Raises BadPlaceError."""
    oauth = oauth_of(adapter)
    asked = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": callback_url(adapter.slug),
        "state": state,
        **oauth.extra,
    }
    if oauth.scopes:
        asked["scope"] = oauth.separator.join(oauth.scopes)
    if oauth.pkce:
        asked["code_challenge"] = challenge_of(verifier)
        asked["code_challenge_method"] = "S256"
    url = address(adapter.slug, oauth.authorize_url, given)
    return f"{url}{'&' if '?' in url else '?'}{urlencode(asked, quote_via=quote)}"


def exchanged(
    adapter: type[Adapter], app: App, given: Mapping[str, str], code: str, verifier: str
) -> Tokens:
    """Tokens for the code that the person brought back. Raises AdapterError."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": callback_url(adapter.slug),
    }
    if oauth_of(adapter).pkce:
        form["code_verifier"] = verifier
    return _asked(adapter, app, given, form)


def renewed(adapter: type[Adapter], app: App, held: Mapping[str, str]) -> Tokens:
    """New tokens for the refresh token in ``held``. Raises AdapterError."""
    form = {"grant_type": "refresh_token", "refresh_token": held["refresh_token"]}
    return _asked(adapter, app, held, form)


def revoked(adapter: type[Adapter], app: App, held: Mapping[str, str]) -> None:
    """Give the tokens in ``held`` back (RFC 7009), where the provider has a place for
    that. Of two, the refresh token: the access tokens end with it, or by themselves
    soon after. Raises AdapterError, BadPlaceError."""
    oauth = oauth_of(adapter)
    kind = "refresh_token" if held.get("refresh_token") else "access_token"
    token = held.get(kind, "")
    if not (oauth.revoke_url and token):
        return
    form, headers = _signed(oauth, app, {"token": token, "token_type_hint": kind})
    _endpoint(adapter, app, oauth.revoke_url, held, form).tell(form, headers)


def _asked(
    adapter: type[Adapter], app: App, given: Mapping[str, str], form: dict[str, str]
) -> Tokens:
    oauth = oauth_of(adapter)
    form, headers = _signed(oauth, app, form)
    endpoint = _endpoint(adapter, app, oauth.token_url, given, form)
    return tokens_of(adapter, endpoint.ask(form, headers))


def _signed(
    oauth: OAuth2, app: App, form: dict[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Form and headers with which the app proves itself."""
    if oauth.client_auth == "basic":
        pair = f"{quote(app.client_id, safe='')}:{quote(app.client_secret, safe='')}"
        basic = base64.b64encode(pair.encode()).decode()
        return form, {"Authorization": f"Basic {basic}"}
    return {**form, "client_id": app.client_id, "client_secret": app.client_secret}, {}


def _endpoint(
    adapter: type[Adapter],
    app: App,
    url: str,
    given: Mapping[str, str],
    form: Mapping[str, str],
) -> TokenEndpoint:
    return TokenEndpoint(
        adapter,
        address(adapter.slug, url, given),
        secrets={
            "client_secret": app.client_secret,
            **{name: form[name] for name in NEVER_SHOWN if name in form},
        },
        # Somebody chose a part of the host: it must not lead inside.
        guarded="{" in url and adapter.slug not in settings.PROVIDER_URLS,
    )


def tokens_of(adapter: type[Adapter], answer: Mapping[str, Any]) -> Tokens:
    """Raises TransientError for an answer without a token, AdapterError."""
    access = answer.get("access_token")
    if not isinstance(access, str) or not access:
        raise unreadable(adapter.label)
    found = {**adapter.from_token(answer), "access_token": access}
    refresh = answer.get("refresh_token")
    if isinstance(refresh, str) and refresh:
        found["refresh_token"] = refresh
    return Tokens(
        secrets=found,
        expires_at=_expiry(answer.get("expires_in"), oauth_of(adapter).lifetime),
        scopes=_scopes(answer.get("scope")),
    )


def _expiry(told: object, declared_seconds: int | None) -> datetime | None:
    try:
        seconds = float(str(told))
    except ValueError:
        seconds = 0
    if not 0 < seconds <= LONGEST_LIFETIME:  # some say 0 for "never"
        seconds = declared_seconds or 0
    return now() + timedelta(seconds=seconds) if seconds else None


def _scopes(told: object) -> tuple[str, ...] | None:
    if isinstance(told, str):
        told = re.split(r"[\s,]+", told.strip())
    if not isinstance(told, list):
        return None
    return tuple(str(scope) for scope in told if scope)


def missing_scopes(
    oauth: OAuth2, granted: Sequence[str] | None, *, refreshes: bool
) -> list[str]:
    """What was asked for and not granted; nothing when it is not known.

    A granted write_x stands for read_x too: Shopify names only the wider one
    (shopify.dev, "Access scopes"). ``refreshes``: a refresh token came.
    """
    if granted is None:
        return []
    has = set(granted)
    has |= {f"read_{name[6:]}" for name in has if name.startswith("write_")}
    if refreshes:
        has |= ABOUT_REFRESH
    return [scope for scope in oauth.scopes if scope not in has]


def oauth_of(adapter: type[Adapter]) -> OAuth2:
    """The adapter's declaration; only for one that has it."""
    assert adapter.oauth is not None
    return adapter.oauth
