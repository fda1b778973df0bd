"""The character model: what its file is made of, and that it tells names from noise."""

from __future__ import annotations

import pytest

from hygiene.case import Facts
from hygiene.facts import DATA
from hygiene.gibberish import MAGIC, MODEL_FILE, SIZE, pack, unpack
from scripts import train_model

FILE = DATA / MODEL_FILE


@pytest.mark.slow
def test_training_again_gives_the_same_bytes() -> None:
    assert train_model.wrong_versions() == []
    assert train_model.train() == FILE.read_bytes()


def test_the_version_is_the_start_of_the_tables_hash(facts: Facts) -> None:
    data = FILE.read_bytes()
    assert facts.model == unpack(data)
    assert facts.model.version == f"trigram@{data[len(MAGIC) :][:4].hex()}"


def test_a_cell_is_found_where_it_was_put() -> None:
    cells = bytearray(SIZE**3)
    a, b, c, edge = 0, 1, 2, SIZE - 1
    cells[(edge * SIZE + edge) * SIZE + a] = 10
    cells[(edge * SIZE + a) * SIZE + b] = 200
    cells[(a * SIZE + b) * SIZE + c] = 30
    model = unpack(pack(bytes(cells)))
    # The mean of all of it, 1 - 5.6 + 3, and of the worst stretch of it, -5.6.
    assert model.score("abc") == pytest.approx((-1.6 - 5.6) / 2)
    assert model.score("b") == 0


@pytest.mark.parametrize(
    "data",
    [
        b"",
        MAGIC,
        b"x" + FILE.read_bytes()[1:],
        FILE.read_bytes()[:-1],
        FILE.read_bytes() + b"\x00",
        FILE.read_bytes()[:-1] + b"\x55",
    ],
)
def test_a_damaged_file_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="model file"):
        unpack(data)


def test_the_model_tells_names_from_noise(facts: Facts) -> None:
    for name in ("krzysztofbrzezinski", "xiaoming.zhang", "ngozi_okonkwo88"):
        assert facts.model.score(name) > 0
    for noise in ("xkqzvwptgh", "q7zxk2vwp9", "bvcxdfghrtq"):
        assert facts.model.score(noise) < -11
    assert facts.model.score("o'brien") is None
