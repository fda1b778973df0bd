"""REST: ask the hygiene filter about addresses without storing them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from contacts.models import Suppression
from contactsync.api.parsers import BulkJSONParser
from contactsync.api.serializers import Choice, Id, Strict, Text
from contactsync.api.views import ApiView
from contactsync.lib.email import email_key
from hygiene.catalogue import explain
from hygiene.policies import REASONS, choices_for, known_lookup
from hygiene.services import check
from hygiene.verdict import Category, Verdict

MOST = 1000
LONGEST = 2000
"""Characters: longer than any address, so that a malformed one still gets a verdict."""


class CheckIn(Strict):
    """Either ``email`` or ``emails``."""

    email = Text(required=False, max_length=LONGEST, trim_whitespace=False)
    first_name = Text(required=False, allow_blank=True, max_length=LONGEST)
    last_name = Text(required=False, allow_blank=True, max_length=LONGEST)
    display = Id(
        required=False, help_text="Judge as this display would; else as the account."
    )
    emails = serializers.ListField(
        child=Text(allow_blank=True, max_length=LONGEST, trim_whitespace=False),
        required=False,
        min_length=1,
        max_length=MOST,
        help_text=f"Up to {MOST} addresses; answered in this order.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("email" in attrs) == ("emails" in attrs):
            raise serializers.ValidationError(
                {"email": "Give either email or emails."}, code="required"
            )
        return attrs

    class Meta:
        ref_name = "HygieneCheck"


class VerdictOut(serializers.Serializer[Any]):
    email = serializers.CharField(help_text="As you sent it.")
    accepted = serializers.BooleanField()
    category = Choice([c.value for c in Category], enum="VerdictCategory")
    rule = serializers.CharField(help_text="The rule that decided; empty for none.")
    evidence = serializers.CharField(
        help_text="`category:rule:matched:source@version`; empty for none."
    )
    also = serializers.ListField(
        child=serializers.CharField(), help_text="Evidence of other rules that hit."
    )
    suggest = serializers.CharField(help_text="A likelier spelling; empty for none.")
    suppressed = serializers.BooleanField(
        help_text="Whether it is on your suppression list: then nothing is sent."
    )
    explanation = serializers.CharField()

    class Meta:
        ref_name = "HygieneVerdict"


class VerdictsOut(serializers.Serializer[Any]):
    results = VerdictOut(many=True)

    class Meta:
        ref_name = "HygieneVerdicts"


def verdict_json(email: str, verdict: Verdict, suppressed: bool) -> dict[str, Any]:
    explanation = str(explain(verdict.category, verdict.rule))
    if suppressed and verdict.category is not Category.SUPPRESSED:
        explanation += " It is on your suppression list, so nothing is sent for it."
    return {
        "email": email,
        "accepted": verdict.accepted,
        "category": verdict.category.value,
        "rule": verdict.rule,
        "evidence": verdict.evidence,
        "also": [finding.evidence for finding in verdict.also],
        "suggest": verdict.suggest or "",
        "suppressed": suppressed,
        "explanation": explanation,
    }


class HygieneCheck(ApiView):
    parser_classes = (BulkJSONParser,)
    pagination_class = None

    @extend_schema(
        operation_id="hygiene_check",
        summary="Judge addresses",
        description="As your filter policy and lists say. Nothing is stored and "
        "nobody is contacted.",
        request=CheckIn,
        responses={
            200: PolymorphicProxySerializer(
                component_name="HygieneAnswer",
                serializers=[VerdictOut, VerdictsOut],
                resource_type_field_name=None,
            )
        },
    )
    def post(self, request: Request) -> Response:
        given = self.body(CheckIn)
        emails = given.get("emails", [given.get("email", "")])
        keys = [email_key(email) for email in emails]
        found = self.mine(Suppression.objects.all()).filter(email_key__in=keys)
        suppressed = dict(found.values_list("email_key", "actor"))
        choices = choices_for(self.key.account_id, given.get("display"))
        more: dict[str, Any] = {
            name: given[name] for name in ("first_name", "last_name") if name in given
        }
        more["policy"] = choices.policy
        more["check_mail_hosts"] = choices.check_mail_hosts
        results = []
        for email, key in zip(emails, keys, strict=True):
            lookup = known_lookup(REASONS.get(suppressed.get(key, ""), ""))
            verdict = check(email, suppressed=lookup, **more)
            results.append(verdict_json(email, verdict, key in suppressed))
        return Response({"results": results} if "emails" in given else results[0])
