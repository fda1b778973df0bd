"""A provider's answer, and what its headers say about when to come back."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from integrations.adapters.redact import clean_json

MAX_RETRY_AFTER = 3600.0  # seconds; a provider may not park us for longer
EPOCH_FROM = 1e9  # a header with a number above it holds a time, not a duration
# What `clean_json` may have to mend: NUL (also a sign of UTF-16) and surrogates, bare
# or escaped. Looking through the bytes costs a hundredth of walking the values.
_TO_MEND = re.compile(rb"\x00|\xed[\xa0-\xbf]|\\u(?:0000|[dD][89a-fA-F])")
_NUMBER = re.compile(r"[0-9]{1,13}(\.[0-9]+)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A provider's answer, read to its end. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The parsed body, its texts storable; raises ValueError when not JSON."""
        try:
            value = json.loads(self.body)
            return clean_json(value) if _TO_MEND.search(self.body) else value
        except RecursionError:
            raise ValueError("nested too deeply") from None

    def object(self) -> dict[str, Any]:
        """The JSON object in the body, {} when there is none."""
        try:
            body = self.json()
        except ValueError:
            return {}
        return body if isinstance(body, dict) else {}


def to_json(payload: object) -> bytes:
    """JSON bytes of `payload`; dates and other objects as their text."""
    text = json.dumps(payload, allow_nan=False, default=str, ensure_ascii=False)
    return text.encode("utf-8", "replace")


def wait_of(answer: Answer, reset_headers: Iterable[str] = ()) -> float | None:
    """Seconds until the provider wants to hear from us again, None when it is silent.

    Retry-After first, then `reset_headers` in their order: seconds, or the epoch second
    (or millisecond) at which a limit ends.
    """
    wait = retry_after(answer.headers.get("retry-after", ""))
    for name in reset_headers:
        if wait is None:
            wait = reset_after(answer.headers.get(name, ""))
    return wait


def reset_after(value: str) -> float | None:
    """Seconds from a rate limit's reset header, "41" or "41 seconds"; None when it is
    not a number."""
    value = value.strip().removesuffix(" seconds")
    if not _NUMBER.fullmatch(value):
        return None
    number = float(value)
    if number >= EPOCH_FROM * 1000:
        number /= 1000
    if number >= EPOCH_FROM:
        number -= time.time()
    return min(max(number, 0.0), MAX_RETRY_AFTER)


def retry_after(value: str, now: datetime | None = None) -> float | None:
    """Seconds from a Retry-After header (RFC 9110 10.2.3): a number or an HTTP-date.

    None when absent or unreadable; between 0 and `MAX_RETRY_AFTER`.
    """
    value = value.strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", value, re.ASCII):
        return min(float(value), MAX_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    wait = (moment - (now or datetime.now(UTC))).total_seconds()
    return min(max(wait, 0.0), MAX_RETRY_AFTER)
