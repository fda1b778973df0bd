"""A file is taken in whole or not at all."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator

import pytest

from contactsync.tenancy.models import Account
from hygiene.cleaning import upload
from hygiene.cleaning.results import raw_pieces
from hygiene.cleaning.upload import Refused, TooLarge, receive, store
from hygiene.models import CleaningChunk, CleaningRun

TEXT = "Email,Name\nmira@example.com,Mira\u00e9\n"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (codecs.BOM_UTF8 + TEXT.encode(), "utf-8"),
        (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), "utf-16-le"),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("cp1252"), "cp1252"),
        (b"a@b.de\n" * 300_000 + b"M\xfcller", "cp1252"),
        (b"a@b.de\n" * 300_000 + "M\u00fcller".encode(), "utf-8"),
    ],
)
def test_the_encoding_is_found(content: bytes, encoding: str) -> None:
    assert receive([content]).encoding == encoding


def test_a_letter_cut_in_two_by_a_piece_is_still_utf_8() -> None:
    content = b"x" * (upload.PIECE - 1) + "\u00fc\n".encode()
    assert receive([content]).encoding == "utf-8"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"PK\x03\x04rest", "save it as CSV"),
        (b"\xd0\xcf\x11\xe0rest", "save it as CSV"),
        (b"\x1f\x8brest", "Unpack"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_what_is_no_list_is_refused_with_a_remedy(content: bytes, says: str) -> None:
    with pytest.raises(Refused, match=says):
        receive([content])


def test_too_much_is_refused_before_it_is_all_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upload, "MAX_BYTES", 5 * 1024**2)
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 65536
            yield b"x" * 65536

    with pytest.raises(TooLarge, match="larger than 5 MB. Split it"):
        receive(endless())
    assert taken <= 5 * 1024**2 + 65536


@pytest.mark.django_db
def test_what_is_stored_is_what_came(acme: Account) -> None:
    content = b"".join(b"person%d@example.com,%d\n" % (n, n) for n in range(100_000))
    taken = receive(content[at : at + 70_000] for at in range(0, len(content), 70_000))
    assert str(taken) == hashlib.sha256(content).hexdigest()
    run = store(taken, account=acme, filename="C:\\lists\\a\n.csv", by=None)
    assert b"".join(raw_pieces(run)) == content
    pieces = CleaningChunk.objects.filter(run=run)
    assert sum(pieces.values_list("rows", flat=True)) == 100_000
    run.refresh_from_db()
    assert (run.size, run.filename, run.status) == (len(content), "a.csv", "uploaded")


@pytest.mark.django_db(transaction=True)
def test_an_upload_that_breaks_off_leaves_nothing(
    acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = receive([b"x@y.de\n" * 600_000])

    def half(run: CleaningRun) -> Iterator[CleaningChunk]:
        yield next(upload.Upload.chunks(taken, run))
        raise ConnectionError("gone")

    monkeypatch.setattr(taken, "chunks", half)
    monkeypatch.setattr(upload, "AT_ONCE", 1)
    with pytest.raises(ConnectionError):
        store(taken, account=acme, filename="a.csv", by=None)
    assert not CleaningRun.objects.exists()
    assert not CleaningChunk.objects.exists()
