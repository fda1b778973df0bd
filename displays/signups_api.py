"""REST: signups as they were taken, and many of them at once.

Posting one signup is in ``displays.public``; it is described here for the schema.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import asdict
from typing import Any, ClassVar
from uuid import UUID

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from contacts.models import Contact
from contactsync.api.fastlane import fast_lane
from contactsync.api.idempotency import key_in
from contactsync.api.parsers import BulkJSONParser
from contactsync.api.problems import Problem
from contactsync.api.schema import ErrorItem
from contactsync.api.serializers import Choice, Id, Strict, Text
from contactsync.api.views import ApiView
from contactsync.lib.email import MAX_EMAIL, email_key
from contactsync.tenancy.models import ApiKey
from displays import intake, public
from displays.intake import Taken
from displays.models import Signup
from hygiene.verdict import Category
from integrations.deliveries_api import DeliveryOut
from integrations.models import Delivery

MOST = 1000
UNSTORED = "It could not be stored. Send it again."
CATEGORIES = [category.value for category in Category]


class VerdictOut(serializers.Serializer[Signup]):
    category = Choice(CATEGORIES, enum="VerdictCategory")
    rule = serializers.CharField()
    evidence = serializers.CharField()

    class Meta:
        ref_name = "Verdict"


class FullVerdictOut(VerdictOut):
    also = serializers.ListField(child=serializers.CharField())
    suggest = serializers.CharField()

    class Meta:
        ref_name = "FullVerdict"


class SignupOut(serializers.Serializer[Signup]):
    id = serializers.UUIDField()
    status = Choice(Signup.Status.choices, enum="SignupStatus")
    email = serializers.CharField()
    display = serializers.UUIDField(source="display_id")
    contact = serializers.UUIDField(source="contact_id")
    environment = Choice(ApiKey.Environment.choices, enum="Environment")
    fields: Any = serializers.DictField()
    context: Any = serializers.DictField(help_text="utm, referrer and page_url.")
    ip = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField()
    verdict = FullVerdictOut(source="*")

    class Meta:
        ref_name = "Signup"


class SignupDeliveryOut(DeliveryOut):
    rule = serializers.SerializerMethodField(help_text="The sync rule that sent it.")

    class Meta:
        ref_name = "SignupDelivery"

    @extend_schema_field({"type": ["string", "null"], "format": "uuid"})
    def get_rule(self, delivery: Delivery) -> str | None:
        rule = getattr(delivery.target, "rule", None)
        return str(rule.pk) if rule else None


class SignupDetailOut(SignupOut):
    deliveries = SignupDeliveryOut(many=True)

    class Meta:
        ref_name = "SignupDetail"


class SignupQuery(Strict):
    display = Id(required=False)
    status = Choice(Signup.Status.choices, enum="SignupStatus", required=False)
    category = Choice(CATEGORIES, enum="VerdictCategory", required=False)
    environment = Choice(ApiKey.Environment.choices, enum="Environment", required=False)
    email = Text(
        required=False, max_length=MAX_EMAIL, help_text="Exactly this address."
    )


class ConsentIn(serializers.Serializer[Any]):
    given = serializers.BooleanField()
    text = serializers.CharField(
        required=False, allow_null=True, help_text="The wording that was shown."
    )

    class Meta:
        ref_name = "ConsentGiven"


class SignupIn(Strict):
    """A signup as a display posts it."""

    # For the schema only: displays.intake checks the body.

    display = serializers.CharField(help_text="The id of a live display.")
    email = serializers.CharField(max_length=MAX_EMAIL)
    fields: Any = serializers.DictField(
        required=False,
        allow_null=True,
        help_text="Your own fields, at most 50: texts, numbers, true or false, or "
        "lists of texts. `first_name` and `last_name` help the hygiene filter.",
    )
    consent = ConsentIn(required=False, allow_null=True)
    page_url = serializers.CharField(
        required=False, allow_null=True, max_length=intake.MAX_URL
    )
    referrer = serializers.CharField(
        required=False, allow_null=True, max_length=intake.MAX_URL
    )
    utm = serializers.DictField(
        child=serializers.CharField(allow_null=True), required=False, allow_null=True
    )
    token = serializers.CharField(
        required=False, allow_null=True, max_length=intake.MAX_VALUE
    )
    elapsed_ms = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=10**12,
        help_text="From showing the form to sending it.",
    )
    hp = serializers.CharField(
        required=False,
        allow_null=True,
        max_length=intake.MAX_VALUE,
        help_text="The hidden field that people leave empty.",
    )

    class Meta:
        ref_name = "NewSignup"


class TakenOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    status = Choice(Signup.Status.choices, enum="SignupStatus")
    verdict = VerdictOut(required=False, help_text="For sk_ keys only.")

    class Meta:
        ref_name = "TakenSignup"


class Signups(ApiView):
    queryset = Signup.objects.all()

    @extend_schema(
        operation_id="signups_list",
        summary="List signups",
        parameters=[SignupQuery],
        responses=SignupOut(many=True),
    )
    def get(self, request: Request) -> Response:
        asked = self.query(SignupQuery)
        found = self.mine(Signup.objects.all())
        if "email" in asked:
            people = self.mine(Contact.objects.all()).filter(
                email_key=email_key(asked.pop("email"))
            )
            found = found.filter(contact_id__in=people.values("pk"))
        if "display" in asked:
            asked["display_id"] = asked.pop("display")
        return self.page(found.filter(**asked), SignupOut)

    @extend_schema(
        operation_id="signups_create",
        summary="Post a signup",
        description="Takes a `pk_` key (from the origins on its list) or an `sk_` key. "
        "202 means that the signup is stored for good. To a `pk_` key the answer is "
        "the same for every address, known, new or filtered; an `sk_` key also gets "
        "the verdict, except when an Idempotency-Key repeats an earlier request.",
        parameters=[
            OpenApiParameter(
                "Access-Control-Allow-Origin",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                description="The caller's origin, for calls from a web page.",
                response=["202"],
            )
        ],
        request=SignupIn,
        responses={202: TakenOut},
    )
    def post(self, request: Request) -> HttpResponse:
        """Reached only where the fast lane is not installed."""
        return public.signups(request._request)


@fast_lane(public.SIGNUPS_PATH, "GET", "HEAD")
def read_signups(request: HttpRequest) -> HttpResponse:
    """The list has the path of the endpoint that takes signups."""
    response: HttpResponse = Signups.as_view()(request)
    return response


class SignupDetail(ApiView):
    queryset = Signup.objects.all()

    @extend_schema(
        operation_id="signups_get",
        summary="Read a signup, its verdict and its deliveries",
        responses=SignupDetailOut,
    )
    def get(self, request: Request, id: UUID) -> Response:
        signup = self.one(Signup.objects.all(), pk=id)
        signup.deliveries = (
            self.mine(Delivery.objects.all())
            .filter(contact_id=signup.contact_id, signup_id=signup.pk)
            .select_related("target__linked_account", "target__rule")
            .order_by("id")
        )
        return Response(SignupDetailOut(signup).data)


@extend_schema_field(SignupIn(many=True))
class Items(serializers.ListField):
    """Each item is checked by itself, so that a bad one stops no other."""

    child = serializers.JSONField(allow_null=True)


class BatchIn(Strict):
    signups = Items(min_length=1, max_length=MOST)

    class Meta:
        ref_name = "SignupBatch"


class BatchItemOut(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="The place in your list, from 0.")
    status = Choice(["accepted", "filtered", "invalid"], enum="BatchItemStatus")
    id = serializers.UUIDField(required=False)
    verdict = VerdictOut(required=False)
    detail = serializers.CharField(required=False)
    errors: Any = ErrorItem(many=True, required=False)

    class Meta:
        ref_name = "BatchItem"


class BatchOut(serializers.Serializer[Any]):
    accepted = serializers.IntegerField()
    filtered = serializers.IntegerField()
    invalid = serializers.IntegerField()
    results = BatchItemOut(many=True)

    class Meta:
        ref_name = "SignupBatchResult"


def item_key(key: str, index: int) -> str:
    """What a repeated batch finds its item by; no key that a caller would think of."""
    return f"batch:{hashlib.sha256(key.encode()).hexdigest()}:{index}"


class SignupBatch(ApiView):
    """Each signup is stored by itself: no batch waits for the addresses of another."""

    atomic: ClassVar = False
    parser_classes = (BulkJSONParser,)
    pagination_class = None

    @extend_schema(
        operation_id="signups_batch",
        summary="Post up to 1,000 signups",
        description="Results come in the order of your list. An item that is not valid "
        "is reported and stops no other; all others are stored when this answers. When "
        "no answer came, send the batch again with the same Idempotency-Key: what was "
        "stored is not stored twice, and is answered without its verdict.",
        request=BatchIn,
        responses={202: BatchOut},
    )
    def post(self, request: Request) -> Response:
        items = self.body(BatchIn)["signups"]
        results = [self.take(index, item) for index, item in enumerate(items)]
        counts = Counter(result["status"] for result in results)
        names = ("accepted", "filtered", "invalid")
        return Response(
            {**{name: counts[name] for name in names}, "results": results}, status=202
        )

    def take(self, index: int, item: Any) -> dict[str, Any]:
        """Store one signup, or say what is wrong with it."""
        try:
            taken = self.stored(index, item)
        except OperationalError:
            return {"index": index, "status": "invalid", "detail": UNSTORED}
        except Problem as problem:
            errors = [asdict(error) for error in problem.errors]
            return {
                "index": index,
                "status": "invalid",
                "detail": problem.detail,
                "errors": errors,
            }
        return {"index": index, **public.answer(taken, self.key)}

    def stored(self, index: int, item: Any) -> Taken:
        """Durable on return. Raises Problem, or OperationalError on the second try.

        No address is kept of whoever posts for others: it would be the server's.
        """
        body = intake.checked(item)
        more: dict[str, Any] = {"ip": None}
        if key := key_in(self.request):
            more["idempotency_key"] = item_key(key, index)
            more["raw"] = json.dumps(item, sort_keys=True).encode()
        try:
            return intake.take_signup(body, self.key, **more)
        except OperationalError:
            return intake.take_signup(body, self.key, **more)
