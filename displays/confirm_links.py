"""The link in a confirmation mail.

The token is made of the confirmation's id and a key of this installation, so the
reminder carries the same link as the first mail and neither makes the other stop
working. The data base only has its hash: whoever reads it can confirm nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from uuid import UUID

from django.conf import settings
from django.urls import reverse

LABEL = b"contactsync confirmation link v1"
FORM_LABEL = b"contactsync confirmation form v1"
SHAPE = re.compile(r"[A-Za-z0-9_-]{43}").fullmatch


def token_of(confirmation_id: UUID) -> str:
    """The link's token: 43 letters, digits, hyphens and underscores."""
    return _seal(LABEL, confirmation_id.bytes)


def hash_of(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def form_value(token: str) -> str:
    """What the page's form posts beside the token: only who was shown the page has
    it, so a bare POST to a link that was found in a mail does nothing."""
    return _seal(FORM_LABEL, token.encode())


def form_fits(token: str, value: str) -> bool:
    return hmac.compare_digest(form_value(token).encode(), value.encode())


def link_of(confirmation_id: UUID) -> str:
    """The address that stands in the mail."""
    path = reverse("confirm", args=[token_of(confirmation_id)])
    return f"{settings.BASE_URL}{path}"


def _seal(label: bytes, text: bytes) -> str:
    key = hmac.digest(settings.SECRET_KEY.encode(), label, "sha256")
    digest = hmac.digest(key, text, "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
