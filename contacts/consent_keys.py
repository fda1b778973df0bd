"""The key that signs consent certificates: Ed25519 (RFC 8032).

``CONSENT_SIGNING_KEY`` is the private key, as PEM (PKCS #8, line breaks as they are or
as ``\\n``) or as 32 bytes in base64. Where it is not set, one is made on first use and
kept in CONTACTSYNC_HOME. Whoever checks a certificate needs the public key alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from django.conf import settings


class KeyProblem(ValueError):
    """No Ed25519 key; the message says what is wrong with it."""


def private_key() -> Ed25519PrivateKey:
    """The installation's key. Raises KeyProblem."""
    text: str = settings.CONSENT_SIGNING_KEY.strip()
    try:
        if text.startswith("-----"):
            key = load_pem_private_key(text.replace("\\n", "\n").encode(), None)
        else:
            key = Ed25519PrivateKey.from_private_bytes(
                base64.b64decode(text, validate=True)
            )
    except (ValueError, TypeError, binascii.Error) as error:
        raise KeyProblem(
            "CONSENT_SIGNING_KEY is neither an Ed25519 private key as PEM without a "
            "password nor 32 bytes in base64."
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyProblem("CONSENT_SIGNING_KEY is a key of another kind than Ed25519.")
    return key


def public_pem(key: Ed25519PublicKey) -> str:
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


def read_public(pem: bytes) -> Ed25519PublicKey:
    """Raises KeyProblem."""
    try:
        key = load_pem_public_key(pem)
    except ValueError as error:
        raise KeyProblem("This file holds no public key as PEM.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyProblem("This public key is of another kind than Ed25519.")
    return key


def fingerprint(key: Ed25519PublicKey) -> str:
    """Names a key: SHA-256 of its 32 bytes, hexadecimal."""
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()


def sign(text: bytes) -> str:
    """The signature in base64. Raises KeyProblem."""
    return base64.b64encode(private_key().sign(text)).decode()


def is_signed(text: bytes, signature: str, key: Ed25519PublicKey) -> bool:
    try:
        key.verify(base64.b64decode(signature, validate=True), text)
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True
