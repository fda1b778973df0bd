"""REST: bulk runs. A run is planned by POST, and changes nothing before its start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from activity.bulk_page import title_of
from activity.bulk_shapes import (
    BulkIn,
    BulkItemOut,
    BulkOut,
    BulkQuery,
    ConfirmIn,
    ItemQuery,
)
from contactsync.api.problems import FieldError, Problem
from contactsync.api.views import ApiView
from contactsync.tenancy.models import ApiKey
from displays.backfill import backfill_create
from displays.models import SyncRule
from integrations.bulk import (
    BulkStateError,
    ConfirmError,
    bulk_cancel,
    bulk_pause,
    bulk_plan_create,
    bulk_resume,
    bulk_start,
    bulk_undo,
)
from integrations.models import BulkItem, BulkRun, LinkedAccount


class BulkView(ApiView):
    queryset = BulkRun.objects.select_related("target", "account")

    def run_of(self, id: UUID) -> BulkRun:
        found: BulkRun = self.one(self.get_queryset(), pk=id)
        return found

    def shown(self, id: UUID, status: int = 200) -> Response:
        return Response(BulkOut(self.run_of(id)).data, status=status)

    def note(self, run: BulkRun, action: str, **more: Any) -> None:
        contacts = run.plan.get("acts")
        self.audit(
            f"bulk_run.{action}",
            title_of(run),
            bulk_run=str(run.pk),
            contacts=contacts,
            **more,
        )


class BulkList(BulkView):
    @extend_schema(
        operation_id="bulk_runs_list",
        summary="List bulk runs",
        parameters=[BulkQuery],
        responses=BulkOut(many=True),
    )
    def get(self, request: Request) -> Response:
        asked = self.query(BulkQuery)
        return self.page(self.mine(self.get_queryset()).filter(**asked), BulkOut)

    @extend_schema(
        operation_id="bulk_runs_create",
        summary="Plan a bulk run",
        description="Nothing is sent before `start`. `retry` takes failed deliveries, "
        "`resume` held ones, `replay` those that were synced (or, with the reason "
        "`rule.condition` or `rule.existing`, skipped for it), `backfill` the people "
        "who signed up at a rule's display and have no delivery to its target. "
        "The filter of a backfill takes `rule` (needed), `since` and `until`, of all "
        "others also `linked_account` and `reason`; the rule says which display.",
        request=BulkIn,
        examples=[
            OpenApiExample(
                "A display's history",
                value={
                    "kind": "backfill",
                    "filter": {"rule": "0198c3a0-5b1e-7c42-9d0f-2f6b8a4e1d33"},
                    "most": 5000,
                },
                request_only=True,
            ),
            OpenApiExample(
                "What a provider's outage left behind",
                value={"kind": "retry", "filter": {"reason": "server"}},
                request_only=True,
            ),
        ],
        responses={201: BulkOut},
    )
    def post(self, request: Request) -> Response:
        given = self.body(BulkIn)
        asked = given.get("filter", {})
        rule = self._rule(asked)
        name = ApiKey.objects.filter(pk=self.key.id).values_list("name", flat=True)
        most, label = given.get("most"), f"API key {name.first() or self.key.id}"
        if given["kind"] == BulkRun.Kind.BACKFILL:
            run = self._backfill(rule, asked, most, label)
        else:
            run = bulk_plan_create(
                account=self.account,
                kind=given["kind"],
                what=self._what(asked, rule),
                target=rule.target if rule else None,
                most=most,
                by_label=label,
            )
        self.note(run, "plan", kind=run.kind, what=run.what, most=most)
        return self.shown(run.pk, 201)

    def _backfill(
        self,
        rule: SyncRule | None,
        asked: dict[str, Any],
        most: int | None,
        label: str,
    ) -> BulkRun:
        if rule is None:
            raise Problem.of_field(
                "filter.rule",
                "required",
                "A backfill needs the rule to send to, by its id. "
                "GET /displays/{id}/rules lists a display's rules.",
            )
        return backfill_create(
            rule=rule,
            most=most,
            by_label=label,
            since=asked.get("since"),
            until=asked.get("until"),
        )

    def _rule(self, asked: dict[str, Any]) -> SyncRule | None:
        if "rule" not in asked:
            return None
        rules = SyncRule.objects.filter(removed_at=None)
        related = rules.select_related("target__linked_account", "display", "account")
        found: SyncRule | None = self.mine(related).filter(pk=asked["rule"]).first()
        if found is None:
            raise Problem.of_field("filter.rule", "unknown", "There is no such rule.")
        return found

    def _what(self, asked: dict[str, Any], rule: SyncRule | None) -> dict[str, Any]:
        what: dict[str, Any] = {}
        if "linked_account" in asked:
            linked = self.mine(LinkedAccount.objects.all())
            if not linked.filter(pk=asked["linked_account"]).exists():
                raise Problem.of_field(
                    "filter.linked_account",
                    "unknown",
                    "There is no such linked account.",
                )
            if rule and rule.target.linked_account_id != asked["linked_account"]:
                raise Problem.of_field(
                    "filter.rule",
                    "unfit",
                    "This rule sends to another linked account. Give one of the two.",
                )
            what["linked_account"] = str(asked["linked_account"])
        if rule is not None:
            what["target"] = str(rule.target_id)
        if "reason" in asked:
            what["reason"] = asked["reason"]
        for name in ("since", "until"):
            if name in asked:
                what[name] = asked[name].isoformat()
        return what


class BulkDetail(BulkView):
    @extend_schema(
        operation_id="bulk_runs_get", summary="Read a bulk run", responses=BulkOut
    )
    def get(self, request: Request, id: UUID) -> Response:
        return self.shown(id)


class BulkItems(BulkView):
    @extend_schema(
        operation_id="bulk_runs_items",
        summary="List the contacts of a bulk run",
        parameters=[ItemQuery],
        responses=BulkItemOut(many=True),
    )
    def get(self, request: Request, id: UUID) -> Response:
        asked = self.query(ItemQuery)
        items = self.mine(BulkItem.objects.filter(run=self.run_of(id)))
        return self.page(items.filter(**asked), BulkItemOut)


class BulkConfirm(BulkView):
    """A step that the guard may stop; ``change`` and ``action`` say which."""

    change: ClassVar[Callable[..., None]]
    action = ""

    def confirmed(self, id: UUID) -> Response:
        run, number = self.run_of(id), self.body(ConfirmIn).get("confirm")
        try:
            type(self).change(run=run, confirm=number)
        except ConfirmError as error:
            said = str(error)
            raise Problem(
                409,
                said,
                [FieldError("confirm", "guard", said)],
                code="bulk.confirm",
                more={"count": error.count},
            ) from None
        except BulkStateError as error:
            raise Problem(409, str(error), code="bulk.state") from None
        if number is not None:
            self.note(run, "confirm", what=self.action, confirmed=number)
        self.note(run, self.action)
        return self.shown(id)


class BulkStart(BulkConfirm):
    change, action = staticmethod(bulk_start), "start"

    @extend_schema(
        operation_id="bulk_runs_start",
        summary="Start a planned bulk run",
        description="When the guard fires, `confirm` is the number of contacts; "
        "without it the answer is 409 and says the number.",
        request=ConfirmIn,
        responses=BulkOut,
    )
    def post(self, request: Request, id: UUID) -> Response:
        return self.confirmed(id)


class BulkUndo(BulkConfirm):
    change, action = staticmethod(bulk_undo), "undo"

    @extend_schema(
        operation_id="bulk_runs_undo",
        summary="Undo a bulk run",
        description="Puts back what it changed and nobody changed since, and takes "
        "out of the audience whom it had added. Nobody is ever subscribed by it. What "
        "could not be undone: the items with `undone` partly, left or impossible.",
        request=ConfirmIn,
        responses=BulkOut,
    )
    def post(self, request: Request, id: UUID) -> Response:
        return self.confirmed(id)


class BulkChange(BulkView):
    """One other step of a run's life; ``change`` and ``action`` say which."""

    change: ClassVar[Callable[..., Any]]
    action = ""

    def changed(self, id: UUID) -> Response:
        run = self.run_of(id)
        try:
            type(self).change(run=run)
        except BulkStateError as error:
            raise Problem(409, str(error), code="bulk.state") from None
        self.note(run, self.action)
        return self.shown(id)


class BulkPause(BulkChange):
    change, action = staticmethod(bulk_pause), "pause"

    @extend_schema(
        operation_id="bulk_runs_pause",
        summary="Pause a bulk run",
        description="What is in the queue already is still sent.",
        request=None,
        responses=BulkOut,
    )
    def post(self, request: Request, id: UUID) -> Response:
        return self.changed(id)


class BulkResume(BulkChange):
    change, action = staticmethod(bulk_resume), "resume"

    @extend_schema(
        operation_id="bulk_runs_resume",
        summary="Resume a bulk run",
        request=None,
        responses=BulkOut,
    )
    def post(self, request: Request, id: UUID) -> Response:
        return self.changed(id)


class BulkCancel(BulkChange):
    change, action = staticmethod(bulk_cancel), "cancel"

    @extend_schema(
        operation_id="bulk_runs_cancel",
        summary="Cancel a bulk run",
        description="What waits goes back to what it was; what was sent stays sent.",
        request=None,
        responses=BulkOut,
    )
    def post(self, request: Request, id: UUID) -> Response:
        return self.changed(id)
