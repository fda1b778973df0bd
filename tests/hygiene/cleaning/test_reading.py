"""Whatever people call CSV is read, and nothing in it is lost."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.cleaning.columns import preview
from hygiene.cleaning.reading import (
    CELL_MAX,
    LINE_MAX,
    OPEN_QUOTE,
    RECORD_LINES,
    TOO_LARGE,
    Record,
    lines,
    rows,
)


def read(
    content: bytes, encoding: str = "utf-8", delimiter: str = ",", header: bool = False
) -> list[Record]:
    return list(rows([content], encoding, delimiter, header)[1])


def cells(
    content: bytes, encoding: str = "utf-8", delimiter: str = ","
) -> list[object]:
    return [record.cells for record in read(content, encoding, delimiter)]


TEXT = "e\u0301mile@\u00e9cole.fr,\u00c9mile\r\nmira@example.com,Mira\r\n"


@pytest.mark.parametrize(
    ("bom", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (b"", "utf-16-le"),
    ],
)
def test_encodings_with_and_without_byte_order_mark(bom: bytes, encoding: str) -> None:
    found = cells(bom + TEXT.encode(encoding), encoding)
    assert found[0] == ["e\u0301mile@\u00e9cole.fr", "\u00c9mile"]
    assert found[1] == ["mira@example.com", "Mira"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system(end: str) -> None:
    assert cells(f"a,b{end}c,d{end}e,f".encode()) == [
        ["a", "b"],
        ["c", "d"],
        ["e", "f"],
    ]


@given(
    st.lists(st.sampled_from(["a,b", "\u00e9", "", '"x\ny",z', "q"]), max_size=12),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(1, 7),
    st.sampled_from(["utf-8", "utf-16-le"]),
)
def test_where_the_pieces_are_cut_makes_no_difference(
    parts: list[str], end: str, size: int, encoding: str
) -> None:
    content = end.join(parts).encode(encoding)
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    assert list(rows(pieces, encoding, ",", False)[1]) == read(content, encoding)
    assert "".join(lines(pieces, encoding)) == end.join(parts)


def test_row_numbers_are_those_of_a_spreadsheet() -> None:
    content = b'sep=;\r\nEmail;Note\r\na@b.de;"two\r\nlines"\r\n\r\nc@d.de;x\r\n'
    found = read(content, delimiter=";", header=True)
    assert [(row, cells[0]) for row, cells, _ in found] == [
        (2, "a@b.de"),
        (4, "c@d.de"),
    ]
    assert found[0].cells[1] == "two\r\nlines"


def test_a_separator_inside_unicode_is_no_line_end() -> None:
    found = cells("a\u2028b,c\x0bd\x85e\n".encode())
    assert found == [["a\u2028b", "c\x0bd\x85e"]]


def test_quotes_in_the_wrong_place_stay_in_the_text() -> None:
    assert cells(b'Jo "the" X,"a"b,c"d"\n') == [['Jo "the" X', "ab", 'c"d"']]


def test_an_open_quote_costs_no_row() -> None:
    many = b"".join(b"p%d@x.de,N\n" % n for n in range(3 * RECORD_LINES))
    found = read(b'a@b.de,"Jo\n' + many)
    assert found[0] == Record(1, ["a@b.de", '"Jo'], OPEN_QUOTE)
    assert [record.cells[0] for record in found[1:]] == [
        f"p{n}@x.de" for n in range(3 * RECORD_LINES)
    ]
    assert [record.row for record in found] == list(range(1, 3 * RECORD_LINES + 2))
    assert not any(record.problem for record in found[1:])


def test_an_open_quote_near_the_end_costs_no_row() -> None:
    found = read(b'a@b.de,x\nc@d.de,"open\ne@f.de,y\ng@h.de,z')
    assert [record.cells[0] for record in found] == [
        *("a@b.de", "c@d.de", "e@f.de", "g@h.de")
    ]
    assert [bool(record.problem) for record in found] == [False, True, False, False]


def test_an_open_quote_that_meets_another_costs_no_row() -> None:
    found = read(b'a@b.de,"Jo\nc@d.de,"Ann"\ne@f.de,"Al"\n')
    assert [record.cells for record in found] == [
        *(["a@b.de", '"Jo'], ["c@d.de", "Ann"], ["e@f.de", "Al"])
    ]
    assert found[0].problem == OPEN_QUOTE


def test_a_cell_of_10_mb_is_refused_and_the_next_row_read() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"a@b.de,x\nhuge@b.de,"
        for _ in range(10):
            yield b"x" * 1024 * 1024
        yield b"\nc@d.de,y\n"

    found = list(rows(pieces(), "utf-8", ",", False)[1])
    assert [(row, problem) for row, _, problem in found] == [
        *((1, ""), (2, TOO_LARGE), (3, ""))
    ]
    assert found[2].cells == ["c@d.de", "y"]
    assert sum(map(len, found[1].cells)) < 1000


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_line_that_never_seems_to_end_does(end: bytes) -> None:
    small = b",".join([b"x" * 1000] * (LINE_MAX // 1000 + 100))
    found = read(b"a" + end + small + end + b"b" + end)
    assert [(row, problem) for row, _, problem in found] == [
        *((1, ""), (2, TOO_LARGE), (3, ""))
    ]
    pieces = (small[at : at + 65536] for at in range(0, len(small), 65536))
    longest = max(map(len, lines([b"a" + end, *pieces, end, b"b"], "utf-8")))
    assert longest <= LINE_MAX + 65536


def test_a_cell_of_the_largest_size_is_taken() -> None:
    content = b"a@b.de," + b"x" * CELL_MAX + b"\n"
    assert not read(content)[0].problem
    assert read(b"a@b.de," + b"x" * (CELL_MAX + 1))[0].problem == TOO_LARGE


def test_nul_bytes_and_bytes_of_another_encoding_stop_nothing() -> None:
    assert cells(b"a\x00b@c.de,x\nd\xe9@e.de,y\n") == [
        *(["a\x00b@c.de", "x"], ["d\ufffd@e.de", "y"])
    ]


@given(st.binary(max_size=400), st.sampled_from([",", ";", "\t", "|"]))
def test_no_bytes_break_it(content: bytes, delimiter: str) -> None:
    for encoding in ("utf-8", "utf-16-le", "cp1252", "gb18030"):
        found = read(content, encoding, delimiter)
        numbers = [record.row for record in found]
        assert numbers == sorted(set(numbers))
        preview(content, encoding=encoding)


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        (b"a@b.de,x\nc@d.de,y\n", ","),
        (b'a@b.de;"x,y";1,5\nc@d.de;"z,w";2,5\n', ";"),
        (b"a@b.de\tx, y\nc@d.de\tz\n", "\t"),
        (b"a@b.de|x\nc@d.de|y\n", "|"),
        (b"sep=|\na@b.de,1|x,1\n", "|"),
        (b"a@b.de\nc@d.de\n", ","),
    ],
)
def test_the_delimiter_is_found(content: bytes, delimiter: str) -> None:
    assert preview(content, encoding="utf-8").delimiter == delimiter


@pytest.mark.parametrize(
    ("content", "email", "first", "last"),
    [
        ("Email,First name,Last name\na@b.de,A,B\n", 0, 1, 2),
        ("Vorname;Nachname;E-Mail-Adresse\nA;B;a@b.de\n", 2, 0, 1),
        ("Nom\tPr\u00e9nom\tCourriel\nB\tA\ta@b.fr\n", 2, 1, 0),
        ("Email opt-in,Contact\nyes,a@b.de\nno,c@d.de\n", 1, None, None),
        ("a@b.de,A\nc@d.de,B\n", 0, None, None),
        ("Correo electr\u00f3nico|Nombre|Apellidos\n|A|B\n", 0, 1, 2),
        ("\u30e1\u30fc\u30eb\u30a2\u30c9\u30ec\u30b9,x\n,1\n", 0, None, None),
        ("Id,City\n1,Bonn\n", None, None, None),
    ],
)
def test_columns_are_guessed(
    content: str, email: int | None, first: int | None, last: int | None
) -> None:
    shown = preview(content.encode(), encoding="utf-8")
    assert (shown.email, shown.first_name, shown.last_name) == (email, first, last)


def test_the_first_row_is_a_heading_unless_it_holds_an_address() -> None:
    assert preview(b"Email\na@b.de\n", encoding="utf-8").has_header
    without = preview(b"a@b.de,x\n", encoding="utf-8")
    assert not without.has_header
    assert without.names == ["Column 1", "Column 2"]


def test_only_headings_show_no_rows() -> None:
    shown = preview(b"Email,Name\n", encoding="utf-8")
    assert (shown.columns, shown.rows, shown.email) == (["Email", "Name"], [], 0)
