"""REST: the account's own lists, always accepted and never."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from contactsync.api.parsers import read_limited
from contactsync.api.problems import FieldError, Problem
from contactsync.api.serializers import Choice, Strict, Text
from contactsync.api.views import ApiView
from hygiene.entries import (
    MAX_REASON,
    MAX_TYPED,
    MOST_BYTES,
    MOST_ENTRIES,
    EntryError,
    FullError,
    ImportRefused,
    Kind,
    Scope,
    entries_export,
    entries_found,
    entries_import,
    entry_add,
    entry_remove,
    export_note,
    shown,
)
from hygiene.forms import ONE_LINE
from hygiene.models import ListEntry
from hygiene.policy_api import author_of
from hygiene.views import csv_answer

KINDS = Kind.choices


def full() -> Problem:
    detail = f"The lists are full: together they hold {MOST_ENTRIES:,} entries."
    return Problem(409, detail, code="hygiene_entries.full")


class EntryOut(serializers.Serializer[ListEntry]):
    id = serializers.UUIDField()
    kind = Choice(KINDS, enum="ListKind")
    scope = Choice(Scope.choices, enum="ListScope")
    value = serializers.SerializerMethodField(
        help_text="`a@b.org`, `b.org`, or `*.b.org` for the domain and all below it."
    )
    reason = serializers.CharField()
    added_by = serializers.CharField(source="added_by_label")
    created_at = serializers.DateTimeField()

    class Meta:
        ref_name = "HygieneEntry"

    def get_value(self, entry: ListEntry) -> str:
        return shown(entry.scope, entry.value)


class EntryIn(Strict):
    kind = Choice(KINDS, enum="ListKind")
    value = Text(
        max_length=MAX_TYPED, help_text="An address, a domain, or `*.` and a domain."
    )
    reason = Text(
        max_length=MAX_REASON,
        required=False,
        default="",
        allow_blank=True,
        validators=[ONE_LINE],
    )

    class Meta:
        ref_name = "NewHygieneEntry"


class EntryQuery(Strict):
    kind = Choice(KINDS, enum="ListKind", required=False)
    q = Text(required=False, max_length=320, help_text="A part of the value.")


class ImportQuery(Strict):
    kind = Choice(
        KINDS,
        enum="ListKind",
        required=False,
        default="deny",
        help_text="The list of lines that name none.",
    )


class ImportOut(serializers.Serializer[Any]):
    added = serializers.IntegerField()
    moved = serializers.IntegerField(help_text="Were on the other list before.")
    unchanged = serializers.IntegerField(help_text="Were there already.")

    class Meta:
        ref_name = "HygieneImport"


class CsvParser(BaseParser):
    """The body as it is."""

    media_type = "text/csv"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Any = None
    ) -> bytes:
        length = (parser_context or {})["request"].META.get("CONTENT_LENGTH")
        return read_limited(stream, length, MOST_BYTES)


class CsvRenderer(BaseRenderer):
    """Lets ``Accept: text/csv`` in. The view streams by itself; a problem is JSON."""

    media_type = "text/csv"
    format = "csv"

    def render(
        self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None
    ) -> bytes:
        rendered: bytes = JSONRenderer().render(data)
        return rendered


@extend_schema_view(
    get=extend_schema(
        operation_id="hygiene_entries_list",
        summary="List what is always or never accepted",
        parameters=[EntryQuery],
        responses=EntryOut(many=True),
    ),
    post=extend_schema(
        operation_id="hygiene_entries_create",
        summary="Always or never accept an address or a domain",
        description="201 when it is new or comes from the other list, 200 when it is "
        "on this list already. Always accept wins over every category, not over a "
        "person's unsubscribe or complaint.",
        request=EntryIn,
        responses={201: EntryOut, 200: EntryOut},
    ),
)
class EntryList(ApiView):
    queryset = ListEntry.objects.all()

    def get(self, request: Request) -> Response:
        return self.page(
            entries_found(self.account, **self.query(EntryQuery)), EntryOut
        )

    def post(self, request: Request) -> Response:
        given = self.body(EntryIn)
        try:
            entry, changed = entry_add(
                account=self.account, by=author_of(self), **given
            )
        except EntryError as error:
            raise Problem.of_field("value", "invalid", str(error)) from None
        except FullError:
            raise full() from None
        return Response(EntryOut(entry).data, status=201 if changed else 200)


class EntryDetail(ApiView):
    queryset = ListEntry.objects.all()

    @extend_schema(
        operation_id="hygiene_entries_get", summary="Read an entry", responses=EntryOut
    )
    def get(self, request: Request, id: UUID) -> Response:
        return Response(EntryOut(self.one(ListEntry.objects.all(), pk=id)).data)

    @extend_schema(
        operation_id="hygiene_entries_remove",
        summary="Take an entry off its list",
        description="New signups are judged like any other.",
        responses={204: None},
    )
    def delete(self, request: Request, id: UUID) -> Response:
        entry = self.one(ListEntry.objects.all(), pk=id)
        entry_remove(account=self.account, entry=entry, by=author_of(self))
        return Response(status=204)


class EntryImport(ApiView):
    parser_classes = (CsvParser,)
    pagination_class = None
    queryset = ListEntry.objects.all()

    @extend_schema(
        operation_id="hygiene_entries_import",
        summary="Add up to 100,000 entries",
        description="UTF-8 text: one address or domain a line, or the columns kind, "
        "value and reason as the export has them. All lines or none.",
        parameters=[ImportQuery],
        request={"text/csv": OpenApiTypes.STR},
        responses=ImportOut,
    )
    def post(self, request: Request) -> Response:
        kind = self.query(ImportQuery)["kind"]
        data = request.data if isinstance(request.data, bytes) else b""
        try:
            done = entries_import(
                account=self.account, data=data, kind=kind, by=author_of(self)
            )
        except ImportRefused as refused:
            raise import_problem(refused) from None
        except FullError:
            raise full() from None
        return Response(ImportOut(done).data)


def import_problem(refused: ImportRefused) -> Problem:
    errors = [
        FieldError(f"line[{each.row}]" if each.row else "", "invalid", each.detail)
        for each in refused.errors
    ]
    detail = f"Nothing was imported: {refused.total} lines are wrong."
    return Problem(422, str(refused) if refused.total == 1 else detail, errors)


class EntryExport(ApiView):
    renderer_classes: ClassVar = [JSONRenderer, CsvRenderer]
    pagination_class = None
    queryset = ListEntry.objects.all()

    @extend_schema(
        operation_id="hygiene_entries_export",
        summary="All entries as CSV",
        description="Newest first; the import reads it. A cell that a spreadsheet "
        "program would take for a formula begins with an apostrophe.",
        parameters=[EntryQuery],
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        asked = self.query(EntryQuery)
        export_note(self.account, author_of(self), **asked)
        return csv_answer(entries_export(self.account, **asked))
