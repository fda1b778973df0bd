"""People's names: parting a whole name, and letters as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.person_names import split_name, title_case


@pytest.mark.parametrize(
    ("whole", "first", "last"),
    [
        ("Mary O'Neil", "Mary", "O'Neil"),
        ("  Mary   O'Neil ", "Mary", "O'Neil"),
        ("O'Neil, Mary", "Mary", "O'Neil"),
        ("Mary Ann Smith", "Mary Ann", "Smith"),
        ("Vincent van Gogh", "Vincent", "van Gogh"),
        ("Ana de la Cruz", "Ana", "de la Cruz"),
        ("maria da silva dos santos", "maria", "da silva dos santos"),
        ("Van Morrison", "Van", "Morrison"),
        ("Dr. Ana Cruz", "Ana", "Cruz"),
        ("Mrs Smith", "", "Smith"),
        ("Martin Luther King Jr.", "Martin Luther", "King Jr."),
        ("Sammy Davis, Jr.", "Sammy", "Davis Jr."),
        ("Cher", "Cher", ""),
        ("李小龍", "李小龍", ""),
        ("", "", ""),
    ],
)
def test_a_whole_name_in_parts(whole: str, first: str, last: str) -> None:
    assert split_name(whole) == (first, last)


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("o'neil mcdonald van der berg", "O'Neil McDonald van der Berg"),
        ("MARY-ANNE O’NEIL", "Mary-Anne O’Neil"),
        ("jean-luc d'angelo", "Jean-Luc D'Angelo"),
        ("DeShawn MacArthur", "DeShawn MacArthur"),
        ("john smith iii", "John Smith III"),
        ("de la cruz", "De la Cruz"),
        ("van", "Van"),
        ("ann's shop", "Ann's Shop"),
        ("j.r.r. tolkien", "J.R.R. Tolkien"),
        ("ÉMILE ZOLA", "Émile Zola"),
        ("", ""),
    ],
)
def test_capitals(written: str, wanted: str) -> None:
    assert title_case(written) == wanted


LETTERS = st.text("abcxyzABCXYZ éÉ'’-. ", max_size=40)


@given(LETTERS)
def test_capitals_change_nothing_but_capitals(name: str) -> None:
    once = title_case(name)
    assert once.casefold() == name.casefold()
    assert title_case(once) == once


@given(st.lists(st.text("abcdefg", min_size=4, max_size=8), min_size=1, max_size=5))
def test_no_word_of_a_name_is_lost(words: list[str]) -> None:
    first, last = split_name(" ".join(words))
    assert f"{first} {last}".split() == words
