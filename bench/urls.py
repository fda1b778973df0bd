from __future__ import annotations

import json

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from bench.models import Row
from contactsync.api.fastlane import fast_lane
from contactsync.urls import urlpatterns

__all__ = ["urlpatterns"]

MINIMAL = "/bench/minimal"


@fast_lane(MINIMAL)
@csrf_exempt
def minimal(request: HttpRequest) -> JsonResponse:
    """The least that Django can do: parse, insert one row by the ORM, answer.

    It skips the middleware just as the product's endpoint does.
    """
    body = json.loads(request.body)
    row = Row.objects.create(email=body["email"], fields=body.get("fields", {}))
    return JsonResponse({"id": row.pk, "status": "accepted"}, status=202)
