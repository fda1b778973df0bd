"""REST: what is not as promised."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from activity.incident_work import notice
from activity.incidents import kind_of
from activity.models import Incident
from contactsync.api.serializers import Choice, Strict, Text
from contactsync.api.views import ApiView

STATES = ("open", "closed")


class IncidentOut(serializers.Serializer[Incident]):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    key = serializers.CharField(help_text="What it is about; one is open per kind.")
    title = serializers.CharField()
    meaning = serializers.SerializerMethodField()
    next_step = serializers.SerializerMethodField()
    detail = serializers.DictField(help_text="The figures, by name.")
    opened_at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField(help_text="When it was last found.")
    closed_at = serializers.DateTimeField(allow_null=True)
    closed_by = serializers.SerializerMethodField()
    note = serializers.CharField()

    class Meta:
        ref_name = "Incident"

    @extend_schema_field(str)
    def get_meaning(self, incident: Incident) -> str:
        return kind_of(incident).meaning

    @extend_schema_field(str)
    def get_next_step(self, incident: Incident) -> str:
        return kind_of(incident).next_step

    @extend_schema_field(str)
    def get_closed_by(self, incident: Incident) -> str:
        """A person, or empty: it closed by itself, or is open."""
        return str(incident.closed_by) if incident.closed_by else ""


class IncidentQuery(Strict):
    state = Choice(STATES, enum="IncidentState", required=False)
    kind = Text(required=False, max_length=40)


class IncidentList(ApiView):
    queryset = Incident.objects.select_related("closed_by")

    @extend_schema(
        operation_id="incidents_list",
        summary="List incidents",
        description="What is not as promised, the newest first. Incidents open and "
        "close by themselves.",
        parameters=[IncidentQuery],
        responses=IncidentOut(many=True),
    )
    def get(self, request: Request) -> Response:
        asked: dict[str, Any] = self.query(IncidentQuery)
        notice(self.account)
        found = self.mine(self.get_queryset())
        if "state" in asked:
            found = found.filter(closed_at__isnull=asked["state"] == "open")
        if "kind" in asked:
            found = found.filter(kind=asked["kind"])
        return self.page(found, IncidentOut)
