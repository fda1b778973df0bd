"""Reading whatever people call CSV, record by record, in constant memory.

Nothing here gives up on a file: what is wrong with a record is said beside it, and the
next one is read. Row numbers are a spreadsheet's: the first record is row 1, headings
and blank lines count (a record over several lines counts once), ``sep=;`` does not.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16 (little endian)",
    "utf-16-be": "UTF-16 (big endian)",
    "cp1252": "Windows-1252 (Western Europe)",
    "iso8859-15": "ISO 8859-15 (Western Europe)",
    "cp1250": "Windows-1250 (Central Europe)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)",
    "mac-roman": "Mac Roman",
    "cp932": "Shift JIS (Japanese)",
    "gb18030": "GB 18030 (Chinese)",
    "euc-kr": "EUC-KR (Korean)",
}
DELIMITERS = {",": "Comma ,", ";": "Semicolon ;", "\t": "Tab", "|": "Pipe |"}

CELL_MAX = 131_072
"""Characters in a cell: the limit of Python's csv module, which holds per process."""
LINE_MAX = 1_000_000
"""Characters in a line; what is over is dropped and the row refused."""
RECORD_LINES = 100
"""Lines in a record: more mean that a quotation mark is never closed, and so do more
characters than ``LINE_MAX`` in several lines."""
LINES_MAX = 5_000_000
"""Rows and blank lines in a file: a worker must get through them within its lease."""

SEP_LINE = re.compile(r'\s*"?sep=(.)"?\s*', re.IGNORECASE)
REPLACED = "\ufffd"

OPEN_QUOTE = "open-quote"
TOO_LARGE = "row-too-large"


class Record(NamedTuple):
    """A row of the file. ``problem`` is ``OPEN_QUOTE``, ``TOO_LARGE`` or empty."""

    row: int
    cells: list[str]
    problem: str


class TooManyLines(Exception):
    """The file has more than ``LINES_MAX`` of them."""


class _OpenQuote(Exception):
    pass


def lines(pieces: Iterable[bytes], encoding: str) -> Iterator[str]:
    """The file's lines with their ends (``\\n``, ``\\r\\n`` or ``\\r``), BOM removed.

    Bytes that the encoding does not know become U+FFFD. A line is cut at ``LINE_MAX``.
    """
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    rest, begun, cutting = "", False, False
    for piece in _ahead(pieces):
        text = decoder.decode(piece, final=not piece)
        if not begun and text:
            begun, text = True, text.removeprefix("\ufeff")
        if cutting and text:
            end = _break(text)
            if end < 0:
                continue
            text, cutting = text[end:], False
        if not text and piece:
            continue
        found = list(io.StringIO(rest + text, newline=""))
        # A last line that ends in \r may go on with \n.
        whole = not piece or not found or found[-1].endswith("\n")
        rest = "" if whole else found.pop()
        yield from found
        if len(rest) > LINE_MAX and not rest.endswith("\r"):
            rest, cutting = rest[:LINE_MAX], True


def _ahead(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces that hold something, then an empty one: the end."""
    yield from filter(None, pieces)
    yield b""


def _break(text: str) -> int:
    """Where the first line break is, -1 for nowhere."""
    found = [at for at in (text.find("\n"), text.find("\r")) if at >= 0]
    return min(found, default=-1)


class Records:
    """The records of a file. ``read`` is how many characters were taken so far."""

    def __init__(self, source: Iterable[str], delimiter: str) -> None:
        self._source = iter(source)
        self._delimiter = delimiter
        self._again: deque[str] = deque()
        self._fed: list[str] = []
        self._broke_off = False
        self._length = 0
        self.read = 0

    def _feed(self) -> Iterator[str]:
        fed, again = self._fed, self._again
        while True:
            line = again.popleft() if again else next(self._source, None)
            if line is None:
                self._broke_off = bool(fed)
                return
            fed.append(line)
            self._length += len(line)
            if len(fed) > RECORD_LINES or len(fed) > 1 and self._length > LINE_MAX:
                raise _OpenQuote
            self.read += len(line)
            yield line

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._feed(), delimiter=self._delimiter)

    def __iter__(self) -> Iterator[Record]:
        row, reader, fed = 0, self._reader(), self._fed
        while True:
            problem, cells = "", []
            try:
                cells = next(reader)
                if len(fed) > 1 or self._broke_off:
                    problem = self._doubt()
                elif len(fed[0]) >= LINE_MAX:
                    problem = TOO_LARGE
            except StopIteration:
                return
            except _OpenQuote:
                problem = OPEN_QUOTE
            except csv.Error:
                problem = TOO_LARGE if len(fed) == 1 else OPEN_QUOTE
            if problem:
                cells = self._plainly(problem)
                reader = self._reader()
            fed.clear()
            self._length = 0
            row += 1
            if row == 1 and len(cells) <= 2 and is_sep(cells, self._delimiter):
                row = 0
                continue
            yield Record(row, cells, problem)

    def _doubt(self) -> str:
        """Whether a record over several lines is one, or a quotation mark is open."""
        if self._broke_off:
            return OPEN_QUOTE
        try:
            list(csv.reader(self._fed, delimiter=self._delimiter, strict=True))
        except csv.Error:
            return OPEN_QUOTE
        return ""

    def _plainly(self, problem: str) -> list[str]:
        """The first line cut at every delimiter; the other lines are read again."""
        self._again.extendleft(reversed(self._fed[1:]))
        self._broke_off = False
        cells = self._fed[0].rstrip("\r\n").split(self._delimiter)
        if problem == TOO_LARGE:
            return [cell[:200] for cell in cells[:1000]]
        return [_bare(cell) for cell in cells]


def _bare(cell: str) -> str:
    if len(cell) > 1 and cell[0] == cell[-1] == '"':
        return cell[1:-1].replace('""', '"')
    return cell


def is_sep(cells: list[str], delimiter: str) -> bool:
    """Whether a first record is the line by which Excel is told the delimiter."""
    return SEP_LINE.fullmatch(delimiter.join(cells)) is not None


def is_blank(cells: list[str]) -> bool:
    """An empty line is no row."""
    return not cells or (len(cells) == 1 and not cells[0].strip())


def rows(
    pieces: Iterable[bytes], encoding: str, delimiter: str, has_header: bool
) -> tuple[Records, Iterator[Record]]:
    """The reader of a file, and the file's rows without headings and blank lines.

    To iterate raises TooManyLines.
    """
    records = Records(lines(pieces, encoding), delimiter)

    def wanted() -> Iterator[Record]:
        heading = has_header
        for record in records:
            if record.row > LINES_MAX:
                raise TooManyLines
            if is_blank(record.cells):
                continue
            if heading:
                heading = False
                continue
            yield record

    return records, wanted()
