"""REST: our own confirmation mails, what became of them, and sending one again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from contacts.models import Contact
from contactsync.api.problems import Problem
from contactsync.api.serializers import Choice, Id, Strict, Text
from contactsync.api.views import ApiView
from contactsync.lib.clock import now
from displays.confirm_again import NotSent, confirmation_resend
from displays.confirm_events import Applied, Kind, mail_event
from displays.models import Confirmation

MOST = 1000


class ConfirmationOut(serializers.Serializer[Confirmation]):
    id = serializers.UUIDField()
    contact = serializers.UUIDField(source="contact_id")
    email = serializers.CharField()
    display = serializers.UUIDField(source="display_id", allow_null=True)
    signup = serializers.UUIDField(source="signup_id", allow_null=True)
    language = serializers.CharField()
    state = Choice(Confirmation.State.choices, enum="ConfirmationState")
    detail = serializers.CharField(
        help_text="What the mail server said, or why the mail waits."
    )
    message_id = serializers.CharField(help_text="Of the newest mail.")
    created_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)
    reminded_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    confirmed_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "Confirmation"


class ConfirmationQuery(Strict):
    contact = Id(required=False)
    state = Choice(Confirmation.State.choices, enum="ConfirmationState", required=False)


class ConfirmationList(ApiView):
    queryset = Confirmation.objects.all()

    @extend_schema(
        operation_id="confirmations_list",
        summary="List our own confirmation mails",
        parameters=[ConfirmationQuery],
        responses=ConfirmationOut(many=True),
    )
    def get(self, request: Request) -> Response:
        asked = self.query(ConfirmationQuery)
        if "contact" in asked:
            asked["contact_id"] = asked.pop("contact")
        found = self.mine(Confirmation.objects.all()).filter(**asked)
        return self.page(found, ConfirmationOut)


class MailEventIn(Strict):
    message_id = Text(max_length=200, help_text="With or without angle brackets.")
    event = Choice([kind.value for kind in Kind], enum="MailEvent")
    at = serializers.DateTimeField(
        required=False, help_text="When it happened; now, when left out."
    )
    detail = Text(
        required=False,
        default="",
        allow_blank=True,
        max_length=300,
        help_text="The mail server's words, shown to your team.",
    )

    class Meta:
        ref_name = "NewMailEvent"


class MailEventsIn(Strict):
    events = MailEventIn(many=True, min_length=1, max_length=MOST)

    class Meta:
        ref_name = "MailEvents"


class MailEventOut(serializers.Serializer[Any]):
    message_id = serializers.CharField()
    status = Choice([each.value for each in Applied], enum="MailEventStatus")

    class Meta:
        ref_name = "MailEventResult"


class MailEventsOut(serializers.Serializer[Any]):
    results = MailEventOut(many=True)

    class Meta:
        ref_name = "MailEventResults"


class ConfirmationEvents(ApiView):
    queryset = Confirmation.objects.all()
    pagination_class = None

    @extend_schema(
        operation_id="confirmations_events",
        summary="Report what became of confirmation mails",
        description="For your mail provider's webhook: delivered, bounced, complained, "
        "by Message-ID. Who complained is suppressed. A repeated report changes "
        "nothing.",
        request=MailEventsIn,
        responses={200: MailEventsOut},
    )
    def post(self, request: Request) -> Response:
        results = []
        for each in self.body(MailEventsIn)["events"]:
            at = min(each.get("at") or now(), now())
            status = mail_event(
                account_id=self.key.account_id,
                message_id=each["message_id"],
                kind=each["event"],
                at=at,
                detail=each["detail"],
            )
            results.append({"message_id": each["message_id"], "status": status.value})
        return Response({"results": results})


class ContactConfirmation(ApiView):
    queryset = Contact.objects.all()

    @extend_schema(
        operation_id="contacts_confirmation_send",
        summary="Send a contact the confirmation mail again",
        description="409 when nothing waits for a confirmation of this contact, 429 "
        "when the address got its mails for today. What had expired waits again.",
        request=None,
        responses={202: None},
    )
    def post(self, request: Request, id: UUID) -> Response:
        contact = self.one(Contact.objects.all(), pk=id)
        try:
            confirmation_resend(account_id=contact.account_id, contact_id=contact.pk)
        except NotSent as refused:
            if refused.limited:
                raise Problem(429, str(refused), code="confirmation.limited") from None
            raise Problem(409, str(refused), code="confirmation.none") from None
        self.audit("confirmation.resend", contact.email)
        return Response(status=202)
