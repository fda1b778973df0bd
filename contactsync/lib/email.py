"""What makes two addresses the same person, and how an address is shown."""

from __future__ import annotations

import unicodedata

import idna

MAX_EMAIL = 320
"""Characters: 64 of local part, the at sign, 255 of domain (RFC 3696 erratum 1690)."""


def email_key(raw: str) -> str:
    """The identity of an address: two addresses with one key are one contact.

    Trimmed, NFC, lower case, the domain in its ASCII form. Dots and tags stay: to
    some providers they are different people. Never raises; rubbish keeps a key of
    its own, so a malformed address can be found again as it was typed.
    """
    text = raw.strip().lower()
    if text.isascii():
        return text
    text = unicodedata.normalize("NFC", text)
    local, at, domain = text.rpartition("@")
    if not at or domain.isascii():
        return text
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode('ascii')}"
    except UnicodeError:  # idna.IDNAError is one
        return text


def domain_shown(domain: str) -> str:
    """A domain as people write it: ``xn--mller-kva.de`` as ``müller.de``. What does
    not decode stays as it is. Never raises."""
    if "xn--" not in domain:
        return domain
    try:
        return idna.decode(domain)
    except UnicodeError:  # idna.IDNAError is one
        return domain


def mask_email(email: str) -> str:
    """``mira@example.com`` as ``m•••@example.com``, for logs and stored requests."""
    local, at, domain = email.rpartition("@")
    return f"{local[:1]}•••{at}{domain}" if at else "•••"
