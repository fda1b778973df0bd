"""MessageMedia's forms of an error, one for each half of its API."""

from __future__ import annotations

import uuid

from integrations.sandbox.booked import Refused
from integrations.sandbox.messages import Json, Response, json_response

KINDS = {
    400: ("validation", "Validation failed"),
    401: ("unauthorized", "Unauthorized"),
    402: ("payment_required", "Payment required"),
    403: ("forbidden", "Forbidden"),
    404: ("not_found", "Not found"),
    405: ("method_not_allowed", "Method not allowed"),
    409: ("conflict", "Conflict. The entity already exists."),
    500: ("internal_server_error", "Internal server error"),
    502: ("bad_gateway", "Bad gateway"),
}


def answer(status: int, detail: str = "", *invalid: Json) -> Response:
    """The contacts API's form; `invalid` are fields with name, reason and code."""
    kind, title = KINDS.get(status, ("unknown", "Error"))
    body: Json = {"uuid": str(uuid.uuid4()), "type": kind, "title": title}
    body["detail"] = detail
    if status == 400:
        body["invalidFields"] = list(invalid)
    return json_response(body, status)


def refused(status: int, detail: str = "") -> Refused:
    return Refused(answer(status, detail))


def invalid(name: str, reason: str, code: str = "invalid_format") -> Refused:
    """A 400 that names one field."""
    field = {"name": name, "reason": reason, "code": code}
    return Refused(answer(400, f"{name} {reason}", field))


def message(status: int, text: str, *details: str) -> Refused:
    """The form of the older calls, below /v1."""
    body: Json = {"message": text}
    return Refused(
        json_response({**body, "details": list(details)} if details else body, status)
    )
