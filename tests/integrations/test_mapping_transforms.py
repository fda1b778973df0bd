"""What can be done to a value on its way to a provider's field."""

from __future__ import annotations

from typing import Any

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.adapters.errors import Reason
from integrations.transforms import (
    UnknownTransform,
    Unusable,
    Wanted,
    apply,
    fits_type,
    join,
    option_of,
    read_step,
)

TYPES = "text name number phone date datetime birthday url zip choice multi_choice"
SIZES = ("S", "M", "T-Shirt XL")


def made(value: Any, *steps: str, type: str = "text", **more: Any) -> Any:
    return apply(value, [read_step(each) for each in steps], Wanted(type=type, **more))


@pytest.mark.parametrize(
    ("value", "steps", "wanted"),
    [
        ("  Mary ", [], "Mary"),
        (" a \t b ", ["spaces"], "a b"),
        ("Mary", ["upper"], "MARY"),
        ("MARY", ["lower"], "mary"),
        ("mary o'neil", ["last_name", "title"], "O'Neil"),
        ("mary o'neil", ["first_name"], "mary"),
        ("abc def", ["truncate:4"], "abc"),
        (["a", "b"], [], "a, b"),
        (True, [], "yes"),
        (5, ["upper"], "5"),
        ("  ", ["upper"], ""),
        (None, ["title"], ""),
        ([], [], ""),
        ("020 7946 0018", ["phone:GB"], "+442079460018"),
        ("3/4/1990", ["date:day_first"], "1990-04-03"),
        ("3/4/1990", ["date:day_first:DD.MM.YYYY"], "03.04.1990"),
        ("4. April 1990", ["date::MM/DD"], "04/04"),
        ("1,5", ["number"], 1.5),
        ("ja", ["boolean"], True),
    ],
)
def test_text(value: Any, steps: list[str], wanted: Any) -> None:
    assert made(value, *steps) == wanted


@pytest.mark.parametrize(
    ("type", "more", "value", "wanted"),
    [
        ("phone", {}, "+44 20 7946 0018", "+442079460018"),
        ("phone", {}, "0044 20 7946 0018", "+442079460018"),
        ("date", {}, "13/04/1990", "1990-04-13"),
        ("date", {"format": "MM/DD/YYYY"}, "1990-04-13", "04/13/1990"),
        ("date", {"format": "epoch_ms"}, "1970-01-02T23:00:00Z", 86_400_000),
        ("date", {"format": "d.m.Y"}, "13/04/1990", "1990-04-13"),
        ("birthday", {}, "1990-04-13", "04/13"),
        ("birthday", {}, "03/04", "03/04"),
        ("birthday", {"format": "DD/MM"}, "1990-04-13", "13/04"),
        ("datetime", {}, "2026-01-02T03:04:05+01:00", "2026-01-02T02:04:05Z"),
        ("datetime", {}, "2026-01-02", "2026-01-02T00:00:00Z"),
        ("datetime", {"format": "epoch_ms"}, "1970-01-01T00:00:01Z", 1000),
        ("number", {}, "1 234", 1234),
        ("number", {}, "1,234.50", 1234.5),
        ("number", {}, "1.234,50", 1234.5),
        ("number", {}, "-0.5", -0.5),
        ("number", {}, 7, 7),
        ("boolean", {}, "Yes", True),
        ("boolean", {}, "off", False),
        ("boolean", {}, False, False),
        ("url", {}, "acme.example/shop", "https://acme.example/shop"),
        ("url", {}, "http://acme.example", "http://acme.example"),
        ("choice", {"options": SIZES}, "m", "M"),
        ("choice", {"options": SIZES}, "t shirt xl", "T-Shirt XL"),
        ("choice", {"options": ("Yes", "No")}, True, "Yes"),
        ("choice", {}, "anything", "anything"),
        ("multi_choice", {"options": SIZES}, "s; m, s", ["S", "M"]),
        ("multi_choice", {"options": SIZES}, ["M"], ["M"]),
        ("multi_choice", {"options": ("Red, green", "Blue")}, "red, green", None),
        ("zip", {}, " 01234 ", "01234"),
        ("email", {}, "a@b.example", "a@b.example"),
        ("whatever", {}, "x", "x"),
    ],
)
def test_the_type_of_the_field_says_how(
    type: str, more: dict[str, Any], value: Any, wanted: Any
) -> None:
    wanted = ["Red, green"] if wanted is None else wanted
    assert made(value, type=type, **more) == wanted


