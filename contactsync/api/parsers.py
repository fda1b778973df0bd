from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from contactsync.api.problems import Problem
from contactsync.api.strict_json import parse


def read_limited(stream: Any, length: str | None, limit: int | None = None) -> bytes:
    """At most ``limit`` bytes (SIGNUP_MAX_BYTES) of ``stream``. Raises Problem 413."""
    limit = limit or settings.SIGNUP_MAX_BYTES
    too_large = Problem(
        413, f"The body is larger than {limit // 1024} KB.", code="too_large"
    )
    if length and length.isdigit() and int(length) > limit:
        raise too_large
    body: bytes = stream.read(limit + 1)
    if len(body) > limit:
        raise too_large
    return body


class StrictJSONParser(BaseParser):
    """DRF parser over ``strict_json``; the body must be an object."""

    media_type = "application/json"
    max_bytes: int | None = None

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Any = None
    ) -> Any:
        length = (parser_context or {})["request"].META.get("CONTENT_LENGTH")
        body = read_limited(stream, length, self.max_bytes)
        if not body.strip():
            return {}
        value = parse(body)
        if not isinstance(value, dict):
            raise Problem(400, "The body must be a JSON object.")
        return value


class BulkJSONParser(StrictJSONParser):
    """For endpoints that take up to a thousand things at once."""

    max_bytes = 8 * 1024 * 1024
