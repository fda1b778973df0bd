"""The labelled sets are what the figures stand on: they must be whole and apart."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pytest

from bench.hygiene.accuracy import score
from bench.hygiene.noise import RATES, found_at, strings
from bench.hygiene.people import COUNTRIES, country, people, plain
from bench.hygiene.rows import CATEGORIES, SETS, SPLITS, Row, load, read, unescape
from hygiene.case import Facts
from hygiene.facts import load as load_facts
from hygiene.verdict import Category

LEAST = dict.fromkeys(CATEGORIES, 400) | {Category.VALID: 1000}
LEAST_STRATA = dict.fromkeys(CATEGORIES, 4) | {Category.VALID: 30}

FILES = sorted(SETS.glob("*/*.tsv"))


@pytest.fixture(scope="module")
def rows() -> dict[str, list[Row]]:
    return {split: load(split) for split in SPLITS}


@pytest.fixture(scope="module")
def facts() -> Facts:
    return load_facts()


def test_the_files_are_the_splits() -> None:
    assert {path.parent.name for path in FILES} == set(SPLITS)
    assert len(FILES) >= 14


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_says_where_its_rows_come_from(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").split("\n")
    head = " ".join(line[2:] for line in lines if line.startswith("#"))
    assert re.search(r"\d{4}-\d{2}-\d{2}", head)
    assert len(head) > 80
    assert read(path)


@pytest.mark.parametrize("split", SPLITS)
def test_enough_rows_of_every_category(rows: dict[str, list[Row]], split: str) -> None:
    counted = Counter(row.category for row in rows[split])
    assert counted.keys() == LEAST.keys()
    strata: dict[Category, set[str]] = {}
    for row in rows[split]:
        strata.setdefault(row.category, set()).add(row.stratum)
    for category, least in LEAST.items():
        assert counted[category] >= least
        assert len(strata[category]) >= LEAST_STRATA[category]


def test_no_row_is_there_twice_or_in_both_splits(rows: dict[str, list[Row]]) -> None:
    counted = Counter(
        row.address if row.category is Category.SYNTAX else row.address.strip().lower()
        for split in SPLITS
        for row in rows[split]
    )
    assert len(counted) > 7000
    assert [address for address, times in counted.items() if times > 1] == []


def test_the_splits_share_no_source(rows: dict[str, list[Row]]) -> None:
    sources = [{row.source for row in rows[split]} for split in SPLITS]
    assert all(len(named) >= 7 for named in sources)
    assert sources[0] & sources[1] == set()


def test_people_have_names_where_the_stratum_says_so(
    rows: dict[str, list[Row]],
) -> None:
    given = [row for split in SPLITS for row in rows[split] if row.person]
    assert {row.stratum for row in given} == {"role-word-name-given"}
    assert len(given) > 80
    assert all(row.category is Category.VALID for row in given)


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        (r"jo\x20", "jo "),
        (r"jo\u2028", "jo\u2028"),
        (r"\U0001f600", "\U0001f600"),
        (r"a\\x20", r"a\x20"),
        ("plain", "plain"),
    ],
)
def test_escapes(text: str, read_as: str) -> None:
    assert unescape(text) == read_as


@pytest.mark.parametrize("line", ["valid\tx", "valid\t\tx\ty", "nonsense\ta\tb\tc"])
def test_a_line_that_is_no_row_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "set.tsv"
    path.write_text(f"# head\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError):
        read(path)


def test_a_tally_counts_rejected_and_rightly_named(facts: Facts) -> None:
    said = [
        Row(Category.VALID, "x", "s", "jo.smith@gmail.com"),
        Row(Category.VALID, "x", "s", "jo smith@gmail.com"),
        Row(Category.SYNTAX, "y", "s", "jo@@acme.com"),
        Row(Category.ROLE, "z", "s", "jo@mailinator.com"),
        Row(Category.ROLE, "z", "s", "jo.weber@gmail.com"),
    ]
    found = score(said, facts)
    people_, role = found.categories[Category.VALID], found.categories[Category.ROLE]
    assert (people_.rows, people_.rejected, people_.recall) == (2, 1, 0.5)
    assert (role.rows, role.rejected, role.right) == (2, 1, 0)
    assert found.right_share == 0.5
    assert found.wrong[Category.ROLE, Category.DISPOSABLE] == 1
    assert [row.address for row, _ in found.misses] == [
        "jo smith@gmail.com",
        "jo@mailinator.com",
        "jo.weber@gmail.com",
    ]


def test_people_are_the_same_every_time_and_well_formed() -> None:
    once, again = list(people(400)), list(people(400))
    assert once == again
    assert once[:50] != list(people(50, seed=1))
    assert len({address for address, _, _ in once}) > 390
    for address, first, last in once:
        local, at, domain = address.partition("@")
        assert re.fullmatch(r"[A-Za-z0-9._+-]{1,64}", local) and at
        assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain)
        assert first.isascii() and last.isascii()


@pytest.mark.parametrize("name", COUNTRIES)
def test_every_country_has_names(name: str) -> None:
    given, family = country(name)
    assert len(given.names) > 10 and len(family.names) > 8
    assert len(given.names) == len(given.weights)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("Щербаков", "shcherbakov"),
        ("Παπαδόπουλος", "papadopoulos"),
        ("O'Neil", "oneil"),
        ("Łukasz", "lukasz"),
        ("Müller", "muller"),
        ("李", ""),
    ],
)
def test_names_as_typed(name: str, typed: str) -> None:
    assert plain(name) == typed


def test_random_strings_are_the_four_kinds() -> None:
    drawn = list(islice(strings(4000), 4000))
    assert drawn == list(strings(4000))
    assert {len(text) for text in drawn} == set(range(6, 21))
    assert all(text.isalpha() for text in drawn[::4])
    assert all(set(text) <= set("0123456789abcdef") for text in drawn[2::4])
    assert all(re.fullmatch("[a-z]+[0-9]{1,4}", text) for text in drawn[3::4])


@pytest.mark.parametrize(
    ("gap", "shares"), [(100.0, [1.0, 1.0, 1.0]), (0.0, list(RATES))]
)
def test_the_share_found_is_read_off_at_the_persons_rate(
    gap: float, shares: Sequence[float]
) -> None:
    rng = random.Random(1)
    scores = [rng.random() for _ in range(20_000)]
    found = found_at(scores, [value - gap for value in scores])
    assert found == pytest.approx(shares, abs=0.001)
