"""REST: who was turned away, why mail is missing, and what another policy would do."""

from __future__ import annotations

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from activity import rejected, shadow
from activity.finder import Found, find
from activity.rejected import Filters, Row
from activity.shadow import Hit
from activity.shadow_change import CATEGORIES, MODES, Change
from contactsync.api.serializers import Choice, Flag, Id, Strict, Text
from contactsync.api.views import ApiView
from contactsync.lib.email import MAX_EMAIL
from displays.models import Display, Signup
from hygiene.policy import Mode
from hygiene.verdict import Category

API_SECONDS = 8.0


class RejectedQuery(Strict):
    category = Choice(rejected.CATEGORIES, enum="RejectedCategory", required=False)
    rule = Text(required=False, max_length=40)
    display = Id(required=False)
    q = Text(required=False, max_length=MAX_EMAIL, help_text="Part of the address.")

    def get_fields(self) -> dict[str, Any]:
        """``from`` is a word of Python, so it cannot be an attribute."""
        day = "A day, YYYY-MM-DD, UTC; counted itself."
        return {
            **super().get_fields(),
            "from": serializers.DateField(required=False, help_text=day),
            "to": serializers.DateField(required=False, help_text=day),
        }


class RejectedOut(serializers.Serializer[Row]):
    id = serializers.UUIDField(source="signup_id", help_text="Of the signup.")
    contact = serializers.UUIDField(source="contact_id")
    email = serializers.CharField()
    category = Choice(rejected.CATEGORIES, enum="RejectedCategory")
    rule = serializers.CharField()
    evidence = serializers.CharField()
    also = serializers.ListField(child=serializers.CharField())
    sentence = serializers.CharField(help_text="What was found, in words.")
    next_step = serializers.CharField()
    suggest = serializers.CharField(help_text="A likelier spelling; empty for none.")
    display = serializers.UUIDField(source="display_id")
    at = serializers.DateTimeField()
    accepted_since = serializers.BooleanField(
        help_text="Whether a later signup of this contact was accepted."
    )
    can_be_accepted = serializers.SerializerMethodField(
        help_text="Whether you may accept it after all."
    )

    class Meta:
        ref_name = "RejectedSignup"

    def get_can_be_accepted(self, row: Row) -> bool:
        return row.appeal is not None


class Rejected(ApiView):
    queryset = Signup.objects.none()

    @extend_schema(
        operation_id="rejected_list",
        summary="List rejected signups",
        description="Everybody the filter turned away, newest first, with the reason.",
        parameters=[RejectedQuery],
        responses=RejectedOut(many=True),
    )
    def get(self, request: Request) -> Response:
        filters = asked(self)
        found = rejected.rejected(self.account, filters)
        page = list(self.paginate_queryset(found) or [])
        rows = rejected.rows_of(page, self.account, {})
        return self.get_paginated_response(RejectedOut(rows, many=True).data)


