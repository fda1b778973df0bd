"""HubSpot's error bodies (developers.hubspot.com/docs/api-reference/error-handling)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus

from integrations.sandbox.book import made_up
from integrations.sandbox.booked import Refused
from integrations.sandbox.messages import Json, Response, json_response

CATEGORIES = {
    400: ("VALIDATION_ERROR", "Invalid input."),
    401: (
        "INVALID_AUTHENTICATION",
        "Authentication credentials not found. This API supports OAuth 2.0 "
        "authentication.",
    ),
    403: (
        "MISSING_SCOPES",
        "This app hasn't been granted all required scopes to make this call.",
    ),
    404: ("OBJECT_NOT_FOUND", "resource not found"),
    405: ("VALIDATION_ERROR", "Method not allowed."),
    423: ("LOCKED", "The object is locked: try again."),
    429: ("RATE_LIMITS", "You have reached your ten_secondly_rolling limit."),
}


def body(status: int, message: str = "", category: str = "", **more: object) -> Json:
    """HubSpot's error document; `more` is errors, context, subCategory."""
    usual = CATEGORIES.get(status, ("INTERNAL_ERROR", "internal error"))
    digits = made_up(f"{status}{message}", 32)
    document: Json = {
        "status": "error",
        "message": message or usual[1],
        "correlationId": "-".join(
            (digits[:8], digits[8:12], f"4{digits[13:16]}", "8000", digits[20:32])
        ),
        "category": category or usual[0],
        **more,
    }
    if status == 429:
        document |= {"errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"}
    return document


def answer(
    status: int, message: str = "", category: str = "", **more: object
) -> Response:
    if status not in CATEGORIES and not message and status < 500:
        message = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    return json_response(body(status, message, category, **more), status)


def refused(
    status: int, message: str = "", category: str = "", **more: object
) -> Refused:
    return Refused(answer(status, message, category, **more))


def invalid(problems: Sequence[Json]) -> str:
    """The message about property values: HubSpot puts a list as JSON into it."""
    return f"Property values were not valid: {json.dumps(list(problems))}"


def problem(name: str, code: str, message: str) -> Json:
    return {
        "isValid": False,
        "message": message,
        "error": code,
        "name": name,
        "localizedErrorMessage": message,
    }
