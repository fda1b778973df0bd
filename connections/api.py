"""REST: imports of cleaned lists into audiences."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Count
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from connections.models import ListImport
from connections.services import (
    ImportSettings,
    ImportStateError,
    import_cancel,
    import_create,
    import_pause,
    import_resume,
)
from connections.work import field_names
from contactsync.api.problems import Problem
from contactsync.api.serializers import Choice, Flag, Id, Strict, Text
from contactsync.api.views import ApiView
from hygiene.models import CleaningRun
from integrations.mapping_api import HELP, Given, MappingField, checked_mapping
from integrations.models import Delivery, LinkedAccount, State

MAX_CONSENT = 1000


class ImportIn(Strict):
    cleaning = Id(help_text="A cleaning that is done. See /hygiene/cleanings.")
    linked_account = Id()
    audience = Text(max_length=200, help_text="An id of the account's /audiences.")
    audience_label = Text(
        max_length=200, required=False, allow_blank=True, help_text="For people."
    )
    consent = Text(
        max_length=MAX_CONSENT,
        help_text="How these people agreed; kept with each contact in these words.",
    )
    double_opt_in = Flag(required=False)
    update_existing = Flag(required=False)
    mapping = MappingField(
        required=False,
        help_text=f"{HELP} `first_name` and `last_name` are the columns chosen as "
        "such, the others are named by their heading in lower case: `Shirt size` is "
        "`shirt_size`.",
    )
    tags = serializers.ListField(
        child=Text(max_length=100), max_length=50, required=False
    )

    class Meta:
        ref_name = "NewImport"


class ImportOut(serializers.Serializer[ListImport]):
    id = serializers.UUIDField()
    status = Choice(ListImport.Status.choices, enum="ImportStatus")
    cleaning = serializers.UUIDField(source="run_id", allow_null=True)
    filename = serializers.CharField()
    linked_account = serializers.UUIDField(source="target.linked_account_id")
    audience = serializers.CharField(source="target.audience_id")
    audience_label = serializers.CharField(source="target.audience_label")
    double_opt_in = serializers.BooleanField(source="target.double_opt_in")
    update_existing = serializers.BooleanField(source="target.update_existing")
    mapping = MappingField(source="target.mapping", read_only=True, help_text=HELP)
    tags = serializers.ListField(source="target.tags", child=serializers.CharField())
    consent = serializers.CharField()
    rows_total = serializers.IntegerField(help_text="Rows of the list, all of them.")
    rows_done = serializers.IntegerField()
    enqueued = serializers.IntegerField(help_text="People put in the queue.")
    skipped = serializers.DictField(
        child=serializers.IntegerField(), help_text="People not sent, by reason."
    )
    deliveries = serializers.SerializerMethodField(help_text="People, by state.")
    error = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "Import"

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_deliveries(self, job: ListImport) -> dict[str, int]:
        found = (
            Delivery.objects.for_account(job.account_id)
            .filter(target_id=job.target_id)
            .order_by()
            .values_list("state")
            .annotate(n=Count("*"))
        )
        return {State(state).value: n for state, n in found}


class ImportQuery(Strict):
    status = Choice(ListImport.Status.choices, enum="ImportStatus", required=False)


class ImportView(ApiView):
    queryset = ListImport.objects.select_related("target")

    def job(self, id: UUID) -> ListImport:
        found: ListImport = self.one(self.get_queryset(), pk=id)
        return found

    def shown(self, id: UUID, status: int = 200) -> Response:
        return Response(ImportOut(self.job(id)).data, status=status)


class ImportList(ImportView):
    @extend_schema(
        operation_id="imports_list",
        summary="List imports",
        parameters=[ImportQuery],
        responses=ImportOut(many=True),
    )
    def get(self, request: Request) -> Response:
        asked = self.query(ImportQuery)
        return self.page(self.mine(self.get_queryset()).filter(**asked), ImportOut)

    @extend_schema(
        operation_id="imports_create",
        summary="Import a cleaned list",
        description="Sends the accepted rows to an audience, through the queue that "
        "signups take. Nobody suppressed, and nobody who refused, is sent.",
        request=ImportIn,
        responses={201: ImportOut},
    )
    def post(self, request: Request) -> Response:
        given = self.body(ImportIn)
        run = self._known(CleaningRun.objects.all(), "cleaning", given.pop("cleaning"))
        live = LinkedAccount.objects.filter(removed_at=None)
        given["linked_account"] = self._known(
            live, "linked_account", given["linked_account"]
        )
        given["audience_id"] = given.pop("audience")
        if "mapping" in given:
            given["mapping"] = self._mapping(run, given)
        try:
            job = import_create(run=run, settings=ImportSettings(**given))
        except ImportStateError as error:
            raise Problem.of_field("cleaning", "state", str(error)) from None
        self.audit(
            "list_import.start", str(job), list_import=str(job.pk), consent=job.consent
        )
        return self.shown(job.pk, 201)

    def _mapping(self, run: CleaningRun, given: dict[str, Any]) -> list[dict[str, Any]]:
        asked: Given = given["mapping"]
        names = [name for name in field_names(run) if name]
        for at, entry in enumerate(asked.entries):
            if set(entry.source) - set(names):
                raise Problem.of_field(
                    asked.place(at, "source"),
                    "unknown",
                    f"The list has no such field. It has: {', '.join(names)}.",
                )
        linked = given["linked_account"]
        return checked_mapping(linked, given["audience_id"], asked)

    def _known(self, queryset: Any, field: str, id: UUID) -> Any:
        found = self.mine(queryset).filter(pk=id).first()
        if found is None:
            raise Problem.of_field(field, "unknown", f"There is no such {field}.")
        return found


class ImportDetail(ImportView):
    @extend_schema(
        operation_id="imports_get", summary="Read an import", responses=ImportOut
    )
    def get(self, request: Request, id: UUID) -> Response:
        return self.shown(id)


class ImportChange(ImportView):
    """One step of an import's life; ``change`` and ``action`` say which."""

    change: Any = None
    action = ""

    def changed(self, id: UUID) -> Response:
        job = self.job(id)
        try:
            type(self).change(job=job)
        except ImportStateError as error:
            raise Problem(409, str(error), code="import.state") from None
        self.audit(f"list_import.{self.action}", str(job), list_import=str(job.pk))
        return self.shown(id)


class ImportPause(ImportChange):
    change, action = staticmethod(import_pause), "pause"

    @extend_schema(
        operation_id="imports_pause",
        summary="Pause an import",
        description="What is in the queue already is still sent.",
        request=None,
        responses=ImportOut,
    )
    def post(self, request: Request, id: UUID) -> Response:
        return self.changed(id)


class ImportResume(ImportChange):
    change, action = staticmethod(import_resume), "resume"

    @extend_schema(
        operation_id="imports_resume",
        summary="Resume an import",
        request=None,
        responses=ImportOut,
    )
    def post(self, request: Request, id: UUID) -> Response:
        return self.changed(id)


class ImportCancel(ImportChange):
    change, action = staticmethod(import_cancel), "cancel"

    @extend_schema(
        operation_id="imports_cancel",
        summary="Cancel an import",
        description="Gives up what waits. Who was sent already stays in the audience.",
        request=None,
        responses=ImportOut,
    )
    def post(self, request: Request, id: UUID) -> Response:
        return self.changed(id)
