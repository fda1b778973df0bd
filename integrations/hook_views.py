"""Where providers call: ``POST /hooks/<provider>/<linked account>/<token>/``.

Answers are for machines and say little. A provider repeats what is not answered with
2xx, so only what can never be understood is refused for good.
"""

from __future__ import annotations

from uuid import UUID

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from contactsync.api.limits import limiter
from contactsync.api.parsers import read_limited
from contactsync.api.problems import Problem
from contactsync.lib.crypto import SealError
from integrations import flow_back, hooks
from integrations.adapters.base import Incoming
from integrations.adapters.errors import AdapterError, CredentialsError, RejectedError
from integrations.models import LinkedAccount

log = structlog.get_logger(__name__)

MAX_BYTES = 4 * 1024 * 1024
RATE = "1200/min"  # calls of one linked account
LATER_SECONDS = 60
PLAIN = "text/plain; charset=utf-8"


@csrf_exempt
def hook(request: HttpRequest, provider: str, pk: UUID, token: str) -> HttpResponse:
    """A provider's message. Some look with GET first whether anybody is there."""
    linked = hooks.addressed(provider, pk, token)
    if linked is None:
        return answer(404)
    if request.method in ("GET", "HEAD"):
        return answer(200)
    if request.method != "POST":
        return answer(405, {"Allow": "GET, HEAD, POST"})
    if wait := limiter.hit(f"hook:{linked.pk}", RATE):
        return later(429, wait)
    try:
        body = read_limited(request, request.META.get("CONTENT_LENGTH"), MAX_BYTES)
    except Problem as problem:
        return answer(problem.status)
    try:
        return take(linked, incoming(request, body))
    except Exception:  # ours; the provider is to repeat it, and no log gets the token
        log.exception("webhook failed", provider=provider, linked_account=str(pk))
        return answer(500)


def take(linked: LinkedAccount, message: Incoming) -> HttpResponse:
    """Apply a message: all of it, or nothing."""
    try:
        changes = hooks.understood(linked, message)
    except (AdapterError, SealError) as error:
        return refused(linked, error)
    applied = flow_back.apply(linked=linked, changes=changes, how="webhook")
    hooks.note_heard(linked, heard=applied.known, unknown=applied.unknown)
    return answer(200)


def refused(linked: LinkedAccount, error: AdapterError | SealError) -> HttpResponse:
    """``status`` is set where the provider did not let us read what it speaks of."""
    log.info(
        "webhook not taken",
        provider=linked.provider,
        linked_account=str(linked.pk),
        why=str(error),
    )
    if isinstance(error, AdapterError) and error.status is None:
        if isinstance(error, CredentialsError):
            return answer(401)
        if isinstance(error, RejectedError):
            return answer(400)
    return later(503, LATER_SECONDS)


def incoming(request: HttpRequest, body: bytes) -> Incoming:
    return Incoming(
        method=request.method or "POST",
        url=f"{settings.BASE_URL}{request.get_full_path()}",
        headers={name.lower(): value for name, value in request.headers.items()},
        query={name: str(value) for name, value in request.GET.items()},
        body=body,
    )


def later(status: int, seconds: float) -> HttpResponse:
    return answer(status, {"Retry-After": str(max(1, round(seconds)))})


def answer(status: int, headers: dict[str, str] | None = None) -> HttpResponse:
    response = HttpResponse(
        "ok" if status == 200 else "", status=status, content_type=PLAIN
    )
    for name, value in (headers or {}).items():
        response[name] = value
    # Django would log the path of what was refused, and the token is in it.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
