"""Salesforce's errors: a list of {message, errorCode, fields}."""

from __future__ import annotations

from integrations.sandbox.booked import Refused
from integrations.sandbox.messages import Json, Response, json_response

BY_STATUS = {
    400: ("BAD_REQUEST", "The request could not be understood."),
    401: ("INVALID_SESSION_ID", "Session expired or invalid"),
    403: ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    404: ("NOT_FOUND", "The requested resource does not exist"),
    405: ("METHOD_NOT_ALLOWED", "HTTP Method not allowed."),
    429: ("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests Limit exceeded."),
    503: ("SERVER_UNAVAILABLE", "The server is currently unable to handle this."),
}


def answer(status: int, code: str = "", message: str = "", *fields: str) -> Response:
    usual = BY_STATUS.get(
        status, ("UNKNOWN_EXCEPTION", "An unexpected error occurred.")
    )
    error: Json = {"message": message or usual[1], "errorCode": code or usual[0]}
    if fields:
        error["fields"] = list(fields)
    return json_response([error], status)


def refused(status: int, code: str = "", message: str = "", *fields: str) -> Refused:
    return Refused(answer(status, code, message, *fields))


def row(code: str, message: str, *fields: str) -> Json:
    """An error of one record in a collection."""
    return {"statusCode": code, "message": message, "fields": list(fields)}
