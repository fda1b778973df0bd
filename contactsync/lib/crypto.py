"""Secrets at rest: AES-256-GCM, keys by id, bound to the row they belong to."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

VERSION = "v1"


class SealError(Exception):
    """A sealed value cannot be opened: wrong key, wrong row, or altered."""


def parse_keys(text: str) -> dict[str, bytes]:
    """``id:base64,id:base64`` to a dict; the first key is the one that seals.

    Raises ValueError that names the entry and never shows the key.
    """
    keys: dict[str, bytes] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        key_id, colon, encoded = entry.partition(":")
        try:
            key = base64.urlsafe_b64decode(encoded)
        except ValueError:
            key = b""
        if not colon or not key_id or len(key) != 32:
            raise ValueError(
                f"CREDENTIAL_KEYS: entry {key_id[:12]!r} is not id:base64 of 32 bytes"
            )
        keys[key_id] = key
    if not keys:
        raise ValueError("CREDENTIAL_KEYS is empty: give at least one id:base64 key")
    return keys


@lru_cache(maxsize=4)
def _parsed(text: str) -> Mapping[str, bytes]:
    return parse_keys(text)


def seal(plain: str, *, bound_to: str) -> str:
    """Encrypt ``plain``; it opens only with the same ``bound_to``."""
    key_id, key = next(iter(_parsed(settings.CREDENTIAL_KEYS).items()))
    nonce = os.urandom(12)
    cipher = AESGCM(key).encrypt(nonce, plain.encode(), bound_to.encode())
    return f"{VERSION}.{key_id}.{base64.urlsafe_b64encode(nonce + cipher).decode()}"


def unseal(sealed: str, *, bound_to: str) -> str:
    """The plain text again. Raises SealError."""
    try:
        version, key_id, body = sealed.split(".")
        raw = base64.urlsafe_b64decode(body)
        key = _parsed(settings.CREDENTIAL_KEYS)[key_id]
    except (ValueError, KeyError):
        raise SealError("sealed with a key that is not in CREDENTIAL_KEYS") from None
    if version != VERSION:
        raise SealError(f"sealed in unknown format {version!r}")
    try:
        return AESGCM(key).decrypt(raw[:12], raw[12:], bound_to.encode()).decode()
    except (InvalidTag, ValueError):
        raise SealError("altered, or belongs to another row") from None


def key_id_of(sealed: str) -> str:
    """Which key sealed this."""
    return sealed.split(".", 2)[1]


def needs_rotation(sealed: str) -> bool:
    """True when ``sealed`` was not sealed with the first key."""
    return key_id_of(sealed) != next(iter(_parsed(settings.CREDENTIAL_KEYS)))
