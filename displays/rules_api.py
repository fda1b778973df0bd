"""REST: the sync rules of a display."""

from __future__ import annotations

from dataclasses import fields
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from contactsync.api.problems import FieldError, Problem
from contactsync.api.serializers import Choice, Flag, Id, Strict, Text, Whole
from contactsync.api.views import ApiView
from displays.models import Display, SyncRule
from displays.services import (
    RuleSettings,
    StaleRuleError,
    rule_create,
    rule_remove,
    rule_update,
)
from integrations.entries import entries_of
from integrations.mapping import OPERATORS
from integrations.mapping_api import HELP, Given, MappingField, checked_mapping
from integrations.models import LinkedAccount
from integrations.options import read_options
from integrations.reasons import fix_for

MOST_RULES = 50
MATCHES = ["all", "any"]


class ConditionIn(Strict):
    field = Text(
        max_length=64, help_text="`first_name`, `utm.campaign`, `consent`, `email`, ..."
    )
    op = Choice(list(OPERATORS), enum="ConditionOperator", default="is")
    value = Text(required=False, default="", allow_blank=True, max_length=400)

    class Meta:
        ref_name = "Condition"


class RulePatch(Strict):
    linked_account = Id(required=False)
    audience = Text(
        max_length=200, required=False, help_text="An id of the account's /audiences."
    )
    audience_label = Text(
        max_length=200, required=False, allow_blank=True, help_text="For people."
    )
    double_opt_in = Flag(required=False)
    update_existing = Flag(required=False)
    reconfirm = Flag(
        required=False, help_text="Ask people who had left, and sign up, to confirm."
    )
    own_confirmation = Flag(
        required=False,
        help_text="We ask people ourselves, by mail, before anything of them is sent. "
        "Who confirmed before is not asked again. With `reconfirm` also who left.",
    )
    mapping = MappingField(required=False, help_text=HELP)
    tags = serializers.ListField(
        child=Text(max_length=100), max_length=50, required=False
    )
    conditions = ConditionIn(many=True, required=False, max_length=20)
    match = Choice(MATCHES, enum="RuleMatch", required=False)
    enabled = Flag(required=False)
    version = Whole(
        required=False,
        min_value=1,
        help_text="The version you read: 409 if somebody saved the rule since.",
    )

    class Meta:
        ref_name = "RuleChange"


class RuleIn(RulePatch):
    linked_account = Id()
    audience = Text(max_length=200, help_text="An id of the account's /audiences.")

    class Meta:
        ref_name = "NewRule"


class RuleOut(serializers.Serializer[SyncRule]):
    id = serializers.UUIDField()
    display = serializers.UUIDField(source="display_id")
    linked_account = serializers.UUIDField(source="target.linked_account_id")
    audience = serializers.CharField(source="target.audience_id")
    audience_label = serializers.CharField(source="target.audience_label")
    double_opt_in = serializers.BooleanField(source="target.double_opt_in")
    update_existing = serializers.BooleanField(source="target.update_existing")
    reconfirm = serializers.BooleanField(source="target.reconfirm")
    own_confirmation = serializers.BooleanField(source="target.own_confirmation")
    mapping = MappingField(source="target.mapping", read_only=True, help_text=HELP)
    tags = serializers.ListField(source="target.tags", child=serializers.CharField())
    conditions = serializers.ListField(
        source="target.conditions", child=serializers.DictField()
    )
    match = Choice(MATCHES, enum="RuleMatch", source="target.match")
    enabled = serializers.BooleanField()
    version = serializers.IntegerField()
    held_reason = serializers.CharField(
        source="target.held_reason", help_text="Set while its deliveries are held."
    )
    held_detail = serializers.CharField(source="target.held_detail")
    next_step = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()

    class Meta:
        ref_name = "Rule"

    def get_next_step(self, rule: SyncRule) -> str:
        target = rule.target
        label = target.linked_account.adapter_class.label
        fix = fix_for(target.held_reason, label)
        return fix.next_step if fix else ""


class RuleView(ApiView):
    queryset = SyncRule.objects.select_related("target__linked_account").filter(
        removed_at=None
    )

    def display(self, id: UUID) -> Display:
        found: Display = self.one(Display.objects.all(), pk=id)
        return found

    def rule(self, id: UUID, rule: UUID) -> SyncRule:
        display = self.display(id)
        found: SyncRule = self.one(self.get_queryset(), pk=rule, display=display)
        return found

    def linked(self, id: UUID) -> LinkedAccount:
        """Raises Problem 422: a stranger's account is as unknown as any other."""
        live = self.mine(LinkedAccount.objects.filter(removed_at=None))
        found: LinkedAccount | None = live.filter(pk=id).first()
        if found is None:
            raise Problem.of_field(
                "linked_account",
                "unknown",
                "There is no such linked account. See /linked-accounts.",
            )
        return found

    def wanted(
        self, given: dict[str, Any], before: RuleSettings | None
    ) -> RuleSettings:
        """The rule as asked for; what is not named is as it was, or the default."""
        values = {name: value for name, value in given.items() if name != "version"}
        if "audience" in values:
            values["audience_id"] = values.pop("audience")
        if "conditions" in values:
            values["conditions"] = [dict(each) for each in values["conditions"]]
        if "linked_account" in values:
            values["linked_account"] = self.linked(values["linked_account"])
        named = "audience_id" in values
        if before is not None:
            if values.get("audience_id", before.audience_id) != before.audience_id:
                values.setdefault("audience_label", "")  # the old one's is wrong now
                values.setdefault("mapping", Given(entries_of(before.mapping), False))
            values = {
                field.name: getattr(before, field.name) for field in fields(before)
            } | values
        if isinstance(values.get("mapping"), Given):
            values["mapping"] = checked_mapping(
                values["linked_account"],
                values["audience_id"],
                values["mapping"],
                entries_of(before.mapping) if before else (),
            )
        if named and not values.get("audience_label"):
            # Only for people to read, so a provider that is down spoils nothing.
            options = read_options(values["linked_account"], values["audience_id"])
            found = options.audience(values["audience_id"])
            values["audience_label"] = found.label if found else ""
        return RuleSettings(**values)


