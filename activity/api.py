"""REST: why a contact is where it is."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from activity.explain import explain
from contacts.models import Contact
from contactsync.api.serializers import Choice
from contactsync.api.views import ApiView
from hygiene.verdict import Category

CATEGORIES = [category.value for category in Category]


class GateOut(serializers.Serializer[Any]):
    """One thing that has to be so before a contact arrives."""

    name = serializers.CharField()
    title = serializers.CharField()
    status = serializers.CharField(help_text="ok, now (it waits), bad or todo.")
    text = serializers.CharField()

    class Meta:
        ref_name = "Gate"


class DestinationOut(serializers.Serializer[Any]):
    """One place the contact was to go, and how far it got."""

    provider = serializers.CharField()
    provider_label = serializers.CharField()
    linked_account_id = serializers.UUIDField(allow_null=True)
    account_label = serializers.CharField()
    target_id = serializers.UUIDField(allow_null=True)
    audience = serializers.CharField()
    rule_id = serializers.UUIDField(allow_null=True)
    display_id = serializers.UUIDField(allow_null=True)
    display = serializers.CharField()
    delivery_id = serializers.IntegerField(allow_null=True)
    signup_id = serializers.UUIDField(allow_null=True)
    state = serializers.CharField(
        help_text="A delivery's state, or `no_rule`, or `filtered`."
    )
    reason = serializers.CharField()
    label: Any = serializers.CharField(help_text="The state in words.")
    gates = GateOut(many=True)
    gate = serializers.CharField(help_text="The gate that stopped it; empty for none.")
    sentence = serializers.CharField()
    next_step = serializers.CharField()
    provider_words = serializers.CharField(
        help_text="What the provider said, word for word."
    )
    action = serializers.CharField()
    action_label = serializers.CharField()
    attempts = serializers.IntegerField()
    due = serializers.DateTimeField(allow_null=True)
    changed_at = serializers.DateTimeField(allow_null=True)
    added_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "Destination"


class ExplainedVerdictOut(serializers.Serializer[Any]):
    signup_id = serializers.UUIDField()
    status = serializers.CharField()
    category = Choice(CATEGORIES, enum="VerdictCategory")
    rule = serializers.CharField()
    evidence = serializers.CharField()
    sentence = serializers.CharField()
    next_step = serializers.CharField()
    suggest = serializers.CharField()
    also = serializers.ListField(child=serializers.CharField())
    at = serializers.DateTimeField()
    display = serializers.CharField()
    display_id = serializers.UUIDField()

    class Meta:
        ref_name = "ExplainedVerdict"


class ExplanationOut(serializers.Serializer[Any]):
    contact_id = serializers.UUIDField()
    email = serializers.CharField()
    status = Choice(Contact.Status.choices, enum="ContactStatus")
    sentence = serializers.CharField(help_text="The answer in one sentence.")
    verdict = ExplainedVerdictOut(allow_null=True)
    destinations = DestinationOut(many=True)

    class Meta:
        ref_name = "Explanation"


class ContactExplain(ApiView):
    queryset = Contact.objects.all()
    pagination_class = None

    @extend_schema(
        operation_id="contacts_explain",
        summary="Explain a contact",
        description="Where the contact is, why, what the provider answered, and what "
        "helps: the same as the contact's page says.",
        responses=ExplanationOut,
    )
    def get(self, request: Request, id: UUID) -> Response:
        contact = self.one(Contact.objects.all(), pk=id)
        return Response(explain(contact, self.account).as_dict())
