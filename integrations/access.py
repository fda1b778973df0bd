"""What opens an account at a provider: what was entered, or what signing in gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self
from urllib.parse import urlsplit

from django.conf import settings

from contactsync.lib.clock import now
from contactsync.lib.crypto import SealError
from integrations.adapters import ADAPTERS
from integrations.adapters.base import Adapter
from integrations.adapters.declare import Credential, SubAccount
from integrations.adapters.http import HttpAdapter
from integrations.models import LinkedAccount
from integrations.oauth import Tokens, has_key, main_key, oauth_of, own_fields

# What we have set up at the provider outlives the credentials it was set up with.
KEPT = ("sub_account", "webhook_id", "webhook_secret", "webhook_key")
# Somebody waits for the page: a worker may take the adapter's own, longer limits.
PAGE_READ_SECONDS = 8.0
PAGE_TOTAL_SECONDS = 12.0


class UnknownProviderError(ValueError):
    """No adapter has this slug."""


class SignInNeededError(ValueError):
    """The provider has no key to enter: people sign in there."""


class CredentialError(ValueError):
    """A credential is not what the provider declares. The text says what helps."""

    code = "invalid"

    def __init__(self, credential: Credential, text: str) -> None:
        super().__init__(text)
        self.name = credential.name
        self.label = credential.label


class MissingCredentialError(CredentialError):
    """A credential was not given; ``name`` says which."""

    code = "required"

    def __init__(self, credential: Credential) -> None:
        super().__init__(credential, f"{credential.label} is missing.")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Access:
    """Credentials, and what is known about the tokens among them.

    ``signed_in``: they come from OAuth 2. ``scopes`` None: not known what was granted.
    """

    secrets: Mapping[str, str]
    signed_in: bool = False
    expires_at: datetime | None = None
    scopes: tuple[str, ...] | None = None
    sub_account: SubAccount | None = None
    # Of the account that is reconnected, for as long as it stays the same one.
    kept: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_tokens(cls, tokens: Tokens, more: Mapping[str, str]) -> Self:
        """``more``: what was entered before, and what was discovered since."""
        return cls(
            secrets={**more, **tokens.secrets},
            signed_in=True,
            expires_at=tokens.expires_at,
            scopes=tokens.scopes,
        )

    @property
    def all_secrets(self) -> dict[str, str]:
        chosen = {"sub_account": self.sub_account.id} if self.sub_account else {}
        return {**self.kept, **self.secrets, **chosen}

    def put_into(self, linked: LinkedAccount) -> list[str]:
        """Set the fields of ``linked``, and say which; the caller saves."""
        linked.set_credentials(self.all_secrets)
        linked.token_expires_at = self.expires_at
        linked.refreshed_at = now() if self.signed_in else None
        linked.granted_scopes = None if self.scopes is None else list(self.scopes)
        linked.refresh_claim = linked.refresh_until = None
        names = ["sealed", "token_expires_at", "refreshed_at", "granted_scopes"]
        names += ["refresh_claim", "refresh_until"]
        if self.sub_account or "sub_account" not in self.kept:
            chosen = self.sub_account
            linked.sub_account = (
                {"id": chosen.id, "label": chosen.label} if chosen else None
            )
            names.append("sub_account")
        return names

    def to_json(self) -> dict[str, Any]:
        """For a `LinkAttempt`, where it is sealed."""
        return {
            "secrets": dict(self.secrets),
            "signed_in": self.signed_in,
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
            "scopes": None if self.scopes is None else list(self.scopes),
            "kept": dict(self.kept),
        }

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> Self:
        expires, scopes = stored["expires_at"], stored["scopes"]
        return cls(
            secrets=stored["secrets"],
            signed_in=stored["signed_in"],
            expires_at=datetime.fromisoformat(expires) if expires else None,
            scopes=None if scopes is None else tuple(scopes),
            kept=stored["kept"],
        )

    def adapter(self, provider: str) -> Adapter:
        """An adapter with these credentials that gives up while somebody waits.

        Raises AdapterError.
        """
        base_url = settings.PROVIDER_URLS.get(provider)
        return hurried(ADAPTERS[provider](self.all_secrets, base_url=base_url))


def kept_of(linked: LinkedAccount) -> dict[str, str]:
    """What of the stored credentials is not replaced by new ones."""
    try:
        held = linked.get_credentials()
    except SealError:
        return {}
    return {name: held[name] for name in KEPT if name in held}


def hurried(adapter: Adapter) -> Adapter:
    """The adapter, with limits for a page that somebody waits for."""
    if isinstance(adapter, HttpAdapter):
        # On the instance: the class keeps the worker's limits.
        vars(adapter)["read_timeout"] = min(adapter.read_timeout, PAGE_READ_SECONDS)
        vars(adapter)["total_timeout"] = min(adapter.total_timeout, PAGE_TOTAL_SECONDS)
    return adapter


def checked_credentials(provider: str, given: Mapping[str, Any]) -> dict[str, str]:
    """The provider's declared credentials out of ``given``, trimmed.

    Raises UnknownProviderError, SignInNeededError, CredentialError.
    """
    if provider not in ADAPTERS:
        raise UnknownProviderError(provider)
    adapter = ADAPTERS[provider]
    if not has_key(adapter):
        raise SignInNeededError(adapter.label)
    secrets = declared(adapter.credentials, given)
    key = main_key(adapter)
    if key is not None and key.name not in secrets:
        # Optional only because signing in is the other way.
        raise MissingCredentialError(key)
    return secrets


def entered_before(adapter: type[Adapter], given: Mapping[str, Any]) -> dict[str, str]:
    """What has to be known before signing in. Raises CredentialError.

    A whole address in the place of a name in it, such as a shop's, is understood.
    """
    oauth = oauth_of(adapter)
    bare = {
        name: without_rest(oauth.authorize_url, name, value)
        for name, value in given.items()
        if isinstance(value, str)
    }
    return declared(own_fields(adapter), bare)


def without_rest(url: str, name: str, value: str) -> str:
    """``https://acme.example.com/`` as ``acme`` for https://{shop}.example.com/..."""
    before, braces, after = url.partition(f"{{{name}}}")
    value = value.strip()
    if braces:
        value = value.removeprefix(before).rstrip("/")
        value = value.removesuffix(after.partition("/")[0])
    return value


def declared(
    credentials: tuple[Credential, ...], given: Mapping[str, Any]
) -> dict[str, str]:
    """Name -> trimmed value, blank optional ones left out. Raises CredentialError."""
    secrets = {}
    for credential in credentials:
        value = given.get(credential.name)
        text = value.strip() if isinstance(value, str) else ""
        if not text:
            if credential.required:
                raise MissingCredentialError(credential)
            continue
        if wrong := fault_of(credential, text):
            raise CredentialError(credential, wrong)
        secrets[credential.name] = text
    return secrets


def is_url(credential: Credential) -> bool:
    """Whether a whole address is asked for, which its placeholder shows."""
    return credential.placeholder.startswith(("https://", "http://"))


def fault_of(credential: Credential, text: str) -> str:
    """What is wrong with a value and what helps; "" when nothing is."""
    if credential.options and text not in credential.options:
        known = ", ".join(credential.options)
        return f"{credential.label} is one of: {known}."
    if is_url(credential) and not is_web_address(text):
        return (
            f"{credential.label} is a whole address, such as {credential.placeholder}"
        )
    return ""


def is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False
