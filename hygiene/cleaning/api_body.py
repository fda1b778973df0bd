"""REST: a list as it comes in and as it goes out, in bytes that are no JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.renderers import BaseRenderer

from contactsync.api.problems import Problem
from hygiene.cleaning import upload

FILENAME = "list.csv"


def taken(blocks: Iterable[bytes]) -> upload.Upload:
    """A file of a request. Raises Problem 413 or 422."""
    try:
        return upload.receive(blocks)
    except upload.TooLarge as error:
        raise Problem(413, str(error), code="too_large") from None
    except upload.Refused as error:
        raise Problem.of_field("file", "unusable", str(error)) from None


class CsvParser(BaseParser):
    """The body is the file: ``{"file": Upload, "filename": ...}``."""

    media_type = "text/csv"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, Any]:
        context = parser_context or {}
        length = context["request"].META.get("CONTENT_LENGTH") or ""
        if length.isdigit() and int(length) > upload.MAX_BYTES:
            raise Problem(413, str(upload.TooLarge()), code="too_large")
        return {"file": taken(_blocks(stream.read)), "filename": FILENAME}


class FileParser(MultiPartParser):
    """A form with the file and the options as fields."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, Any]:
        form = super().parse(stream, media_type, parser_context)
        given = {str(name): value for name, value in form.data.items()}
        file = form.files.get("file")
        unknown = set(form.files) - {"file"}
        if file is None or unknown:
            name = next(iter(unknown), "file")
            raise Problem.of_field(name, "required", "Send one file, as `file`.")
        chunks: Callable[[int], Iterator[bytes]] = file.chunks
        return {
            "filename": file.name,
            **given,
            "file": taken(chunks(upload.PIECE)),
        }


def _blocks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    return iter(partial(read, upload.PIECE), b"")


class CsvRenderer(BaseRenderer):
    """Lets a caller ask for text/csv; what is rendered here is only ever a problem."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self, data: Any, media_type: str | None = None, renderer_context: Any = None
    ) -> bytes:
        return json.dumps(data).encode()
