"""What an adapter declares about its provider, beside what it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

OptIn = Literal["caller", "list", "account", "endpoint", "none"]
Kind = Literal["esp", "crm", "sms", "other"]
HookScope = Literal["account", "audience"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One thing a person enters to link an account.

    `required` is meant for linking without OAuth; with it, only what the addresses of
    `OAuth2` name in braces is asked for. `options`: value -> label of a choice, for
    instance a region.
    """

    name: str
    label: str
    help_text: str = ""
    secret: bool = True
    required: bool = True
    placeholder: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth2:
    """Where a provider's OAuth 2 flow lives, and how it differs from RFC 6749.

    In `authorize_url` and `token_url`, {name} stands for a credential entered before,
    such as a shop's name. `revoke_url`: where a token is given back (RFC 7009) when an
    account is unlinked, "" where the provider has no such place. `client_auth`: how the
    app proves itself to the token endpoint. `lifetime`: seconds an access token lives
    when the answer does not tell, None: until it is refused. `idle_days`: a refresh
    token dies when unused this long. `extra`: further parameters of the authorization
    request.
    """

    authorize_url: str
    token_url: str
    revoke_url: str = ""
    scopes: tuple[str, ...] = ()
    separator: str = " "
    pkce: bool = True
    client_auth: Literal["basic", "body"] = "basic"
    refreshes: bool = True
    lifetime: int | None = None
    idle_days: int | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How many calls in how many seconds a provider allows.

    `shared`: all linked accounts together, because the app's own key is counted.
    """

    calls: int
    seconds: float
    shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SubAccount:
    """A part of an account that has contacts of its own."""

    id: str
    label: str
