"""Taking a file in: cut, compressed and looked at as it comes, stored all or nothing.

The pieces wait in a temporary file, so that the data base is only written to once the
whole file is there: an upload that breaks off leaves nothing behind.
"""

from __future__ import annotations

import codecs
import hashlib
import tempfile
import weakref
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db import transaction

from contactsync.tenancy.models import Account, User
from hygiene.models import CleaningChunk, CleaningRun

MAX_BYTES = 512 * 1024 * 1024
PIECE = 1024 * 1024
IN_MEMORY = 8 * 1024 * 1024
AT_ONCE = 8
"""Pieces in one INSERT."""

_SAVE_AS_CSV = "Open it there and save it as CSV (UTF-8), then upload that file."
_MAGIC = (
    (b"PK\x03\x04", f"This is an Excel workbook or a zip archive. {_SAVE_AS_CSV}"),
    (b"\xd0\xcf\x11\xe0", f"This is an old Excel workbook. {_SAVE_AS_CSV}"),
    (
        b"\x1f\x8b",
        "This file is compressed (gzip). Unpack it and upload what is in it.",
    ),
    (b"%PDF", "This is a PDF. Export the list as CSV and upload that file."),
    (b"{\\rtf", f"This is a text document (RTF). {_SAVE_AS_CSV}"),
)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class Refused(ValueError):
    """The file is not taken; the message says why and what to do, for people."""


class TooLarge(Refused):
    """More bytes than ``MAX_BYTES``."""

    def __init__(self) -> None:
        super().__init__(
            f"The file is larger than {MAX_BYTES // 1024**2} MB. Split it into "
            "several files of up to 1,000,000 rows and upload them one by one."
        )


@dataclass(frozen=True, slots=True)
class Piece:
    """Where a compressed piece lies in the temporary file; ``breaks``: lines in it."""

    start: int
    length: int
    breaks: int


class Upload:
    """A file as it came in. ``str()`` of it is the SHA-256 of its bytes."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115
        # Also where nobody stores it, as when a request is answered a second time.
        self.close = weakref.finalize(self, self._file.close)
        self._pieces: list[Piece] = []
        self._sha256 = hashlib.sha256()
        self._utf8: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder(
            "utf-8"
        )()
        self.size = 0
        self.encoding = ""
        """How the bytes are most likely to be read; one of ``reading.ENCODINGS``."""

    def __str__(self) -> str:
        return self._sha256.hexdigest()

    def add(self, piece: bytes) -> None:
        if not self.size:
            self.encoding = _by_head(piece)
        self.size += len(piece)
        self._sha256.update(piece)
        self._look(piece)
        packed = zlib.compress(piece, 1)
        breaks = max(piece.count(b"\n"), piece.count(b"\r"))
        self._pieces.append(Piece(self._file.tell(), len(packed), breaks))
        self._file.write(packed)

    def _look(self, piece: bytes, *, final: bool = False) -> None:
        """Find out whether everything is UTF-8, unless the encoding is known."""
        if self.encoding or self._utf8 is None:
            return
        try:
            self._utf8.decode(piece, final)
        except UnicodeDecodeError:
            self._utf8 = None

    def finish(self) -> None:
        """Settle the encoding. Raises Refused for a file without content."""
        if not self.size:
            raise Refused("The file is empty. Choose the file that holds your list.")
        self._look(b"", final=True)
        self.encoding = self.encoding or ("utf-8" if self._utf8 else "cp1252")

    def chunks(self, run: CleaningRun) -> Iterator[CleaningChunk]:
        for seq, piece in enumerate(self._pieces):
            self._file.seek(piece.start)
            yield CleaningChunk(
                run=run,
                kind=CleaningChunk.Kind.RAW,
                seq=seq,
                rows=piece.breaks,
                data=self._file.read(piece.length),
            )


def receive(blocks: Iterable[bytes]) -> Upload:
    """Take in a file. Raises Refused (TooLarge) with a sentence for people."""
    upload, rest, size = Upload(), bytearray(), 0
    try:
        for block in blocks:
            size += len(block)
            if size > MAX_BYTES:
                raise TooLarge
            rest += block
            while len(rest) >= PIECE:
                upload.add(bytes(rest[:PIECE]))
                del rest[:PIECE]
        if rest:
            upload.add(bytes(rest))
        upload.finish()
    except BaseException:
        upload.close()
        raise
    return upload


def _by_head(piece: bytes) -> str:
    """The encoding that the first bytes show, or ``""``. Raises Refused."""
    for magic, sentence in _MAGIC:
        if piece.startswith(magic):
            raise Refused(sentence)
    for bom, name in _BOMS:
        if piece.startswith(bom):
            return name
    head = piece[:4096]
    if head.count(0) * 4 > len(head) > 3:  # UTF-16 of Latin text: every other byte
        return "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
    return ""


def store(
    upload: Upload, *, account: Account, filename: str, by: User | None
) -> CleaningRun:
    """Write the file down as a run whose columns are still to be chosen."""
    run = CleaningRun(
        account=account,
        filename=_printable(filename)[:200] or "list.csv",
        size=upload.size,
        encoding=upload.encoding,
        created_by=by,
    )
    try:
        with transaction.atomic():
            run.save(force_insert=True)
            CleaningChunk.objects.bulk_create(upload.chunks(run), batch_size=AT_ONCE)
    finally:
        upload.close()
    return run


def _printable(name: str) -> str:
    bare = name.replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in bare if char.isprintable()).strip()
