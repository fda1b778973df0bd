"""REST: deliveries, the rows of the outbox."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from contactsync.api.problems import FieldError, Problem
from contactsync.api.serializers import Choice, Id, Strict, Text
from contactsync.api.views import ApiView
from integrations import outbox
from integrations.models import Delivery, State
from integrations.reasons import Fix, fix_for
from integrations.waker import waker

MAX_ID = 2**63 - 1


class TargetOut(serializers.Serializer[Any]):
    """Where a delivery goes."""

    linked_account = serializers.UUIDField(source="linked_account_id")
    provider = serializers.CharField(source="linked_account.provider")
    label: Any = serializers.CharField(source="linked_account.label")
    audience = serializers.CharField(source="audience_id")
    audience_label = serializers.CharField()
    double_opt_in = serializers.BooleanField()

    class Meta:
        ref_name = "Target"


class DeliveryOut(serializers.Serializer[Delivery]):
    id = serializers.IntegerField()
    state = Choice(State.choices, enum="DeliveryState")
    reason = serializers.CharField(help_text="The class of the cause; may be empty.")
    detail = serializers.CharField(help_text="What the provider answered.")
    explanation = serializers.SerializerMethodField()
    next_step = serializers.SerializerMethodField()
    action = serializers.SerializerMethodField()
    attempts = serializers.IntegerField()
    due = serializers.DateTimeField(help_text="When it is tried or looked up next.")
    remote_id = serializers.CharField()
    contact = serializers.UUIDField(source="contact_id")
    signup = serializers.UUIDField(source="signup_id", allow_null=True)
    target = TargetOut()
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()

    class Meta:
        ref_name = "Delivery"

    def _fix(self, delivery: Delivery) -> Fix | None:
        linked = delivery.target.linked_account
        return fix_for(delivery.reason, linked.adapter_class.label)

    @extend_schema_field(str)
    def get_explanation(self, delivery: Delivery) -> str:
        fix = self._fix(delivery)
        return fix.sentence if fix else ""

    @extend_schema_field(str)
    def get_next_step(self, delivery: Delivery) -> str:
        fix = self._fix(delivery)
        return fix.next_step if fix else ""

    @extend_schema_field(str)
    def get_action(self, delivery: Delivery) -> str:
        fix = self._fix(delivery)
        return fix.action if fix else ""


class DeliveryQuery(Strict):
    state = Choice(State.choices, enum="DeliveryState", required=False)
    reason = Text(required=False, max_length=40)
    linked_account = Id(required=False)
    contact = Id(required=False)
    signup = Id(required=False)


class DeliveryView(ApiView):
    queryset = Delivery.objects.select_related("target__linked_account")

    def delivery(self, id: int) -> Delivery:
        found: Delivery = self.one(self.get_queryset(), pk=min(id, MAX_ID))
        return found


class DeliveryList(DeliveryView):
    @extend_schema(
        operation_id="deliveries_list",
        summary="List deliveries",
        parameters=[DeliveryQuery],
        responses=DeliveryOut(many=True),
    )
    def get(self, request: Request) -> Response:
        asked = self.query(DeliveryQuery)
        for name in ("linked_account", "contact", "signup"):
            if name in asked:
                asked[f"{name}_id"] = asked.pop(name)
        return self.page(self.mine(self.get_queryset()).filter(**asked), DeliveryOut)


class DeliveryDetail(DeliveryView):
    @extend_schema(
        operation_id="deliveries_get",
        summary="Read a delivery",
        responses=DeliveryOut,
    )
    def get(self, request: Request, id: int) -> Response:
        return Response(DeliveryOut(self.delivery(id)).data)


class DeliveryRetry(DeliveryView):
    @extend_schema(
        operation_id="deliveries_retry",
        summary="Try a delivery again now",
        description="For failed and waiting deliveries. Others answer 409 and say what "
        "they wait for.",
        request=None,
        responses={200: DeliveryOut},
    )
    def post(self, request: Request, id: int) -> Response:
        delivery = self.delivery(id)
        if not outbox.retry(delivery.pk, account_id=self.key.account_id):
            raise not_retried(delivery)
        linked_account_id = delivery.linked_account_id
        transaction.on_commit(lambda: waker.wake([linked_account_id]), robust=True)
        self.audit("delivery.retry", str(delivery.pk))
        return Response(DeliveryOut(self.delivery(id)).data)


def not_retried(delivery: Delivery) -> Problem:
    """Why this state is not left by a retry, and what helps instead."""
    fix = fix_for(delivery.reason, delivery.target.linked_account.adapter_class.label)
    state = delivery.get_state_display()
    return Problem(
        409,
        f"Only failed and waiting deliveries are retried; this one is: {state}. "
        f"{fix.next_step if fix else ''}".strip(),
        [FieldError("state", delivery.state, fix.sentence if fix else state)],
        code="delivery.state",
    )