class RejectedCsv(ApiView):
    pagination_class = None
    queryset = Signup.objects.none()

    @extend_schema(
        operation_id="rejected_csv",
        summary="Export rejected signups",
        description="The same list as CSV, streamed, and safe to open in a "
        "spreadsheet program.",
        parameters=[RejectedQuery],
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> Any:
        filters = asked(self)
        subject = filters.url() or "all rejected signups"
        self.audit("rejected.exported", subject)
        return StreamingHttpResponse(
            rejected.lines(self.account, filters),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="rejected.csv"'},
        )


def asked(view: ApiView) -> Filters:
    """The filters of a request. Raises ValidationError."""
    query = view.query(RejectedQuery)
    return Filters.read({name: str(value) for name, value in query.items()})


class WhyQuery(Strict):
    email = Text(max_length=MAX_EMAIL)


class CheckOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    status = serializers.CharField(
        help_text="ok, bad, now (it waits) or todo (not known yet)."
    )
    text = serializers.CharField()
    place = serializers.CharField(help_text="The destination; empty for all.")

    class Meta:
        ref_name = "MissingMailCheck"


class NearOut(serializers.Serializer[Any]):
    contact = serializers.UUIDField(source="id")
    email = serializers.CharField()
    why = serializers.CharField()

    class Meta:
        ref_name = "NearContact"


class WhyOut(serializers.Serializer[Found]):
    email = serializers.CharField()
    reason = serializers.CharField(
        help_text="malformed, typo, never_signed_up, rejected, suppressed, no_rule, "
        "skipped, waiting, not_confirmed, provider_refused, failed, mail_host or "
        "synced."
    )
    sentence = serializers.CharField(help_text="The likely reason in words.")
    next_step = serializers.CharField()
    evidence = serializers.CharField(help_text="The filter's; empty for none.")
    provider_words = serializers.CharField()
    suggest = serializers.CharField(help_text="A likelier spelling; empty for none.")
    contact = serializers.SerializerMethodField()
    checks = CheckOut(many=True, help_text="What was looked at, in order.")
    near = NearOut(many=True, help_text="Contacts with nearly this address.")

    class Meta:
        ref_name = "MissingMail"

    def get_contact(self, found: Found) -> str | None:
        return str(found.contact.pk) if found.contact else None


class Why(ApiView):
    pagination_class = None
    queryset = Signup.objects.none()

    @extend_schema(
        operation_id="contacts_why",
        summary="My contact didn't get my email",
        description="The likely reason, from what is known, and what was looked at.",
        parameters=[WhyQuery],
        responses=WhyOut,
    )
    def get(self, request: Request) -> Response:
        email = self.query(WhyQuery)["email"]
        return Response(WhyOut(find(email, self.account)).data)


class ShadowIn(Strict):
    """What is to be different; at least one of the first three."""

    modes: Any = serializers.DictField(
        required=False, help_text='Category to on, flag or off: {"role": "off"}.'
    )
    strict_masks = Flag(required=False, allow_null=True)
    wide_disposable = Choice(
        [mode.value for mode in Mode], enum="HygieneMode", required=False
    )
    display = Id(
        required=False, allow_null=True, help_text="Of one display; else all of them."
    )

    class Meta:
        ref_name = "HygieneShadow"

    def validate_modes(self, value: dict[str, Any]) -> dict[Category, Mode]:
        known = {each.value for each in CATEGORIES}
        for name, mode in value.items():
            if name not in known or mode not in MODES:
                raise serializers.ValidationError(
                    f"Names are {', '.join(sorted(known))}; values on, flag or off.",
                    code="choice",
                )
        return {Category(name): Mode(mode) for name, mode in value.items()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not any(attrs.get(name) not in (None, {}) for name in CHANGES):
            raise serializers.ValidationError(
                {"modes": "Say what is to be different."}, code="required"
            )
        return attrs


CHANGES = ("modes", "strict_masks", "wide_disposable")


class HitOut(serializers.Serializer[Hit]):
    signup = serializers.UUIDField(source="signup_id")
    contact = serializers.UUIDField(source="contact_id")
    display = serializers.UUIDField(source="display_id")
    email = serializers.CharField()
    at = serializers.DateTimeField()
    would_be = serializers.SerializerMethodField(help_text="rejected or accepted.")
    category = serializers.CharField(help_text="What it would be rejected for, or was.")
    evidence = serializers.CharField()

    class Meta:
        ref_name = "HygieneShadowHit"

    def get_would_be(self, hit: Hit) -> str:
        return "rejected" if hit.turned_away else "accepted"


class ShadowOut(serializers.Serializer[Any]):
    looked_at = serializers.IntegerField(
        help_text="Signups that were judged again, newest first."
    )
    of = serializers.IntegerField(
        help_text=f"Signups of the last {shadow.DAYS} days. Where it is more than "
        "`looked_at`, the time or the limit ran out first."
    )
    would_reject = serializers.IntegerField()
    would_accept = serializers.IntegerField()
    rejects: Any = serializers.DictField(child=serializers.IntegerField())
    accepts: Any = serializers.DictField(child=serializers.IntegerField())
    examples = HitOut(many=True, help_text=f"The newest {shadow.PAGE_SIZE}.")

    class Meta:
        ref_name = "HygieneShadowResult"


class HygieneShadow(ApiView):
    pagination_class = None
    queryset = Display.objects.none()

    @extend_schema(
        operation_id="hygiene_shadow",
        summary="Try a policy on past signups",
        description=f"Had this been so for the last {shadow.DAYS} days: how many "
        "signups it would have turned away or let in. Nothing is stored. What a "
        "form noticed (hidden field, time) is known only where a verdict tells it.",
        request=ShadowIn,
        responses=ShadowOut,
    )
    def post(self, request: Request) -> Response:
        given = self.body(ShadowIn)
        if given.get("display") is not None:
            self.one(Display.objects.all(), pk=given["display"])
        wide = given.get("wide_disposable")
        change = Change(
            modes=given.get("modes", {}),
            strict_masks=given.get("strict_masks"),
            wide_disposable=Mode(wide) if wide else None,
            display=given.get("display"),
        )
        tally = shadow.begin(self.account, change)
        tally = shadow.go_on(self.account, change, tally, API_SECONDS)
        return Response(
            ShadowOut(
                {
                    "looked_at": tally.looked,
                    "of": tally.of,
                    "would_reject": tally.would_reject,
                    "would_accept": tally.would_accept,
                    "rejects": dict(tally.rejects),
                    "accepts": dict(tally.accepts),
                    "examples": shadow.hits_of(self.account, change, tally.first),
                }
            ).data
        )
