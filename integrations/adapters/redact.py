"""Make what went over the wire fit to be shown and stored."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "•••"
SHOWN = 2000  # characters of each body that are kept
# Characters that are redacted before cutting: the first window does where what is left
# of it is longer than what is shown by more than any address is long.
WINDOWS = (4_000, 16_000)
LONGEST_ADDRESS = 400
SHORTEST_SECRET = 4  # anything shorter is not a secret and would blank out prose

# NUL and lone surrogates: no database stores them as text.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

# A local part is entered at its first character only, so that the search stays linear.
# JSON may spell a letter, or the @, as \uXXXX, and a query spells the @ as %40.
_CHAR = r"[^\s\"'<>(),;:\\/=&?@\[\]{}|]"
_LETTER = rf"(?:(?!\\u0040)\\u[0-9a-f]{{4}}|{_CHAR})"
_ADDRESS = re.compile(
    rf"(?<!{_CHAR})({_LETTER}){_LETTER}*?(@|%40|\\u0040)({_LETTER}+)", re.IGNORECASE
)


class Redactor:
    """Knows one linked account's secrets and removes them, and people's addresses."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms: set[str] = set()
        for secret in secrets:
            if len(secret) < SHORTEST_SECRET:
                continue
            escaped = json.dumps(secret)[1:-1]
            forms |= {
                secret,
                escaped,
                escaped.replace("/", "\\/"),
                quote(secret, safe=""),
                quote_plus(secret),
                base64.b64encode(secret.encode()).decode().rstrip("="),
            }
        self._forms = sorted(forms, key=len, reverse=True)

    def scrub(self, text: str) -> str:
        """`text` without any known secret, in any form it usually travels in."""
        for form in self._forms:
            text = text.replace(form, MASK)
        return clean(text)

    def body(self, text: str) -> str:
        """`text` for an `Exchange`: no secrets, masked addresses, cut with a mark."""
        text = self.scrub(text)
        for window in WINDOWS:
            masked = mask_addresses(text[:window])
            if len(text) <= window or len(masked) >= SHOWN + LONGEST_ADDRESS:
                break
        shown = masked[:SHOWN]
        more = len(masked) - len(shown) + max(len(text) - window, 0)
        return f"{shown}… {more} more characters" if more else shown


def clean(text: str) -> str:
    """`text` as it can be stored: U+FFFD for each NUL and each lone surrogate."""
    if text.isascii() and "\0" not in text:
        return text
    return _UNSTORABLE.sub("\ufffd", text)


def clean_json(value: Any) -> Any:
    """Parsed JSON with every text in it, names too, made `clean`."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [clean_json(item) for item in value]
    if isinstance(value, dict):
        return {clean(name): clean_json(item) for name, item in value.items()}
    return value


def mask_addresses(text: str) -> str:
    """mary@example.com -> m•••@example.com, wherever it stands in `text`."""
    return _ADDRESS.sub(rf"\1{MASK}\2\3", text)
