"""``Idempotency-Key``: the same POST twice is done once and answered twice.

The record is written before the work starts, so that a duplicate which arrives in the
meantime is told to wait. The work and its answer are then stored in one transaction: a
record without an answer means that nothing was done, and after ``STALE`` (its process
is gone) the next request with that key does it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

from django.db import transaction
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from contactsync.api.models import IdempotencyRecord
from contactsync.api.problems import FieldError, Problem
from contactsync.lib.clock import now

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
MAX_KEY = 255
KEEP = timedelta(days=2)
STALE = timedelta(minutes=1)


def key_in(request: Request) -> str:
    """The request's key, or an empty string. Raises Problem 422."""
    text: str = request.META.get("HTTP_IDEMPOTENCY_KEY", "")
    if len(text) > MAX_KEY or not text.isprintable():
        raise Problem.of_field(
            HEADER, "too_long", f"{HEADER} has at most {MAX_KEY} printable characters."
        )
    return text


def once(request: Request, work: Callable[[], Response], *, atomic: bool) -> Response:
    """Do ``work``, or answer as it was answered before.

    With ``atomic`` the work and its answer are stored together or not at all. Raises
    Problem 409 while the first request runs, 422 when the key came with another body.
    """
    key = key_in(request)
    together = transaction.atomic if atomic else nullcontext
    if not key:
        with together():
            return work()
    record, mine = _claim(request, key)
    if not mine:
        return _replay(record)
    try:
        with together():
            response = work()
            _finish(record, response)
    except BaseException:
        # Refused or broken off, so nothing was done: the key is free again.
        IdempotencyRecord.objects.filter(pk=record.pk, status=None).delete()
        raise
    return response


def _claim(request: Request, key: str) -> tuple[IdempotencyRecord, bool]:
    """The key's record, and whether the work is ours to do."""
    account_id = request.auth.account_id
    at = now()
    records = IdempotencyRecord.objects.for_account(account_id)
    records.filter(created_at__lt=at - KEEP).delete()
    operation = f"{request.method} {request.path}"[:300]
    body = json.dumps(request.data, sort_keys=True, default=str).encode()
    body_hash = hashlib.sha256(body).hexdigest()
    record, created = records.get_or_create(
        account_id=account_id,
        key=key,
        defaults={"operation": operation, "body_hash": body_hash, "created_at": at},
    )
    if created:
        return record, True
    if (record.operation, record.body_hash) != (operation, body_hash):
        raise Problem(
            422,
            f"This {HEADER} was used for another request. Use a new key.",
            [FieldError(HEADER, "reused", "Used for another request before.")],
            code="idempotency",
        )
    taken_over = records.filter(
        pk=record.pk, status=None, created_at__lt=at - STALE
    ).update(created_at=at)
    return record, bool(taken_over)


def _replay(record: IdempotencyRecord) -> Response:
    if record.status is None:
        raise Problem(
            409,
            f"The first request with this {HEADER} is still running. Ask again soon.",
            [FieldError(HEADER, "running", "The first request is still running.")],
            code="idempotency",
            retry_after=1,
        )
    return Response(record.answer, status=record.status, headers={REPLAYED: "true"})


def _finish(record: IdempotencyRecord, response: Response) -> None:
    answer: Any = None
    if response.data is not None:
        answer = json.loads(JSONRenderer().render(response.data))
    IdempotencyRecord.objects.filter(pk=record.pk).update(
        status=response.status_code, answer=answer
    )
