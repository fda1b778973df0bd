"""REST: comparing the books with the provider."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from drf_spectacular.utils import (
    extend_schema,
    extend_schema_field,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from contactsync.api.problems import Problem
from contactsync.api.schema import problems
from integrations import reconcile
from integrations.api import LinkedAccountView
from integrations.flow_back_page import Books, books_of
from integrations.models import LinkedAccount
from integrations.waker import comparer


class SampleOut(serializers.Serializer[Any]):
    contact = serializers.UUIDField()
    email = serializers.CharField()
    what = serializers.CharField(help_text="missing, left, removed or different.")
    status = serializers.CharField(help_text="As the provider has it.")
    detail = serializers.CharField(allow_blank=True)

    class Meta:
        ref_name = "ReconcileSample"


class FoundOut(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    checked = serializers.IntegerField(help_text="Contacts whom we call synced.")
    agree = serializers.IntegerField()
    missing = serializers.IntegerField(help_text="Not there, and nobody told us why.")
    left = serializers.IntegerField(help_text="Unsubscribed, bounced or complained.")
    removed = serializers.IntegerField(help_text="Archived or deleted by somebody.")
    different = serializers.IntegerField(help_text="There, and not subscribed yet.")
    extra = serializers.IntegerField(
        allow_null=True,
        help_text="There, and not from here; null: the provider lists nobody.",
    )
    sample = SampleOut(many=True, help_text="At most 20, who is missing first.")
    repaired = serializers.IntegerField(help_text="How many are sent again.")
    stopped = serializers.CharField(
        help_text="`too_many`: so many are missing that none is sent again."
    )

    class Meta:
        ref_name = "Reconciled"


class BooksOut(serializers.Serializer[Books]):
    target = serializers.UUIDField(source="target.pk")
    audience = serializers.CharField(source="target.audience_id")
    audience_label = serializers.CharField(source="label")
    running = serializers.BooleanField()
    error = serializers.SerializerMethodField(
        help_text="Why it could not be compared the last time, or empty."
    )
    found = serializers.SerializerMethodField(help_text="null: never compared.")

    class Meta:
        ref_name = "Books"

    def get_error(self, books: Books) -> str:
        return str(books.found.get("error", ""))

    @extend_schema_field(FoundOut(allow_null=True))
    def get_found(self, books: Books) -> Any:
        return FoundOut(books.found).data if books.at else None


class ReconcileOut(serializers.Serializer[Any]):
    results = BooksOut(many=True)

    class Meta:
        ref_name = "Reconcile"


@extend_schema_view(
    get=extend_schema(
        operation_id="linked_accounts_reconcile_get",
        summary="Read how the books and the provider agree",
        description="One result for each live rule's audience. They are compared once "
        "a day, and when asked.",
        responses=ReconcileOut,
    ),
    post=extend_schema(
        operation_id="linked_accounts_reconcile",
        summary="Compare the books with the provider now",
        description="Begins within seconds; read the result here later.",
        request=None,
        responses={202: ReconcileOut, **problems("409")},
    ),
)
class LinkedAccountReconcile(LinkedAccountView):
    pagination_class = None

    def get(self, request: Request, id: UUID) -> Response:
        return Response(shown(self.linked(id)))

    def post(self, request: Request, id: UUID) -> Response:
        linked = self.linked(id)
        if linked.provider not in reconcile.able():
            raise Problem(
                409,
                f"{linked.adapter_class.label} does not tell who is there, so the "
                "books cannot be compared.",
                code="not_supported",
            )
        targets = reconcile.start(linked)
        transaction.on_commit(lambda: comparer.wake(targets), robust=True)
        self.audit("linked_account.reconcile", str(linked))
        return Response(shown(linked), status=202)


def shown(linked: LinkedAccount) -> dict[str, Any]:
    return dict(ReconcileOut({"results": books_of(linked)}).data)
