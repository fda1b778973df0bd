"""The only endpoints that anybody on the web may call: posting a signup.

Plain views, no session, no CSRF, no DRF: a signup costs about one insert.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from contactsync.api.client import client_ip, network_of
from contactsync.api.fastlane import fast_lane
from contactsync.api.keys import Key, key_of
from contactsync.api.limits import limiter
from contactsync.api.parsers import read_limited
from contactsync.api.problems import FieldError, Problem
from contactsync.api.strict_json import parse
from displays.confirm_words import accepted
from displays.intake import Taken, checked, take_signup

SIGNUPS_PATH = "/api/v1/signups"
MAX_IDEMPOTENCY_KEY = 255
PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key",
    "Access-Control-Max-Age": "86400",
}


@fast_lane(SIGNUPS_PATH)
@csrf_exempt
def signups(request: HttpRequest) -> HttpResponse:
    """POST a signup. 202 means that it is stored for good."""
    if request.method == "OPTIONS":
        return with_cors(request, HttpResponse(status=204, headers=PREFLIGHT))
    try:
        if request.method != "POST":
            raise Problem(405, "Post signups here; read one under /signups/{id}.")
        response: HttpResponse = accept(request)
    except Problem as problem:
        response = problem.response()
        if problem.status == 405:
            response["Allow"] = "GET, POST, OPTIONS"
    return with_cors(request, response)


def accept(request: HttpRequest) -> JsonResponse:
    key = key_of(request)
    ip = client_ip(request)
    require_origin(request, key)
    require_pace(key, ip)
    if request.content_type != "application/json":
        raise Problem(415, "Send JSON: 'Content-Type: application/json'.")
    raw = read_limited(request, request.META.get("CONTENT_LENGTH"))
    taken = take_signup(
        checked(parse(raw)),
        key,
        ip=ip,
        idempotency_key=idempotency_key(request),
        raw=raw,
        language="" if key.is_secret else liked_language(request),
    )
    headers = {} if taken.verdict else {"Idempotency-Replayed": "true"}
    return JsonResponse(answer(taken, key), status=202, headers=headers)


def answer(taken: Taken, key: Key) -> dict[str, Any]:
    """To a pk_ key the same for every address; an sk_ key gets the verdict."""
    if not key.is_secret:
        return {"id": str(taken.id), "status": "accepted"}
    body: dict[str, Any] = {
        "id": str(taken.id),
        "status": "accepted" if taken.accepted else "filtered",
    }
    if taken.verdict is not None:
        body["verdict"] = {
            "category": taken.verdict.category.value,
            "rule": taken.verdict.rule,
            "evidence": taken.verdict.evidence,
        }
    return body


def require_origin(request: HttpRequest, key: Key) -> None:
    origin = request.META.get("HTTP_ORIGIN")
    if origin and not key.allows_origin(origin):
        raise Problem(
            403,
            f"The origin {origin[:100]} is not on this key's list. Add it under "
            "Account > API keys.",
            [FieldError("Origin", "origin", "Not on the key's list of origins.")],
            code="origin",
        )


def require_pace(key: Key, ip: str | None) -> None:
    wait = limiter.hit(f"key:{key.id}", settings.SIGNUP_RATE_PER_KEY)
    if not wait and not key.is_secret:
        wait = limiter.hit(f"ip:{network_of(ip)}", settings.SIGNUP_RATE_PER_IP)
    if wait:
        raise Problem(429, "Too many signups. Slow down.", retry_after=wait)


def idempotency_key(request: HttpRequest) -> str:
    text: str = request.META.get("HTTP_IDEMPOTENCY_KEY", "")
    if len(text) > MAX_IDEMPOTENCY_KEY or not text.isprintable():
        raise Problem.of_field(
            "Idempotency-Key",
            "too_long",
            f"At most {MAX_IDEMPOTENCY_KEY} printable characters.",
        )
    return text


def liked_language(request: HttpRequest) -> str:
    header: str = request.META.get("HTTP_ACCEPT_LANGUAGE", "")
    return accepted(header) if header else ""


def with_cors(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Let a page read the answer, also when it says that its origin is not listed."""
    origin = request.META.get("HTTP_ORIGIN")
    if origin:
        response["Access-Control-Allow-Origin"] = origin
        response["Vary"] = "Origin"
    response["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store")
    return response
