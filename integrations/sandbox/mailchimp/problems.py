"""Mailchimp's problem documents.

https://mailchimp.com/developer/marketing/docs/errors/
"""

from __future__ import annotations

import uuid

from integrations.sandbox.messages import Json, Response, json_response

TYPE = "https://mailchimp.com/developer/marketing/docs/errors/"
NOT_VALIDATED = (
    "The resource submitted could not be validated. For field-specific details, see"
    " the 'errors' array."
)
MERGE_INVALID = "Your merge fields were invalid."

_BY_STATUS = {
    400: ("Bad Request", "Your request could not be processed."),
    401: (
        "API Key Invalid",
        "Your API key may be invalid, or you've attempted to access the wrong"
        " datacenter.",
    ),
    403: ("Forbidden", "You are not permitted to access this resource."),
    404: ("Resource Not Found", "The requested resource could not be found."),
    405: (
        "Method Not Allowed",
        "The requested method and resource are not compatible. See the Allow header"
        " for this resource's available methods.",
    ),
    429: (
        "Too Many Requests",
        "You have exceeded the limit of 10 simultaneous connections.",
    ),
    500: (
        "Internal Server Error",
        "An unexpected internal error has occurred. Please contact Support for more"
        " information.",
    ),
    503: ("Service Unavailable", "This method has been disabled."),
}


class Problem(Exception):
    """An error answer. `errors` is a list of {field, message} or None."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        errors: list[dict[str, str]] | None = None,
        headers: list[tuple[str, str]] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = errors
        self.headers = headers or []

    def response(self) -> Response:
        """As application/problem+json."""
        instance = str(uuid.uuid4())
        document: Json = {
            "type": TYPE,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
        }
        if self.errors is not None:
            document["errors"] = self.errors
        return json_response(
            document,
            self.status,
            content_type="application/problem+json; charset=utf-8",
            headers=[("X-Request-Id", instance), *self.headers],
        )


def by_status(status: int) -> Problem:
    """The usual problem with that status."""
    title, detail = _BY_STATUS.get(
        status, ("Error", "The request could not be completed.")
    )
    return Problem(status, title, detail)


def not_found() -> Problem:
    return by_status(404)


def not_allowed(methods: list[str]) -> Problem:
    problem = by_status(405)
    problem.headers.append(("Allow", ", ".join(sorted(methods))))
    return problem


def invalid(*errors: tuple[str, str], detail: str = NOT_VALIDATED) -> Problem:
    """Invalid Resource, with (field, message) pairs."""
    listed = [{"field": field, "message": message} for field, message in errors]
    return Problem(400, "Invalid Resource", detail, listed)


def bad_address(detail: str) -> Problem:
    """Invalid Resource without field errors: how a refused address is reported."""
    return Problem(400, "Invalid Resource", detail)


def looks_fake(email: str) -> Problem:
    return bad_address(
        f"{email} looks fake or invalid, please enter a real email address."
    )


def throttled(email: str) -> Problem:
    return bad_address(
        f"{email} has signed up to a lot of lists very recently; we're not allowing"
        " more signups for now"
    )


def compliance(email: str) -> Problem:
    return Problem(
        400,
        "Member In Compliance State",
        f"{email} is in a compliance state due to unsubscribe, bounce, or compliance"
        " review and cannot be subscribed.",
    )


def forgotten(email: str) -> Problem:
    return Problem(
        400,
        "Forgotten Email Not Subscribed",
        f"{email} was permanently deleted and cannot be re-imported. The contact must"
        " re-subscribe to get back on the list.",
    )


def member_exists(email: str) -> Problem:
    return Problem(
        400,
        "Member Exists",
        f"{email} is already a list member. Use PUT to insert or update list members.",
    )


def json_parse_error() -> Problem:
    return Problem(
        400, "JSON Parse Error", "We encountered an unspecified JSON parsing error."
    )


def key_missing() -> Problem:
    return Problem(401, "API Key Missing", "Your request did not include an API key.")


def key_disabled() -> Problem:
    return Problem(401, "API Key Invalid", "API key has been disabled")