@pytest.mark.parametrize(
    ("type", "value", "said"),
    [
        ("phone", "020 7946 0018", "has no country code. Choose"),
        ("phone", "n/a", "is not a phone number."),
        ("phone", "+1 20", "is not a phone number"),
        ("phone", "+442079460018 ext 5", "extension"),
        ("date", "03/04/1990", "day first or month first"),
        ("date", "--04-03", "has no year"),
        ("birthday", "soon", "is not a date"),
        ("number", "1,234", "with or without decimals"),
        ("number", "many", "is not a number"),
        ("number", "nan", "is not a number"),
        ("boolean", "perhaps", "neither yes nor no"),
        ("url", "ask me", "is not a web address"),
    ],
)
def test_what_does_not_fit_says_why(type: str, value: str, said: str) -> None:
    with pytest.raises(Unusable, match=said) as caught:
        made(value, type=type)
    assert caught.value.reason is Reason.FIELD_TYPE


@pytest.mark.parametrize(("type", "value"), [("choice", "L"), ("multi_choice", "S, L")])
def test_a_choice_that_is_not_there(type: str, value: str) -> None:
    with pytest.raises(Unusable, match=r"“L” is not among its options \(S, M") as found:
        made(value, type=type, options=SIZES)
    assert found.value.reason is Reason.OPTION_MISSING


def test_two_options_alike_are_none() -> None:
    assert option_of("a b", ("A-B", "a_b")) is None
    assert option_of("A-B", ("A-B", "a_b")) == "A-B"
    assert option_of("…", ("?", "!")) is None


def test_joined() -> None:
    comma = [read_step("join:, ")]
    assert join(["Mary", "", " O'Neil "], []) == "Mary O'Neil"
    assert join(["Paris", None, "France"], comma) == "Paris, France"
    assert join([["a"]], comma) == ["a"]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("shout", "There is no transform 'shout'. There are: trim"),
        ("title:x", "takes nothing"),
        ("truncate", "a number from 1"),
        ("truncate:0", "a number from 1"),
        ("phone:UK", "two capital letters"),
        ("phone:gb", "two capital letters"),
        ("date:german", "day_first or month_first"),
        ("date:day_first:d.m.Y", "the format to write"),
        ("join", "what stands between"),
    ],
)
def test_transforms_that_there_are_not(step: str, said: str) -> None:
    with pytest.raises(UnknownTransform, match=said):
        read_step(step)


@pytest.mark.parametrize(
    "step",
    ["trim", "join:, ", "phone", "phone:GB", "date", "date:day_first", "truncate:50"]
    + ["date:month_first:MM/DD", "date::YYYY-MM-DDTHH:mm:ssZ"],
)
def test_a_transform_is_written_as_it_was_read(step: str) -> None:
    assert str(read_step(step)) == step


def test_which_transforms_fit_which_type() -> None:
    assert fits_type(read_step("title"), "choice")
    assert fits_type(read_step("date"), "birthday")
    assert fits_type(read_step("phone:GB"), "text")
    assert not fits_type(read_step("phone:GB"), "date")


@given(
    st.one_of(
        st.text(max_size=20), st.booleans(), st.none(), st.integers(), st.floats()
    )
    | st.lists(st.text(max_size=5), max_size=3),
    st.sampled_from(TYPES.split()),
)
def test_any_value_becomes_one_of_its_type_or_says_why_not(
    value: Any, type: str
) -> None:
    kinds: dict[str, Any] = {"number": (int, float), "multi_choice": list}
    try:
        found = made(value, type=type, options=SIZES)
    except Unusable as error:
        assert str(error).endswith(".")
    else:
        assert found == "" or isinstance(found, kinds.get(type, str))


@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)))
def test_numbers_of_every_country(country: str) -> None:
    number = phonenumbers.example_number(country)
    assert number is not None
    written = phonenumbers.format_number(
        number, phonenumbers.PhoneNumberFormat.NATIONAL
    )
    wanted = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    assert made(written, f"phone:{country}", type="phone") == wanted
    assert made(wanted, type="phone") == wanted
