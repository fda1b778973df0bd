"""REST: displays and their sync rules."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from contactsync.api.permissions import AnyKey
from contactsync.api.serializers import Choice, Flag, Strict, Text
from contactsync.api.views import ApiView
from displays.models import Display
from displays.public import require_origin, with_cors
from displays.services import display_create, display_save, display_set_status
from integrations.forms import one_line

WORDS = ("headline", "body", "button", "consent_text", "ask_name")
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization",
    "Access-Control-Max-Age": "86400",
}


class DisplayOut(serializers.Serializer[Display]):
    """What a pk_ key may read is always there; the rest is for sk_ keys."""

    id = serializers.UUIDField()
    kind = Choice(Display.Kind.choices, enum="DisplayKind")
    status = Choice(Display.Status.choices, enum="DisplayStatus")
    headline = serializers.CharField()
    body = serializers.CharField()
    button = serializers.CharField()
    consent_text = serializers.CharField()
    ask_name = serializers.BooleanField()
    name = serializers.CharField(required=False)
    created_at = serializers.DateTimeField(required=False)
    changed_at = serializers.DateTimeField(required=False)

    class Meta:
        ref_name = "Display"


class PublicDisplayOut(serializers.Serializer[Display]):
    """What stands on the tenant's web page anyway."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    status = serializers.CharField()
    headline = serializers.CharField()
    body = serializers.CharField()
    button = serializers.CharField()
    consent_text = serializers.CharField()
    ask_name = serializers.BooleanField()


class DisplayPatch(Strict):
    name = Text(max_length=120, required=False, validators=[one_line])
    kind = Choice(Display.Kind.choices, enum="DisplayKind", required=False)
    status = Choice(
        Display.Status.choices,
        enum="DisplayStatus",
        required=False,
        help_text="Only a live display takes signups.",
    )
    headline = Text(max_length=120, required=False)
    body = Text(max_length=400, required=False, allow_blank=True)
    button = Text(max_length=40, required=False)
    consent_text = Text(max_length=400, required=False)
    ask_name = Flag(required=False)

    class Meta:
        ref_name = "DisplayChange"


class DisplayIn(DisplayPatch):
    name = Text(max_length=120, validators=[one_line])

    class Meta:
        ref_name = "NewDisplay"


class DisplayQuery(Strict):
    status = Choice(Display.Status.choices, enum="DisplayStatus", required=False)
    kind = Choice(Display.Kind.choices, enum="DisplayKind", required=False)


def say(display: Display, given: dict[str, Any]) -> None:
    """Change the display's words, as far as they are named."""
    named = [name for name in ("name", "kind", *WORDS) if name in given]
    for name in named:
        setattr(display, name, given[name])
    if named:
        display_save(display=display, fields=named)


@extend_schema_view(
    get=extend_schema(
        operation_id="displays_list",
        summary="List displays",
        parameters=[DisplayQuery],
        responses=DisplayOut(many=True),
    ),
    post=extend_schema(
        operation_id="displays_create",
        summary="Create a display",
        request=DisplayIn,
        responses={201: DisplayOut},
    ),
)
class DisplayList(ApiView):
    queryset = Display.objects.all()

    def get(self, request: Request) -> Response:
        asked = self.query(DisplayQuery)
        return self.page(self.mine(Display.objects.all()).filter(**asked), DisplayOut)

    def post(self, request: Request) -> Response:
        given = self.body(DisplayIn)
        display = display_create(
            account=self.account,
            name=given.pop("name"),
            kind=given.pop("kind", Display.Kind.POPUP),
            status=given.pop("status", Display.Status.DRAFT),
        )
        say(display, given)
        self.audit("display.create", display.name)
        return Response(DisplayOut(display).data, status=201)


@extend_schema_view(
    get=extend_schema(
        operation_id="displays_get",
        summary="Read a display",
        description="With a `pk_` key (from the origins on its list): what the page "
        "shows. With an `sk_` key: all of it.",
        responses=DisplayOut,
    ),
    patch=extend_schema(
        operation_id="displays_change",
        summary="Change a display",
        description="What is not named stays.",
        request=DisplayPatch,
        responses=DisplayOut,
    ),
)
class DisplayDetail(ApiView):
    queryset = Display.objects.all()

    def get_permissions(self) -> list[Any]:
        if self.request.method == "GET":
            return [AnyKey()]
        return list(super().get_permissions())

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """A web page reads its display: answer the browser's preflight too."""
        if request.method == "OPTIONS":
            return with_cors(request, HttpResponse(status=204, headers=PREFLIGHT))
        return with_cors(request, super().dispatch(request, *args, **kwargs))

    def get(self, request: Request, id: UUID) -> Response:
        display = self.one(Display.objects.all(), pk=id)
        if self.key.is_secret:
            return Response(DisplayOut(display).data)
        require_origin(request._request, self.key)
        return Response(PublicDisplayOut(display).data)

    def patch(self, request: Request, id: UUID) -> Response:
        display = self.one(Display.objects.all(), pk=id)
        given = self.body(DisplayPatch)
        say(display, given)
        if given.get("status", display.status) != display.status:
            display_set_status(display=display, status=given["status"])
        self.audit("display.update", display.name, changed=sorted(given))
        return Response(DisplayOut(display).data)
