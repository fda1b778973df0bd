"""The field mapping: how it is written, read, and filled from a signup."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.adapters.base import Field
from integrations.adapters.errors import Reason
from integrations.entries import (
    Entry,
    MappingError,
    entries_of,
    read_mapping,
    shown_of,
    sources_of,
    stored_of,
)
from integrations.mapping import (
    check,
    described,
    fill,
    prepare,
    preparer,
    remembered,
    to_contact,
)

SIZE = Field(id="SIZE", label="Size", type="choice", options=("S", "M"), required=True)
PHONE = Field(id="PHONE", label="Phone", type="phone")
OWNER = Field(id="OWNER", label="Owner", read_only=True)
NAME = Field(id="FNAME", label="First name")
FULL = [
    {"field": "FNAME", "source": ["name"], "transforms": ["first_name", "title"]},
    {"field": "LNAME", "source": ["name"], "transforms": ["last_name", "title"]},
    {"field": "FULL", "source": ["first", "last"]},
    {"field": "ORIGIN", "constant": "popup"},
    {"field": "SIZE", "source": ["size"], "blank": "default", "default": "M"},
]


def payload(**fields: Any) -> dict[str, Any]:
    return {"email": "mary@acme.example", "fields": fields}


def sent(mapping: Any, **fields: Any) -> dict[str, object]:
    return dict(to_contact(payload(**fields), mapping, []).fields)


def test_the_short_form_is_read_and_shown() -> None:
    assert sent({"name": "FNAME", "x": ""}, name=" Mary ", x="y") == {"FNAME": "Mary"}
    stored = stored_of(read_mapping({"name": "FNAME"}))
    assert stored == [{"field": "FNAME", "source": ["name"]}]
    assert shown_of(stored) == {"name": "FNAME"}
    assert shown_of({"name": "FNAME"}) == {"name": "FNAME"}
    assert shown_of([]) == {}


def test_split_joined_constant_and_default() -> None:
    entries = read_mapping(FULL)
    stored = stored_of(entries)
    assert stored == FULL
    assert entries_of(stored) == entries
    assert shown_of(stored) == FULL
    assert sources_of(stored) == {"name", "first", "last", "size"}
    assert sent(stored, name="mary o'neil", first="M", last="O") == {
        "FNAME": "Mary",
        "LNAME": "O'Neil",
        "FULL": "M O",
        "ORIGIN": "popup",
        "SIZE": "M",
    }


def test_the_short_form_takes_entries_too() -> None:
    given = {"phone": {"field": "PHONE", "transforms": ["phone:GB"]}}
    (entry,) = read_mapping(given)
    assert entry == Entry(field="PHONE", source=("phone",), transforms=("phone:GB",))


def test_one_source_for_two_fields_is_shown_as_a_list() -> None:
    stored = [{"field": "A", "source": ["x"]}, {"field": "B", "source": ["x"]}]
    assert shown_of(stored) == stored


def test_what_the_provider_said_is_kept_and_not_shown() -> None:
    stored = stored_of(described(read_mapping({"size": "SIZE", "x": "GONE"}), [SIZE]))
    assert stored == [
        {
            "field": "SIZE",
            "source": ["size"],
            "type": "choice",
            "options": ["S", "M"],
            "required": True,
            "label": "Size",
        },
        {"field": "GONE", "source": ["x"]},
    ]
    assert shown_of(stored) == {"size": "SIZE", "x": "GONE"}
    again = remembered(read_mapping({"n": "SIZE"}), entries_of(stored))
    assert (again[0].type, again[0].source) == ("choice", ("n",))


WRONG: list[tuple[Any, str, str]] = [
    ("FNAME", "", "an object or a list"),
    ({"": "FNAME"}, "", "1 to 64"),
    ({"name": 1}, ".name", "field id or an entry"),
    ({"name": ""}, ".name", "Name the provider's field"),
    ({"name": {"field": "A", "source": ["b"]}}, ".name.source", "already"),
    ({"name": {"field": "A", "transforms": ["x"]}}, ".name.transforms", "There are"),
    (["FNAME"], "[0]", "field id or an entry"),
    ([{"field": "A"}], "[0].source", "a source or a constant"),
    ([{"field": "A", "source": ["b"], "constant": "c"}], "[0].source", "not both"),
    ([{"field": "A", "source": [1]}], "[0].source", "list of strings"),
    ([{"field": "A", "source": [""]}], "[0].source", "1 to 64"),
    ([{"field": "A", "source": ["a"] * 6}], "[0].source", "At most 5"),
    ([{"field": "A", "source": "b", "blank": "clear"}], "[0].blank", "one of: skip"),
    ([{"field": "A", "source": "b", "blank": "default"}], "[0].default", "instead"),
    ([{"field": "A", "source": "b", "default": "c"}], "[0].default", "instead"),
    ([{"field": "A", "constant": "c", "blank": "hold"}], "[0].constant", "as it is"),
    ([{"field": "A", "source": "b", "type": "date"}], "[0].type", "Unknown"),
    ([{"field": "A", "constant": "a\x00b"}], "[0].constant", "can be stored"),
    ([{"field": "A", "source": "b"}] * 101, "", "At most 100"),
]


@pytest.mark.parametrize(("given", "place", "said"), WRONG)
def test_what_is_wrong_is_named(given: Any, place: str, said: str) -> None:
    with pytest.raises(MappingError) as caught:
        read_mapping(given)
    assert list(caught.value.errors) == [place]
    assert said in caught.value.errors[place]


def problems(given: Any, known: list[Field] | None, **more: Any) -> dict[int, str]:
    settings = {"free": False, "noun": "merge field", "provider": "Mailchimp", **more}
    _, errors = check(read_mapping(given), known, **settings)
    return {at: f"{error.part}: {error}" for at, error in errors.items()}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"x": "NOPE"}, "field: This merge field is not there any more"),
        ({"x": "OWNER"}, "field: Mailchimp fills Owner itself: it is read-only"),
        ([{"field": "SIZE", "constant": "L"}], "constant: Size takes one of: S, M"),
        (
            [{"field": "SIZE", "source": "x", "blank": "default", "default": "L"}],
            "default: Size takes one of: S, M",
        ),
        ([{"field": "PHONE", "constant": "5"}], "constant: Phone: “5” is not a phone"),
        (
            [{"field": "PHONE", "source": "x", "transforms": ["date"]}],
            "transforms: date does not fit a field of type phone",
        ),
    ],
)
def test_checked_against_what_the_provider_has(given: Any, said: str) -> None:
    found = problems(given, [SIZE, PHONE, OWNER])
    assert list(found) == [0]
    assert said in found[0]


def test_one_field_is_filled_once() -> None:
    found = problems({"first_name": "FNAME", "phone": "FNAME"}, [NAME])
    assert found == {
        1: "field: First name goes to the same merge field. One of them can."
    }


def test_who_takes_any_field_or_could_not_be_asked() -> None:
    assert problems({"x": "NOPE"}, [], free=True) == {}
    assert problems({"x": "NOPE"}, None) == {}
    assert problems([{"field": "SIZE", "constant": "m"}], [SIZE]) == {}


def ready(entry: dict[str, Any], field: Field, **fields: Any) -> Any:
    stored = stored_of(described(read_mapping([entry]), [field]))
    return prepare(payload(**fields), stored, [])


def test_an_optional_value_that_does_not_fit_is_left_out_and_noted() -> None:
    found = ready({"field": "PHONE", "source": "phone"}, PHONE, phone="n/a")
    assert found.contact.fields == {}
    assert found.reason is None
    assert found.notes == (
        "Phone: “n/a” is not a phone number. The field was left out.",
    )


def test_or_gets_its_default() -> None:
    entry = {"field": "PHONE", "source": "phone", "blank": "default"}
    default = {"default": "+44 20 7946 0018"}
    found = ready({**entry, **default}, PHONE, phone="n/a")
    assert found.contact.fields == {"PHONE": "+442079460018"}
    assert "Sent “+44 20 7946 0018” instead." in found.notes[0]
    blank = ready({**entry, **default}, PHONE)
    assert blank.contact.fields == {"PHONE": "+442079460018"}
    assert blank.notes == ()


def test_a_required_one_holds_the_signup() -> None:
    found = ready({"field": "SIZE", "source": "size"}, SIZE, size="XXL")
    assert found.reason is Reason.OPTION_MISSING
    assert found.detail.startswith("Size: “XXL” is not among its options (S, M).")
    blank = ready({"field": "SIZE", "source": "size"}, SIZE)
    assert blank.reason is None, "the provider may have a value already"


def test_hold_also_for_a_blank() -> None:
    entry = {"field": "PHONE", "source": "phone", "blank": "hold"}
    assert ready(entry, PHONE).reason is Reason.REQUIRED_FIELD
    assert ready(entry, PHONE).detail == "Phone is empty."
    assert ready(entry, PHONE, phone="n/a").reason is Reason.FIELD_TYPE


def test_a_default_whose_option_is_gone() -> None:
    stored = [
        {
            "field": "SIZE",
            "source": ["size"],
            "blank": "default",
            "default": "L",
            "type": "choice",
            "options": ["S"],
        }
    ]
    found = prepare(payload(), stored, [])
    assert found.contact.fields == {}
    assert "SIZE, what is sent instead: “L” is not among" in found.notes[0]


def test_false_and_zero_are_values() -> None:
    stored = [
        {"field": "OK", "source": ["ok"], "type": "boolean"},
        {"field": "N", "source": ["n"], "type": "number"},
    ]
    assert sent(stored, ok=False, n=0) == {"OK": False, "N": 0}


PLAIN: list[Any] = [
    "Mira ",
    "",
    "  ",
    None,
    0,
    False,
    7.5,
    [],
    ["", " "],
    [" ", "x"],
    {},
]


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_texts_take_the_short_way_to_the_same(value: Any) -> None:
    stored = [{"field": "NAME", "source": ["name"]}]
    payload = {"email": "mira@x.org", "fields": {"name": value}}
    [entry] = entries_of(stored)
    expected = fill(entry, payload).value
    made = preparer(stored, ["shop"])(payload)
    assert dict(made.contact.fields) == ({"NAME": expected} if expected != "" else {})
    assert made == prepare(payload, stored, ["shop"])
