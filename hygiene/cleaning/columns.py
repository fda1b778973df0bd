"""What the first rows of a file show: delimiter, headings, and which column is what."""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from hygiene.case import fold
from hygiene.cleaning.reading import (
    DELIMITERS,
    SEP_LINE,
    Records,
    is_blank,
    lines,
)

SAMPLE = 200
"""Rows looked at."""
SHOWN = 10
COLUMNS_MAX = 500
NAME_MAX = 100
SHOWN_CELL = 80

_LOOKS_LIKE_ADDRESS = re.compile(r"\s*[^\s@]+@[^\s@]+\.[^\s@]+\s*")
_ALONE = re.compile(r"""\s*[^\s@,;|"]+@[^\s@,;|"]+\.[^\s@,;|"]+\s*""").fullmatch
_NOT_LETTER = re.compile(r"[\W_]+")


def _words(text: str) -> frozenset[str]:
    return frozenset(map(_key, text.split()))


def _key(name: str) -> str:
    """A heading without case, accents, and all but letters and digits."""
    return _NOT_LETTER.sub("", fold(name))


_EMAIL = _words(
    """email mail emailaddress mailaddress emailadresse mailadresse epost epostadresse
    epostadress sahkoposti sahkopostiosoite correo correoelectronico direccionemail
    direcciondecorreo courriel adressemail adresseemail adressecourriel adressemel mel
    mailadres emailadres indirizzoemail indirizzomail postaelettronica enderecodeemail
    correioeletronico adresemail adresmail adreseemail emailcim emailova emailovaadresa
    eposta epostaadresi subscriber subscriberemail primaryemail workemail personalemail
    emailprimary contactemail useremail customeremail
    почта емейл электроннаяпочта メールアドレス メール 邮箱 电子邮件 이메일"""
)
_FIRST = _words(
    """firstname first fname givenname forename vorname rufname prenom nombre nome
    voornaam fornavn fornamn imie jmeno keresztnev etunimi ad isim имя 名 이름
    billingfirstname contactfirstname"""
)
_LAST = _words(
    """lastname last lname surname familyname nachname familienname zuname nom
    nomdefamille apellido apellidos cognome sobrenome achternaam familienaam etternavn
    efternavn efternamn nazwisko prijmeni vezeteknev sukunimi soyad soyadi фамилия 姓 성
    billinglastname contactlastname"""
)


@dataclass(frozen=True, slots=True)
class Preview:
    """The beginning of a file as it would be read.

    ``columns`` are the headings, empty strings where there is none; ``rows`` are the
    first rows under them, long cells cut. Columns are numbered from 0; ``None`` is "not
    found". ``replaced`` says that the encoding does not fit.
    """

    encoding: str
    delimiter: str
    has_header: bool
    columns: list[str]
    rows: list[list[str]]
    email: int | None
    first_name: int | None
    last_name: int | None
    replaced: bool

    @property
    def names(self) -> list[str]:
        """A name for every column, whether it has a heading or not."""
        return column_names(self.columns)


def column_names(columns: Iterable[str]) -> list[str]:
    """Headings, with ``Column 3`` where the third one is empty."""
    return [name or f"Column {at}" for at, name in enumerate(columns, 1)]


def preview(
    head: bytes,
    *,
    encoding: str,
    delimiter: str = "",
    has_header: bool | None = None,
) -> Preview:
    """Read the beginning of a file (some hundred kB). Finds out what is not given."""
    text = list(itertools.islice(lines([head], encoding), 4 * SAMPLE))
    if len(text) > 1 and not text[-1].endswith(("\n", "\r")):
        text.pop()  # cut off in the middle
    delimiter = delimiter or sniff(text)
    found = (r.cells for r in Records(text, delimiter) if not is_blank(r.cells))
    table = list(itertools.islice(found, SAMPLE))
    if has_header is None:
        has_header = bool(table) and not any(map(_address, table[0]))
    headings = table[0] if has_header and table else []
    body = table[1:] if has_header else table
    width = min(COLUMNS_MAX, max(map(len, table), default=0))
    columns = [name.replace("\0", "").strip()[:NAME_MAX] for name in headings[:width]]
    columns += [""] * (width - len(columns))
    keys = [_key(name) for name in columns]
    email = _email_column(keys, body)
    return Preview(
        encoding=encoding,
        delimiter=delimiter,
        has_header=has_header,
        columns=columns,
        rows=[
            [_short(row[at]) if at < len(row) else "" for at in range(width)]
            for row in body[:SHOWN]
        ],
        email=email,
        first_name=_named(keys, _FIRST, email),
        last_name=_named(keys, _LAST, email),
        replaced="\ufffd" in "".join(text),
    )


def sniff(text: list[str]) -> str:
    """The likeliest delimiter of some lines: with it addresses stand alone in a cell,
    and most rows have as many cells as the others.

    A comma where nothing divides the lines, as in a file of one column.
    """
    said = SEP_LINE.fullmatch(text[0]) if text else None
    if said and said[1] in DELIMITERS:
        return said[1]
    best, delimiter = (0.0, 0.0, 0), ","
    for candidate in DELIMITERS:
        try:
            table = list(filter(None, csv.reader(text, delimiter=candidate)))
        except csv.Error:
            continue
        counts = Counter(map(len, table))
        cells, rows = max(counts.items(), key=lambda item: item[1], default=(1, 0))
        freed = sum(any(map(_ALONE, row)) for row in table)
        score = (freed / max(1, len(table)), rows / max(1, len(table)), cells)
        if cells > 1 and score > best:
            best, delimiter = score, candidate
    return delimiter


def _address(cell: str) -> bool:
    return _LOOKS_LIKE_ADDRESS.fullmatch(cell[:400]) is not None


def _email_column(keys: list[str], body: list[list[str]]) -> int | None:
    """By what stands in it first, by its heading second."""
    best, found = 0.0, None
    for at, key in enumerate(keys):
        cells = [row[at] for row in body if at < len(row) and row[at].strip()]
        share = sum(map(_address, cells)) / len(cells) if cells else 0.0
        named = 1.0 if key in _EMAIL else 0.5 if "mail" in key else 0.0
        score = 2 * share + named
        if score > best and (share > 0.2 or key in _EMAIL):
            best, found = score, at
    return found


def _named(keys: list[str], words: frozenset[str], email: int | None) -> int | None:
    places = (at for at, key in enumerate(keys) if key in words and at != email)
    return next(places, None)


def _short(cell: str) -> str:
    text = " ".join(cell[: 2 * SHOWN_CELL].split())
    return text if len(text) <= SHOWN_CELL else f"{text[:SHOWN_CELL]}…"
