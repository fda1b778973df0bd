"""How much a local part looks like keys hit at random, by a character model.

A trigram model with Witten-Bell smoothing, trained on names and words of many languages
by ``scripts/train_model.py``. It adds up
log P(key | names) - log P(key | random keys), in nats: the more negative, the more
random. It is a sum over the text: a long one gives more evidence than a short one.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

ALPHABET = "abcdefghijklmnopqrstuvwxyz0."
"""Letters, any digit as ``0``, any separator as ``.``, as also the start and end."""

SIZE = len(ALPHABET)
SCALE = 10.0
"""Table entries are whole tenths of a nat, as signed bytes."""

MODEL_FILE = "names.trigram"
MAGIC = b"trigram\x02"

_FOREIGN = 255


def _codes() -> bytes:
    table = bytearray([_FOREIGN]) * 256
    for code, char in enumerate(ALPHABET):
        table[ord(char)] = code
    for char in "123456789":
        table[ord(char)] = ALPHABET.index("0")
    for char in "_-":
        table[ord(char)] = ALPHABET.index(".")
    return bytes(table)


_CODES = _codes()
_EDGE = ALPHABET.index(".")
_PLAIN = str.maketrans("123456789_-", "000000000..")


def plain(text: str) -> str:
    """Return lower-case ASCII text as the model sees it."""
    return text.translate(_PLAIN)


Table = tuple[tuple[tuple[int, ...], ...], ...]


@dataclass(frozen=True, slots=True)
class Model:
    """``table[a][b][c]`` is the score of ``c`` after ``a b``, in tenths of a nat.

    The letters are numbered by ``ALPHABET``. ``version`` is ``trigram@`` and the start
    of the table's hash.
    """

    table: Table
    version: str

    def score(self, text: str) -> float | None:
        """Return the score of lower-case ASCII text in nats.

        The mean of the whole text's and of its worst stretch's: a name in front of
        noise leaves it noise, and one odd cluster in a long name is not noise yet.

        ``None`` where the text holds anything but letters, digits and ``. _ -``: the
        model knows nothing about the rest.
        """
        codes = text.encode("ascii", "replace").translate(_CODES)
        if _FOREIGN in codes:
            return None
        table = self.table
        a = b = _EDGE
        total = top = drop = 0
        for c in codes:
            total += table[a][b][c]
            if total > top:
                top = total
            elif total - top < drop:
                drop = total - top
            a = b
            b = c
        return (total + drop) / (2 * SCALE)


def pack(cells: bytes) -> bytes:
    """Return a model file: ``MAGIC``, the cells' SHA-256 and CRC-32, the cells.

    The SHA-256 names the version, the CRC-32 finds damage.
    """
    # Imported only where a file is made: it brings 4 MB of OpenSSL to every judge.
    import hashlib

    return MAGIC + hashlib.sha256(cells).digest() + _crc(cells) + cells


def _crc(cells: bytes) -> bytes:
    return zlib.crc32(cells).to_bytes(4, "big")


def unpack(data: bytes) -> Model:
    """Read a model file. Raises ``ValueError`` where it is cut, changed or no model."""
    digest, cells = data[len(MAGIC) : len(MAGIC) + 32], data[len(MAGIC) + 36 :]
    if not data.startswith(MAGIC) or len(cells) != SIZE**3:
        raise ValueError("not a model file")
    if _crc(cells) != data[len(MAGIC) + 32 : len(MAGIC) + 36]:
        raise ValueError("the model file is damaged")
    # The same 256 numbers again and again: 22,000 take more memory, and are far apart.
    numbers = range(-128, 128)
    shared = dict(zip(numbers, numbers, strict=True))
    signed = tuple(shared[cell] for cell in memoryview(cells).cast("b"))
    rows = [signed[at : at + SIZE] for at in range(0, len(signed), SIZE)]
    table = tuple(tuple(rows[at : at + SIZE]) for at in range(0, len(rows), SIZE))
    return Model(table, f"trigram@{digest.hex()[:8]}")
