"""REST: contacts, their timeline, and the addresses nothing is sent to."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import suppressions
from contacts.models import Contact, Event, Suppression
from contactsync.api.problems import Problem
from contactsync.api.serializers import Choice, Id, Strict, Text
from contactsync.api.views import ApiView
from contactsync.lib.clock import now
from contactsync.lib.email import MAX_EMAIL, email_key


class ContactOut(serializers.Serializer[Contact]):
    id = serializers.UUIDField()
    email = serializers.CharField()
    status = Choice(Contact.Status.choices, enum="ContactStatus")
    fields: Any = serializers.DictField(
        help_text="What the person submitted, the latest of each."
    )
    first_seen_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()

    class Meta:
        ref_name = "Contact"


class ContactQuery(Strict):
    status = Choice(Contact.Status.choices, enum="ContactStatus", required=False)
    email = Text(
        required=False, max_length=MAX_EMAIL, help_text="Exactly this address."
    )


class ContactList(ApiView):
    queryset = Contact.objects.all()

    @extend_schema(
        operation_id="contacts_list",
        summary="List contacts",
        parameters=[ContactQuery],
        responses=ContactOut(many=True),
    )
    def get(self, request: Request) -> Response:
        asked = self.query(ContactQuery)
        found = self.mine(Contact.objects.all())
        if "email" in asked:
            found = found.filter(email_key=email_key(asked.pop("email")))
        return self.page(found.filter(**asked), ContactOut)


class ContactDetail(ApiView):
    queryset = Contact.objects.all()

    @extend_schema(
        operation_id="contacts_get", summary="Read a contact", responses=ContactOut
    )
    def get(self, request: Request, id: UUID) -> Response:
        return Response(ContactOut(self.one(Contact.objects.all(), pk=id)).data)


class SuppressionOut(serializers.Serializer[Suppression]):
    id = serializers.UUIDField()
    email = serializers.CharField(source="email_key")
    actor = Choice(Suppression.Actor.choices, enum="SuppressionActor")
    reason = serializers.CharField()
    detail = serializers.CharField()
    linked_account = serializers.UUIDField(
        source="linked_account_id",
        allow_null=True,
        help_text="Where the person left; null: here.",
    )
    left_at = serializers.DateTimeField(
        help_text="Only an opt-in confirmed later than this takes the address off."
    )
    created_at = serializers.DateTimeField()

    class Meta:
        ref_name = "Suppression"


class SuppressionIn(Strict):
    email = Text(max_length=MAX_EMAIL)
    reason = Text(required=False, default="", allow_blank=True, max_length=200)

    class Meta:
        ref_name = "NewSuppression"


class SuppressionQuery(Strict):
    email = Text(required=False, max_length=MAX_EMAIL)
    actor = Choice(Suppression.Actor.choices, enum="SuppressionActor", required=False)


@extend_schema_view(
    get=extend_schema(
        operation_id="suppressions_list",
        summary="List suppressed addresses",
        parameters=[SuppressionQuery],
        responses=SuppressionOut(many=True),
    ),
    post=extend_schema(
        operation_id="suppressions_create",
        summary="Suppress an address",
        description="Nothing new is sent for it. An address that is suppressed "
        "already stays as it is, and is answered with 200.",
        request=SuppressionIn,
        responses={201: SuppressionOut, 200: SuppressionOut},
    ),
)
class SuppressionList(ApiView):
    queryset = Suppression.objects.all()

    def get(self, request: Request) -> Response:
        asked = self.query(SuppressionQuery)
        found = self.mine(Suppression.objects.all())
        if "email" in asked:
            found = found.filter(email_key=email_key(asked.pop("email")))
        return self.page(found.filter(**asked), SuppressionOut)

    def post(self, request: Request) -> Response:
        given = self.body(SuppressionIn)
        created = suppressions.suppress(
            account_id=self.account.pk,
            email=given["email"],
            actor=Suppression.Actor.ADMIN,
            left_at=now(),
            reason=given["reason"],
        )
        row = self.mine(Suppression.objects.all()).get(
            email_key=email_key(given["email"])
        )
        if created:
            self.audit("suppression.create", row.email_key)
        return Response(SuppressionOut(row).data, status=201 if created else 200)


class SuppressionDetail(ApiView):
    queryset = Suppression.objects.all()

    @extend_schema(
        operation_id="suppressions_get",
        summary="Read a suppression",
        responses=SuppressionOut,
    )
    def get(self, request: Request, id: UUID) -> Response:
        row = self.one(Suppression.objects.all(), pk=id)
        return Response(SuppressionOut(row).data)

    @extend_schema(
        operation_id="suppressions_delete",
        summary="Take an address off the list",
        description="Only what your team put there: an unsubscribe, a bounce or a "
        "complaint stays (409) until the person confirms an opt-in.",
        responses={204: None},
    )
    def delete(self, request: Request, id: UUID) -> Response:
        row = self.one(Suppression.objects.all(), pk=id)
        if not suppressions.take_back(row):
            raise Problem(
                409,
                f"{row.get_actor_display()}. Only the person's own confirmed opt-in "
                "takes the address off the list.",
                code="suppression.permanent",
            )
        self.audit("suppression.remove", row.email_key)
        return Response(status=204)


class EventOut(serializers.Serializer[Event]):
    id = serializers.IntegerField()
    contact = serializers.UUIDField(source="contact_id")
    kind = serializers.CharField(help_text="`noun.verb`, such as `delivery.synced`.")
    data: Any = serializers.DictField()
    delivery = serializers.IntegerField(source="delivery_id", allow_null=True)
    at = serializers.DateTimeField()

    class Meta:
        ref_name = "Event"


class EventQuery(Strict):
    contact = Id(required=False)
    kind = Text(required=False, max_length=40)


class EventList(ApiView):
    queryset = Event.objects.all()

    @extend_schema(
        operation_id="events_list",
        summary="List what happened",
        parameters=[EventQuery],
        responses=EventOut(many=True),
    )
    def get(self, request: Request) -> Response:
        asked = self.query(EventQuery)
        if "contact" in asked:
            asked["contact_id"] = asked.pop("contact")
        return self.page(self.mine(Event.objects.all()).filter(**asked), EventOut)
