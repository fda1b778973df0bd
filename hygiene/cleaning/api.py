"""REST: clean a list of addresses."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from contactsync.api.problems import FieldError, Problem
from contactsync.api.schema import problems
from contactsync.api.serializers import Choice, Strict, Text
from contactsync.api.views import ApiView
from hygiene.cleaning import export, results, services, upload, words
from hygiene.cleaning.api_body import CsvParser, CsvRenderer, FileParser
from hygiene.cleaning.columns import Preview
from hygiene.cleaning.progress import progress
from hygiene.cleaning.reading import DELIMITERS, ENCODINGS
from hygiene.models import CleaningRun

DELIMITER_WORDS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
assert set(DELIMITER_WORDS.values()) == set(DELIMITERS)
ROWS = 200
ROW_MAX = 2**31 - 1
LEAN = CleaningRun.objects.defer("policy")
"""The policy is for the worker, and large where the tenant lists much."""
COLUMN = "By its heading, or by its number from 1."


class CleaningOut(serializers.Serializer[CleaningRun]):
    id = serializers.UUIDField()
    filename = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    status = Choice(CleaningRun.Status.choices, enum="CleaningStatus")
    error = serializers.CharField(help_text="Why it failed; empty otherwise.")
    rows_total = serializers.IntegerField(help_text="0 until they are counted.")
    rows_done = serializers.IntegerField()
    rows_per_second = serializers.SerializerMethodField()
    seconds_left = serializers.SerializerMethodField()
    counts: Any = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="Rows per category and `duplicate`; they add up to `rows_done`.",
    )
    notes = serializers.SerializerMethodField()
    encoding = serializers.CharField()
    delimiter = serializers.CharField()
    header = serializers.BooleanField(source="has_header")
    columns = serializers.ListField(child=serializers.CharField())
    email_column = serializers.SerializerMethodField()
    lists = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "Cleaning"

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_rows_per_second(self, run: CleaningRun) -> int | None:
        return progress(run).rate

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_seconds_left(self, run: CleaningRun) -> int | None:
        return progress(run).seconds_left

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_notes(self, run: CleaningRun) -> list[str]:
        return [f"{n.where}: {n.title}. {n.remedy}" for n in words.notes(run)]

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_email_column(self, run: CleaningRun) -> int | None:
        return None if run.email_column is None else run.email_column + 1


class CleaningOptions(Strict):
    """How to read the file; what is left out is found out."""

    filename = Text(required=False, max_length=200)
    encoding = Choice(list(ENCODINGS), enum="CsvEncoding", required=False)
    delimiter = Choice(list(DELIMITER_WORDS), enum="CsvDelimiter", required=False)
    header = Choice(
        ["yes", "no"],
        enum="YesOrNo",
        required=False,
        help_text="Whether the first row holds headings.",
    )
    email_column = Text(required=False, max_length=100, help_text=COLUMN)
    first_name_column = Text(required=False, max_length=100, help_text=COLUMN)
    last_name_column = Text(required=False, max_length=100, help_text=COLUMN)

    class Meta:
        ref_name = "CleaningOptions"


@extend_schema_field(OpenApiTypes.BINARY)
class FileIn(serializers.FileField):
    """A file of a form; the schema would take it for an address."""


class CleaningForm(CleaningOptions):
    """A file, and the options as further fields."""

    file = FileIn()

    class Meta:
        ref_name = "NewCleaning"


class CleaningQuery(Strict):
    status = Choice(CleaningRun.Status.choices, enum="CleaningStatus", required=False)


class CleaningList(ApiView):
    queryset = CleaningRun.objects.all()
    parser_classes = (CsvParser, FileParser)
    # The file is taken in first: no transaction waits for it.
    atomic = False

    @extend_schema(
        operation_id="cleanings_list",
        summary="List cleaned lists",
        parameters=[CleaningQuery],
        responses=CleaningOut(many=True),
    )
    def get(self, request: Request) -> Response:
        asked = self.query(CleaningQuery)
        return self.page(self.mine(LEAN).filter(**asked), CleaningOut)

    @extend_schema(
        operation_id="cleanings_create",
        summary="Clean a list",
        description="Send the CSV as the body (`text/csv`, options in the query) or "
        "as `file` of a form. Up to 512 MB and 1,000,000 rows. Work starts at once; "
        "poll the answer's `id`. Kept for 30 days.",
        parameters=[CleaningOptions],
        request={"text/csv": OpenApiTypes.STR, "multipart/form-data": CleaningForm},
        responses={201: CleaningOut},
    )
    def post(self, request: Request) -> Response:
        given = dict(request.data)
        file = given.pop("file", None)
        if file is None:
            raise Problem.of_field("file", "required", "Send the list as the body.")
        checker = CleaningOptions(data={**given, **request.query_params.dict()})
        checker.is_valid(raise_exception=True)
        with transaction.atomic():
            run = self._start(file, dict(checker.validated_data))
        return Response(CleaningOut(run).data, status=201)

    def _start(self, file: upload.Upload, options: dict[str, Any]) -> CleaningRun:
        run = upload.store(
            file, account=self.account, filename=options.get("filename", ""), by=None
        )
        header = options.get("header")
        shown = services.look(
            run,
            encoding=options.get("encoding", ""),
            delimiter=DELIMITER_WORDS.get(options.get("delimiter", ""), ""),
            has_header=header == "yes" if header else None,
        )
        services.start(run, choices_of(shown, options))
        self.audit("cleaning.started", run.filename, bytes=run.size)
        return run


def choices_of(shown: Preview, options: dict[str, Any]) -> services.Choices:
    """The columns named, or found. Raises Problem 422."""

    def column(field: str, found: int | None) -> int | None:
        if field not in options:
            return found
        name = options[field]
        if name in shown.columns:
            return shown.columns.index(name)
        if name.isdecimal() and 1 <= int(name[:9]) <= len(shown.columns):
            return int(name[:9]) - 1
        there = ", ".join(shown.names[:20]) or "none"
        raise Problem.of_field(
            field, "unknown", f"There is no such column. There are: {there}."
        )

    email = column("email_column", shown.email)
    if email is None:
        raise Problem.of_field(
            "email_column",
            "required",
            "No column looks like addresses: name the one that holds them.",
        )
    return services.Choices(
        encoding=shown.encoding,
        delimiter=shown.delimiter,
        has_header=shown.has_header,
        email=email,
        first_name=column("first_name_column", shown.first_name),
        last_name=column("last_name_column", shown.last_name),
    )


class CleaningView(ApiView):
    queryset = CleaningRun.objects.all()
    pagination_class = None

    def run(self, id: UUID) -> CleaningRun:
        found: CleaningRun = self.one(LEAN, pk=id)
        return found

    def act(self, id: UUID, what: str, past: str) -> Response:
        run = self.run(id)
        try:
            services.ACTIONS[what](run)
        except services.NotNow as error:
            raise Problem(
                409,
                str(error),
                [FieldError("status", run.status, str(error))],
                code="cleaning.state",
            ) from None
        self.audit(f"cleaning.{past}", run.filename)
        return Response(CleaningOut(run).data)


class CleaningDetail(CleaningView):
    @extend_schema(
        operation_id="cleanings_get",
        summary="Read a cleaned list and its progress",
        responses=CleaningOut,
    )
    def get(self, request: Request, id: UUID) -> Response:
        return Response(CleaningOut(self.run(id)).data)

    @extend_schema(
        operation_id="cleanings_delete",
        summary="Delete a list and its result",
        responses={204: None},
    )
    def delete(self, request: Request, id: UUID) -> Response:
        run = self.run(id)
        services.delete(run)
        self.audit("cleaning.deleted", run.filename, rows=run.rows_done)
        return Response(status=204)


def action(what: str, summary: str) -> Any:
    return extend_schema(
        operation_id=f"cleanings_{what}",
        summary=summary,
        request=None,
        responses={200: CleaningOut},
    )


class CleaningPause(CleaningView):
    @action("pause", "Pause cleaning")
    def post(self, request: Request, id: UUID) -> Response:
        return self.act(id, "pause", "paused")


class CleaningResume(CleaningView):
    @action("resume", "Go on with a paused list")
    def post(self, request: Request, id: UUID) -> Response:
        return self.act(id, "resume", "resumed")


class CleaningCancel(CleaningView):
    @action("cancel", "Stop cleaning for good")
    def post(self, request: Request, id: UUID) -> Response:
        return self.act(id, "cancel", "cancelled")


class CleaningRowOut(serializers.Serializer[results.JudgedRow]):
    row = serializers.IntegerField(help_text="Its number in the file, from 1.")
    cells = serializers.ListField(child=serializers.CharField(allow_blank=True))
    email = serializers.CharField()
    category = serializers.CharField()
    rule = serializers.CharField()
    evidence = serializers.CharField()
    suggest = serializers.CharField()
    duplicate_of = serializers.IntegerField(
        allow_null=True, help_text="The row in which the same mailbox stood before."
    )
    explanation = serializers.SerializerMethodField()

    class Meta:
        ref_name = "CleaningRow"

    @extend_schema_field(str)
    def get_explanation(self, row: results.JudgedRow) -> str:
        return f"{words.explanation(row)} {words.to_do(row)}".strip()


class CleaningRowsOut(serializers.Serializer[Any]):
    results = CleaningRowOut(many=True)
    next = serializers.IntegerField(
        allow_null=True, help_text="Give it as `after` for the rows that follow."
    )

    class Meta:
        ref_name = "CleaningRows"


class RowsQuery(Strict):
    category = Choice(list(words.TALLIES), enum="CleaningCategory", required=False)
    rule = Text(required=False, max_length=40)
    q = Text(required=False, max_length=320, help_text="Part of an address.")
    after = serializers.IntegerField(
        required=False, min_value=0, max_value=ROW_MAX, help_text="From `next`."
    )
    limit = serializers.IntegerField(required=False, min_value=1, max_value=ROWS)


class CleaningRows(CleaningView):
    @extend_schema(
        operation_id="cleanings_rows",
        summary="List rows and their verdicts",
        description="In the order of the file. A page may hold fewer rows than asked "
        "for although there are more: go on until `next` is null.",
        parameters=[RowsQuery],
        responses=CleaningRowsOut,
    )
    def get(self, request: Request, id: UUID) -> Response:
        run = self.run(id)
        checker = RowsQuery(data=request.query_params.dict())
        checker.is_valid(raise_exception=True)
        asked = checker.validated_data
        wanted = results.Wanted(
            tally=asked.get("category", ""),
            rule=asked.get("rule", ""),
            q=asked.get("q", ""),
        )
        page = results.page(
            run, wanted, after=asked.get("after", 0), limit=asked.get("limit", ROWS)
        )
        rows = CleaningRowOut(page.rows, many=True).data
        return Response({"results": rows, "next": page.after})


class FileQuery(Strict):
    file = Choice([which.value for which in export.Which], enum="CleaningFile")
    bom = Choice(
        ["yes", "no"],
        enum="YesOrNo",
        required=False,
        help_text="A byte order mark for Excel.",
    )
    details = Choice(
        ["yes", "no"],
        enum="YesOrNo",
        required=False,
        help_text="The verdict's columns; left out of `clean` unless asked for.",
    )


class CleaningFile(CleaningView):
    renderer_classes = (JSONRenderer, CsvRenderer)

    @extend_schema(
        operation_id="cleanings_file",
        summary="Download the clean or the rejected rows",
        description="UTF-8. Cells that a spreadsheet program would run as a formula "
        "begin with an apostrophe.",
        parameters=[FileQuery],
        responses={(200, "text/csv"): OpenApiTypes.STR, **problems("422")},
    )
    def get(self, request: Request, id: UUID) -> Any:
        run = self.run(id)
        asked = self.query(FileQuery)
        which = export.Which(asked["file"])
        plain = "no" if which is export.Which.CLEAN else "yes"
        self.audit("cleaning.downloaded", run.filename, file=which.value)
        return export.response(
            run,
            which,
            bom=asked.get("bom") == "yes",
            details=asked.get("details", plain) == "yes",
        )
