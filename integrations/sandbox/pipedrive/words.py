"""Pipedrive's error bodies (pipedrive.readme.io, "Responses" and "Rate limiting")."""

from __future__ import annotations

from http import HTTPStatus

from integrations.sandbox.booked import Refused
from integrations.sandbox.messages import Response, json_response

CODES = {
    400: ("ERR_SCHEMA_VALIDATION_FAILED", "Validation failed"),
    401: ("ERR_UNAUTHORIZED", "unauthorized access"),
    403: ("ERR_FORBIDDEN", "Scope and URL mismatch"),
    404: ("ERR_NOT_FOUND", "Not found"),
    429: ("ERR_RATE_LIMIT", "request over limit"),
    500: ("ERR_UNKNOWN", "Internal Server Error"),
}
BURST = [
    ("x-ratelimit-limit", "20"),
    ("x-ratelimit-remaining", "0"),
    ("x-ratelimit-reset", "2"),
]


def answer(status: int, message: str = "") -> Response:
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
    code, usual = CODES.get(status, ("ERR_UNKNOWN", phrase))
    body: dict[str, object] = {
        "success": False,
        "error": message or usual,
        "code": code,
        "data": None,
    }
    if status == 401:
        body = {"success": False, "error": usual, "errorCode": 401}
    return json_response(body, status, headers=list(BURST) if status == 429 else None)


def refused(status: int, message: str = "") -> Refused:
    return Refused(answer(status, message))


def invalid(field: str, what: str) -> Refused:
    """The 400 for a value that does not fit."""
    return refused(400, f"Validation failed: {field}: {what}")
