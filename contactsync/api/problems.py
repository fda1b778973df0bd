"""Errors as RFC 9457 problem+json, with the field named and the remedy said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

CONTENT_TYPE = "application/problem+json"
TITLES = {
    400: "The request is not valid",
    401: "The key is missing or not valid",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    409: "Conflict",
    413: "The request is too large",
    415: "Unsupported media type",
    422: "Some fields are not valid",
    429: "Too many requests",
    502: "The provider did not do it",
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field's error: ``field`` is a path such as ``fields.first_name``."""

    field: str
    code: str
    detail: str


class Problem(Exception):
    """Raised anywhere below an API view; answered as problem+json."""

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[FieldError] = (),
        *,
        code: str = "",
        retry_after: float | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """``more``: further members of the body, as RFC 9457 allows."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.code = code
        self.retry_after = retry_after
        self.more = dict(more or {})

    @classmethod
    def of_field(cls, field: str, code: str, detail: str, status: int = 422) -> Problem:
        return cls(status, detail, [FieldError(field, code, detail)], code=code)

    def body(self) -> dict[str, Any]:
        return {
            "type": f"about:blank#{self.code}" if self.code else "about:blank",
            "title": TITLES.get(self.status, "Error"),
            "status": self.status,
            "detail": self.detail,
            "errors": [asdict(error) for error in self.errors],
            **self.more,
        }

    def headers(self) -> dict[str, str]:
        headers = {"Cache-Control": "no-store"}
        if self.retry_after is not None:
            headers["Retry-After"] = str(max(1, round(self.retry_after + 0.5)))
        if self.status == 401:
            headers["WWW-Authenticate"] = 'Bearer realm="contactsync"'
        return headers

    def response(self) -> JsonResponse:
        """For plain Django views."""
        return JsonResponse(
            self.body(),
            status=self.status,
            content_type=CONTENT_TYPE,
            headers=self.headers(),
        )


def _joined(path: str, name: Any) -> str:
    if name == "non_field_errors":
        return path
    return f"{path}[{name}]" if isinstance(name, int) else f"{path}.{name}".strip(".")


def flatten(detail: Any, path: str = "") -> list[FieldError]:
    """DRF's nested error detail as a flat list with dotted paths."""
    if isinstance(detail, dict):
        return [
            error
            for name, inner in detail.items()
            for error in flatten(inner, _joined(path, name))
        ]
    if isinstance(detail, list):
        return [
            error
            for index, inner in enumerate(detail)
            for error in flatten(
                inner, f"{path}[{index}]" if isinstance(inner, dict) else path
            )
        ]
    return [FieldError(path, getattr(detail, "code", "invalid"), str(detail))]


def from_exception(error: Exception) -> Problem | None:
    """The problem an exception of Django or DRF stands for; None: a bug of ours."""
    match error:
        case Problem():
            return error
        case Http404():
            return Problem(404, "There is no such thing in this account.")
        case PermissionDenied():
            return Problem(403, "This key may not do that.")
        case exceptions.ValidationError():
            errors = flatten(error.detail)
            named = ", ".join(sorted({e.field for e in errors if e.field}))
            said = errors[0].detail if len(errors) == 1 else f"Check: {named}."
            return Problem(422, said, errors)
        case exceptions.Throttled():
            wait = error.wait or 1
            return Problem(429, "Slow down, then try again.", retry_after=wait)
        case exceptions.APIException():
            return Problem(error.status_code, str(error.detail))
    return None


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER."""
    problem = from_exception(error)
    if problem is None:
        return None
    return Response(
        problem.body(),
        status=problem.status,
        content_type=CONTENT_TYPE,
        headers=problem.headers(),
    )
