"""What the REST API takes and gives of bulk runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from contactsync.api.serializers import MAX_NAME, Choice, Id, Strict, Text, Whole
from integrations.adapters.errors import Reason
from integrations.bulk_plan import ACTS
from integrations.models import BulkItem, BulkRun

MAX = 2**31 - 1


class When(serializers.DateTimeField):
    """A moment with its offset, as text."""

    def to_internal_value(self, value: Any) -> Any:
        if not isinstance(value, str):
            raise ValidationError("Must be a date and time (ISO 8601).", code="type")
        return super().to_internal_value(value)


ROWS = ("linked_account", "rule", "reason", "since", "until")
PEOPLE = ("rule", "since", "until")
"""Filters of runs about deliveries, and of a backfill."""


class FilterIn(Strict):
    linked_account = Id(required=False)
    rule = Id(required=False, help_text="A sync rule; a backfill needs one.")
    reason = Choice(
        [(each.value, each.value) for each in Reason],
        enum="Reason",
        required=False,
        help_text="The class of the cause, as deliveries have it.",
    )
    since = When(
        required=False,
        help_text="Deliveries made at this moment or later; for a backfill people who "
        "signed up then.",
    )
    until = When(required=False, help_text="The same before this moment.")

    class Meta:
        ref_name = "BulkFilter"

    def to_internal_value(self, data: Any) -> Any:
        wrong: dict[str, Any] = {}
        if isinstance(data, Mapping):
            kind = self.parent.initial_data.get("kind") if self.parent else None
            fitting = PEOPLE if kind == BulkRun.Kind.BACKFILL else ROWS
            wrong = {
                str(name)[:MAX_NAME]: [self._refusal(kind, str(name), fitting)]
                for name in data
                if name not in fitting
            }
            data = {name: data[name] for name in data if name in fitting}
        try:
            value = super().to_internal_value(data)
        except ValidationError as error:
            raise ValidationError({**wrong, **error.detail}) from None
        if wrong:
            raise ValidationError(wrong)
        return value

    def _refusal(self, kind: Any, name: str, fitting: Sequence[str]) -> ErrorDetail:
        whose = f"The filter of a {kind}" if kind in BulkRun.Kind.values else "A filter"
        said = f"{whose} takes: {', '.join(fitting)}."
        if name == "display":
            said += " A rule belongs to one display: name the rule alone."
        return ErrorDetail(said, code="unfit" if name in ROWS else "unknown")

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        since, until = given.get("since"), given.get("until")
        if since and until and until <= since:
            said = "until is not after since. Give the later moment as until."
            raise ValidationError({"until": [ErrorDetail(said, code="order")]})
        return given


class BulkIn(Strict):
    kind = Choice(BulkRun.Kind.choices, enum="BulkKind")
    filter = FilterIn(required=False)
    most = Whole(
        required=False, min_value=1, max_value=MAX, help_text="Send no more than these."
    )

    class Meta:
        ref_name = "NewBulkRun"


class ConfirmIn(Strict):
    confirm = Whole(
        required=False,
        min_value=0,
        max_value=MAX,
        help_text="The number of contacts, when the guard asks for it.",
    )

    class Meta:
        ref_name = "BulkConfirm"


class BulkOut(serializers.Serializer[BulkRun]):
    id = serializers.UUIDField()
    kind = Choice(BulkRun.Kind.choices, enum="BulkKind")
    state = Choice(BulkRun.State.choices, enum="BulkState")
    filter = serializers.DictField(source="what")
    most = serializers.IntegerField(allow_null=True)
    plan = serializers.SerializerMethodField(
        help_text="`total` candidates, of whom `seen` were judged; `acts` are sent, "
        "`skipped` by reason. Of `asked` of them the provider was asked: `found` says "
        "what it would do with these, and `exact` whether that is everybody. `sample` "
        "has the differences of up to 20; `unknown` says what could not be found out."
    )
    guard = serializers.SerializerMethodField(
        help_text="With `fires`, start with `confirm` set to `count`."
    )
    progress = serializers.SerializerMethodField()
    undo = serializers.SerializerMethodField(help_text="Contacts, by what was undone.")
    created_by = serializers.CharField(source="created_by_label")
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "BulkRun"

    @extend_schema_field(serializers.DictField())
    def get_plan(self, run: BulkRun) -> dict[str, Any]:
        plan = run.plan
        shown = {
            name: plan.get(name, 0)
            for name in ("total", "seen", "acts", "asked", "left_over")
        }
        sent = [plan.get("found", {}).get(key, 0) for key in ACTS]
        return {
            **shown,
            "skipped": plan.get("skipped", {}),
            "found": plan.get("found", {}),
            "exact": sum(sent) == plan.get("acts", 0),
            "sample": plan.get("sample", []),
            "unknown": sorted(set(plan.get("mute", {}).values())),
        }

    @extend_schema_field(serializers.DictField())
    def get_guard(self, run: BulkRun) -> dict[str, Any]:
        guard = run.guard
        return {
            "fires": bool(guard.get("fires")),
            "count": guard.get("count", 0),
            "why": guard.get("why", []),
            "confirmed": guard.get("confirmed"),
        }

    @extend_schema_field(serializers.DictField())
    def get_progress(self, run: BulkRun) -> dict[str, Any]:
        progress = run.progress
        return {
            "enqueued": progress.get("enqueued", 0),
            "ended": progress.get("ended", {}),
            "not_sent": progress.get("kept", {}),
            "note": progress.get("note", ""),
        }

    @extend_schema_field(serializers.DictField())
    def get_undo(self, run: BulkRun) -> dict[str, Any]:
        return {
            "counts": run.undo.get("counts", {}),
            "note": run.undo.get("note", ""),
        }


class BulkItemOut(serializers.Serializer[BulkItem]):
    id = serializers.IntegerField()
    contact = serializers.UUIDField(source="contact_id")
    target = serializers.UUIDField(source="target_id")
    delivery = serializers.IntegerField(source="delivery_id", allow_null=True)
    plan = serializers.CharField(help_text="create, update, same, send or skip.")
    reason = serializers.CharField()
    outcome = serializers.CharField()
    undone = serializers.CharField()
    detail = serializers.CharField(help_text="What could not be undone, and why.")

    class Meta:
        ref_name = "BulkItem"


class BulkQuery(Strict):
    kind = Choice(BulkRun.Kind.choices, enum="BulkKind", required=False)
    state = Choice(BulkRun.State.choices, enum="BulkState", required=False)


class ItemQuery(Strict):
    plan = Text(required=False, max_length=10)
    outcome = Text(required=False, max_length=16)
    undone = Text(required=False, max_length=16)
