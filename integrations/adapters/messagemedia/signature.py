"""Checking the RSA signature on a callback, with the standard library alone.

The signed text is the request line, the Date header and the body, one after the other
without anything between (MessageMedia's own guide for Python servers,
github.com/messagemedia/enterprise-webhooks-python-sdk, read 2026-11-22; the API
description says the same in words). The scheme is RSASSA-PKCS1-v1_5 (RFC 8017, 8.2.2).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from integrations.adapters.base import Incoming

# RFC 8017, 9.2, note 1: what stands before the digest, by the provider's names.
DIGEST_INFO = {
    "SHA224": ("sha224", "302d300d06096086480165030402040500041c"),
    "SHA256": ("sha256", "3031300d060960864801650304020105000420"),
    "SHA512": ("sha512", "3051300d060960864801650304020305000440"),
}


def signed(request: Incoming, public_key: str) -> bool:
    """Whether the request was signed with the other half of `public_key` (base64 of a
    DER SubjectPublicKeyInfo, as the signature key API gives it)."""
    headers = request.headers
    name = headers.get("x-messagemedia-digest-type", "").replace("-", "").upper()
    if name not in DIGEST_INFO:
        return False
    try:
        modulus, exponent = rsa_key(base64.b64decode(public_key))
        given = base64.b64decode(headers.get("x-messagemedia-signature", ""))
    except (ValueError, IndexError, binascii.Error):
        return False
    size = (modulus.bit_length() + 7) // 8
    digest, prefix = DIGEST_INFO[name]
    text = hashlib.new(digest, signed_text(request, headers)).digest()
    tail = b"\x00" + bytes.fromhex(prefix) + text
    if len(given) != size or size < len(tail) + 11:
        return False
    opened = pow(int.from_bytes(given, "big"), exponent, modulus)
    expected = b"\x00\x01" + b"\xff" * (size - len(tail) - 2) + tail
    return hmac.compare_digest(opened.to_bytes(size, "big"), expected)


def signed_text(request: Incoming, headers: Mapping[str, str]) -> bytes:
    """Request line, Date and body."""
    parts = urlsplit(request.url)
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    line = f"{request.method} {target} HTTP/1.1{headers.get('date', '')}"
    return line.encode() + request.body


def rsa_key(der: bytes) -> tuple[int, int]:
    """Modulus and exponent. Raises ValueError or IndexError for anything else."""
    outer, _ = _part(der, 0x30)
    _, rest = _part(outer, 0x30)  # the algorithm
    bits, _ = _part(rest, 0x03)
    inner, _ = _part(bits[1:], 0x30)
    modulus, rest = _part(inner, 0x02)
    exponent, _ = _part(rest, 0x02)
    return int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big")


def _part(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of the DER element at the start of `data`, and what follows it."""
    if data[0] != tag:
        raise ValueError("not the expected element")
    length, start = data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if start + length > len(data):
        raise ValueError("cut off")
    return data[start : start + length], data[start + length :]
