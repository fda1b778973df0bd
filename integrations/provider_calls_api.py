"""REST: what is asked of the provider while the caller waits."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from contactsync.api.schema import problems
from contactsync.api.serializers import Strict, Text
from integrations import services
from integrations.api import LinkedAccountView, ReadingOut
from integrations.api_problems import ask


class LinkedAccountTest(LinkedAccountView):
    # The provider is called here, and no transaction waits for a provider.
    atomic = False
    pagination_class = None

    @extend_schema(
        operation_id="linked_accounts_test",
        summary="Test a linked account",
        description="Talks to the provider by the real path. A failed reading is a "
        "reading: it answers 200 with `ok` false.",
        request=None,
        responses={200: ReadingOut},
    )
    def post(self, request: Request, id: UUID) -> Response:
        linked = self.linked(id)
        reading = services.linked_account_test(linked)
        self.audit("linked_account.test", str(linked), result=reading.title)
        return Response(ReadingOut(reading).data)


class AudienceOut(serializers.Serializer[Any]):
    id = serializers.CharField()
    label: Any = serializers.CharField()
    size = serializers.IntegerField(allow_null=True)
    double_opt_in = serializers.BooleanField(
        allow_null=True, help_text="null: the provider cannot say."
    )

    class Meta:
        ref_name = "Audience"


class AudiencesOut(serializers.Serializer[Any]):
    results = AudienceOut(many=True)

    class Meta:
        ref_name = "Audiences"


class AudienceList(LinkedAccountView):
    pagination_class = None

    @extend_schema(
        operation_id="linked_accounts_audiences",
        summary="List a linked account's audiences",
        description="Read from the provider now.",
        responses={200: AudiencesOut, **problems("409", "502")},
    )
    def get(self, request: Request, id: UUID) -> Response:
        linked = self.linked(id)
        self.query(Strict)
        found = ask(linked, lambda: services.audiences_of(linked))
        return Response({"results": [asdict(audience) for audience in found]})


class FieldOut(serializers.Serializer[Any]):
    id = serializers.CharField()
    label: Any = serializers.CharField()
    type = serializers.CharField()
    required: Any = serializers.BooleanField()
    read_only: Any = serializers.BooleanField()
    options = serializers.ListField(child=serializers.CharField())

    class Meta:
        ref_name = "ProviderField"


class FieldsOut(serializers.Serializer[Any]):
    results = FieldOut(many=True)

    class Meta:
        ref_name = "ProviderFields"


class FieldQuery(Strict):
    audience = Text(max_length=200, help_text="An `id` of /audiences.")


class FieldList(LinkedAccountView):
    pagination_class = None

    @extend_schema(
        operation_id="linked_accounts_fields",
        summary="List the fields of an audience",
        description="Read from the provider now. A rule's `mapping` names the `id`.",
        parameters=[FieldQuery],
        responses={200: FieldsOut, **problems("409", "502")},
    )
    def get(self, request: Request, id: UUID) -> Response:
        linked = self.linked(id)
        audience = self.query(FieldQuery)["audience"]
        found = ask(linked, lambda: services.fields_of(linked, audience))
        return Response({"results": [asdict(field) for field in found]})
