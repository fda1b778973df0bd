"""REST: the account's deliverability score, and whether sending is suspended."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from activity.deliverability_figures import standing
from activity.deliverability_todo import todo
from activity.score import DAYS, ENOUGH
from contactsync.api.views import ApiView
from contactsync.tenancy.suspension import is_waiting, open_suspension


class PartOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    sentence = serializers.CharField()
    count = serializers.IntegerField()
    of = serializers.IntegerField()
    rate = serializers.FloatField(help_text="A fraction: 0.02 is 2 %.")
    counted = serializers.FloatField(
        help_text="The rate that the figures prove, allowing for chance."
    )
    fine = serializers.FloatField(help_text="Up to here no points are lost.")
    bad = serializers.FloatField()
    points = serializers.IntegerField(help_text="Points lost.")
    most = serializers.IntegerField(help_text="The most that it can cost.")

    class Meta:
        ref_name = "DeliverabilityPart"


class SuspensionOut(serializers.Serializer[Any]):
    since = serializers.DateTimeField(source="opened_at")
    reason = serializers.CharField()
    evidence = serializers.JSONField(help_text="The score and its parts of then.")
    appeal = serializers.CharField()
    appealed_at = serializers.DateTimeField(allow_null=True)
    appeal_waits = serializers.SerializerMethodField()
    decision = serializers.CharField(help_text="`kept`, or empty.")
    decision_reason = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "Suspension"

    def get_appeal_waits(self, row: Any) -> bool:
        return is_waiting(row)


class DeliverabilityOut(serializers.Serializer[Any]):
    score = serializers.IntegerField(
        allow_null=True, help_text=f"Null while fewer than {ENOUGH} people count."
    )
    score_before = serializers.IntegerField(
        allow_null=True, help_text="Of the days before."
    )
    days = serializers.IntegerField()
    reached = serializers.IntegerField()
    parts = PartOut(many=True)
    todo = serializers.ListField(child=serializers.CharField())
    limit = serializers.IntegerField(help_text="Suspended below; 0: never.")
    suspended = serializers.BooleanField()
    since = serializers.DateTimeField(allow_null=True)
    suspension = SuspensionOut(allow_null=True)

    class Meta:
        ref_name = "Deliverability"


class DeliverabilityView(ApiView):
    pagination_class = None

    @extend_schema(
        operation_id="deliverability",
        summary="The deliverability score",
        description="What it is made of, what helps, and whether sending is "
        "suspended. Only a reviewer of the installation can clear a suspension.",
        responses=DeliverabilityOut,
    )
    def get(self, request: Request) -> Response:
        found = standing(self.account)
        body = {
            "score": found.now.value,
            "score_before": found.before.value,
            "days": DAYS,
            "reached": found.now.reached,
            "parts": [part.as_dict() for part in found.now.parts],
            "todo": [str(step) for step in todo(self.account, found.now)],
            "limit": found.limit,
            "suspended": self.account.suspended_at is not None,
            "since": self.account.suspended_at,
            "suspension": open_suspension(self.account),
        }
        return Response(DeliverabilityOut(body).data)
