"""Who calls: a key in the Authorization header, looked up with a short memory."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication

from contactsync.api.problems import Problem
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, ApiKey
from contactsync.tenancy.services import token_hash

MAX_CACHED = 10_000
SEEN_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Key:
    """What a request may do, from the key it came with."""

    id: UUID
    account_id: int
    kind: str
    environment: str
    origins: tuple[str, ...]

    @property
    def is_secret(self) -> bool:
        return self.kind == ApiKey.Kind.SECRET

    def allows_origin(self, origin: str) -> bool:
        return self.is_secret or "*" in self.origins or origin in self.origins


class KeyCache:
    """sha256 of a key to Key, for at most KEY_CACHE_SECONDS per process.

    Only keys that exist are remembered, so a new key works at once; a revoked one
    is refused everywhere after that time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, tuple[float, Key]] = {}

    def get(self, text: str) -> Key | None:
        digest = token_hash(text)
        hit = self._found.get(digest)
        if hit is not None and time.monotonic() < hit[0]:
            return hit[1]
        row = ApiKey.objects.filter(hash=digest, revoked_at=None).first()
        if row is None:
            with self._lock:
                self._found.pop(digest, None)
            return None
        if row.last_used_at is None or now() - row.last_used_at > SEEN_EVERY:
            ApiKey.objects.filter(pk=row.pk).update(last_used_at=now())
        key = Key(row.id, row.account_id, row.kind, row.environment, tuple(row.origins))
        with self._lock:
            if len(self._found) >= MAX_CACHED:
                self._found.clear()
            self._found[digest] = (
                time.monotonic() + settings.KEY_CACHE_SECONDS,
                key,
            )
        return key

    def clear(self) -> None:
        with self._lock:
            self._found.clear()


cache = KeyCache()


def key_of(request: HttpRequest) -> Key:
    """The caller's key. Raises Problem 401 that says what is missing."""
    header = request.META.get("HTTP_AUTHORIZATION", "")
    scheme, _, text = header.partition(" ")
    text = text.strip()
    if scheme.lower() != "bearer" or not text:
        raise Problem(
            401, "Send your key as 'Authorization: Bearer pk_live_...' (or sk_...)."
        )
    key = cache.get(text)
    if key is None:
        raise Problem(
            401, "This key is unknown or revoked. Make one under Account > API keys."
        )
    return key


class KeyAuthentication(BaseAuthentication):
    """For DRF: ``request.auth`` is a Key, ``request.user`` the Account."""

    def authenticate(self, request: Any) -> tuple[Account, Key]:
        key = key_of(request)
        account = Account.objects.get(pk=key.account_id)
        return account, key

    def authenticate_header(self, request: Any) -> str:
        return 'Bearer realm="contactsync"'
