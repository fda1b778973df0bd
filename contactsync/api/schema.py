"""What /api/schema/ says about every operation: key, headers, and how errors look."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from contactsync.api.serializers import Strict

READ = ("401", "403", "404", "406", "422", "429")
WRITE = ("400", "401", "403", "404", "406", "409", "413", "415", "422", "429")
MEANINGS = {
    "400": "The body is not JSON, or holds what cannot be stored.",
    "401": "The key is missing, unknown or revoked.",
    "403": "The key may not do that.",
    "404": "There is no such thing in this account.",
    "406": "Only JSON is served.",
    "409": "It does not fit the present state; `detail` says what helps.",
    "413": "The body is too large.",
    "415": "Only `application/json` is understood.",
    "422": "Some fields are not valid; `errors` names each.",
    "429": "Too many requests; `Retry-After` says when to come back.",
    "502": "The provider did not answer or refused; see `reason` and `next_step`.",
}
PROBLEM = "application/problem+json"


class ErrorItem(serializers.Serializer[Any]):
    field = serializers.CharField(help_text="A path such as `fields.first_name`.")
    code = serializers.CharField()
    detail = serializers.CharField()

    class Meta:
        ref_name = "FieldError"


class ProblemBody(serializers.Serializer[Any]):
    """RFC 9457 problem details."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = ErrorItem(many=True)
    reason = serializers.CharField(
        required=False, help_text="A provider's failure: the class of the cause."
    )
    next_step = serializers.CharField(required=False, help_text="What helps.")
    action = serializers.CharField(
        required=False, help_text="The button that helps: reconnect, retry, ..."
    )

    class Meta:
        ref_name = "Problem"


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Any text of your own, up to 255 characters. The same key and body "
    "again is done once and answered alike; with another body it is refused.",
)
REPLAYED = OpenApiParameter(
    "Idempotency-Replayed",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="`true` when this answer was given before.",
    response=["200", "201", "202", "204"],
)
RETRY_AFTER = OpenApiParameter(
    "Retry-After",
    OpenApiTypes.INT,
    OpenApiParameter.HEADER,
    description="Seconds.",
    response=["429"],
)


def problems(*statuses: str) -> dict[Any, Any]:
    """Further problem answers of an operation, for ``extend_schema(responses=)``."""
    return {
        (int(status), PROBLEM): OpenApiResponse(ProblemBody, MEANINGS[status])
        for status in statuses
    }


class ApiSchema(AutoSchema):
    """Adds to each operation what all of them share."""

    def get_override_parameters(self) -> list[Any]:
        found = [*super().get_override_parameters(), RETRY_AFTER]
        if self.method == "POST":
            found += [IDEMPOTENCY_KEY, REPLAYED]
        return found

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        for status in READ if self.method == "GET" else WRITE:
            answer = OpenApiResponse(ProblemBody, MEANINGS[status])
            bodies.setdefault(
                status, self._get_response_for_code(answer, status, [PROBLEM])
            )
        return bodies

    def get_description(self) -> str:
        """What ``extend_schema`` says; the views' docstrings are for us."""
        return ""

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        schema = super()._map_basic_serializer(serializer, direction)
        if not vars(type(serializer)).get("__doc__"):
            schema.pop("description", None)
        if isinstance(serializer, Strict):
            schema["additionalProperties"] = False
        return schema


class BearerKey(OpenApiAuthenticationExtension):
    target_class = "contactsync.api.keys.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "`sk_...` for servers; `pk_...` stands in web pages and may "
            "post signups and read a display.",
        }


class EnumField(OpenApiSerializerFieldExtension):
    """A Choice is a named component, so that equal words are one type."""

    target_class = "contactsync.api.serializers.Choice"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> Any:
        words = [word for word in self.target.choices if word != ""]
        component = ResolvedComponent(
            name=self.target.enum,
            type=ResolvedComponent.SCHEMA,
            schema={"type": "string", "enum": words},
            object=self.target.enum,
        )
        auto_schema.registry.register_on_missing(component)
        return component.ref