@extend_schema_view(
    get=extend_schema(
        operation_id="rules_list",
        summary="List a display's sync rules",
        responses=RuleOut(many=True),
    ),
    post=extend_schema(
        operation_id="rules_create",
        summary="Add a sync rule to a display",
        description="From now on the display's signups go there too.",
        request=RuleIn,
        responses={201: RuleOut},
    ),
)
class RuleList(RuleView):
    def get(self, request: Request, id: UUID) -> Response:
        rules = self.mine(self.get_queryset()).filter(display=self.display(id))
        self.query(Strict)
        return self.page(rules, RuleOut)

    def post(self, request: Request, id: UUID) -> Response:
        display = self.display(id)
        given = self.body(RuleIn)
        if self.get_queryset().filter(display=display).count() >= MOST_RULES:
            raise Problem(409, f"A display has at most {MOST_RULES} sync rules.")
        rule = rule_create(display=display, settings=self.wanted(given, None))
        self.audit("sync_rule.create", str(rule), rule=str(rule.pk))
        return Response(RuleOut(self.rule(id, rule.pk)).data, status=201)


@extend_schema_view(
    get=extend_schema(
        operation_id="rules_get", summary="Read a sync rule", responses=RuleOut
    ),
    patch=extend_schema(
        operation_id="rules_change",
        summary="Change a sync rule",
        description="What is not named stays. What was held for it is sent with the "
        "new settings.",
        request=RulePatch,
        responses=RuleOut,
    ),
    put=extend_schema(
        operation_id="rules_replace",
        summary="Replace a sync rule",
        description="What is not named gets its default.",
        request=RuleIn,
        responses=RuleOut,
    ),
    delete=extend_schema(
        operation_id="rules_remove",
        summary="Remove a sync rule",
        description="Nobody is unsubscribed, and what waits is still sent.",
        responses={204: None},
    ),
)
class RuleDetail(RuleView):
    def get(self, request: Request, id: UUID, rule: UUID) -> Response:
        return Response(RuleOut(self.rule(id, rule)).data)

    def patch(self, request: Request, id: UUID, rule: UUID) -> Response:
        found = self.rule(id, rule)
        given = self.body(RulePatch)
        return self.save(found, given, self.wanted(given, settings_now(found)))

    def put(self, request: Request, id: UUID, rule: UUID) -> Response:
        found = self.rule(id, rule)
        given = self.body(RuleIn)
        return self.save(found, given, self.wanted(given, None))

    def save(
        self, rule: SyncRule, given: dict[str, Any], settings: RuleSettings
    ) -> Response:
        if settings.linked_account.pk != rule.target.linked_account_id:
            raise Problem.of_field(
                "linked_account",
                "fixed",
                "A rule keeps its linked account. Add a rule for the other one, then "
                "remove this one.",
            )
        version = given.get("version", rule.version)
        try:
            rule_update(rule=rule, settings=settings, version=version)
        except StaleRuleError:
            raise Problem(
                409,
                "Somebody else saved this rule meanwhile. Read it again first.",
                [FieldError("version", "stale", f"It is now {rule.version} or later.")],
                code="rule.stale",
            ) from None
        self.audit("sync_rule.update", str(rule), rule=str(rule.pk))
        return Response(RuleOut(self.rule(rule.display_id, rule.pk)).data)

    def delete(self, request: Request, id: UUID, rule: UUID) -> Response:
        found = self.rule(id, rule)
        rule_remove(rule=found)
        self.audit("sync_rule.remove", str(found), rule=str(found.pk))
        return Response(status=204)


def settings_now(rule: SyncRule) -> RuleSettings:
    """The rule's settings as they are stored."""
    target = rule.target
    return RuleSettings(
        linked_account=target.linked_account,
        audience_id=target.audience_id,
        audience_label=target.audience_label,
        double_opt_in=target.double_opt_in,
        update_existing=target.update_existing,
        reconfirm=target.reconfirm,
        own_confirmation=target.own_confirmation,
        mapping=target.mapping,
        tags=target.tags,
        conditions=target.conditions,
        match=target.match,
        enabled=rule.enabled,
    )
