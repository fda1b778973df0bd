"""What changes at a provider mean for a rule."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from integrations.adapters.base import Audience, Field
from integrations.adapters.errors import Reason
from integrations.drift import Finding, Seen, findings_of, gone, lost, with_constant
from integrations.entries import Entry, entries_of

FNAME = Field(id="FNAME", label="First name")
SIZE = Field(id="SIZE", label="Size", type="choice", options=("S", "M", "L"))
NEWS = Audience(id="a1", label="News", double_opt_in=False)
MAPPED = [
    Entry(field="FNAME", source=("first_name",)),
    Entry(field="SIZE", source=("size",)),
]


def seen(*fields: Field, audience: Audience = NEWS) -> Seen:
    return Seen.of(audience, fields or (FNAME, SIZE))


def kinds(
    before: Seen | None, now: Seen, entries: list[Entry] = MAPPED, **more: bool
) -> list[tuple[str, str]]:
    flags = {"asks": False, "free": False, **more}
    found = findings_of(before, now, entries, field_noun="merge field", **flags)
    return [(finding.kind, finding.field) for finding in found]


def test_nothing_changed_nothing_found() -> None:
    assert kinds(seen(), seen()) == []
    assert kinds(None, seen()) == []


def test_fields_that_nobody_maps_may_come_and_go() -> None:
    assert kinds(seen(), seen(FNAME, SIZE, Field(id="X", label="X"))) == []
    assert kinds(seen(FNAME, SIZE, Field(id="X", label="X")), seen()) == []
    wider = replace(SIZE, options=("S", "M", "L", "XL"))
    assert kinds(seen(), seen(FNAME, wider)) == [], "a new choice breaks nothing"


def test_a_new_required_field_stops_the_rule() -> None:
    origin = Field(id="ORIGIN", label="Origin", required=True)
    now = seen(FNAME, SIZE, origin)
    [finding] = findings_of(
        seen(), now, MAPPED, asks=False, free=False, field_noun="merge field"
    )
    assert finding.reason is Reason.REQUIRED_FIELD
    assert "Origin" in finding.what and "refused" in finding.breaks
    filled = [*MAPPED, Entry(field="ORIGIN", constant="popup")]
    assert kinds(seen(), now, filled) == []
    own = replace(origin, read_only=True)
    assert kinds(seen(), seen(FNAME, SIZE, own)) == [], "the provider fills it"


def test_a_mapped_field_that_became_required_only_warns() -> None:
    now = seen(replace(FNAME, required=True), SIZE)
    assert kinds(seen(), now) == [("field_required_blank", "FNAME")]
    knows = [replace(MAPPED[0], required=True), MAPPED[1]]
    assert kinds(seen(), now, knows) == [], "the rule was saved knowing it"
    told = [replace(MAPPED[0], blank="hold"), MAPPED[1]]
    assert kinds(seen(), now, told) == []


def test_a_mapped_field_that_is_gone_or_read_only() -> None:
    assert kinds(seen(), seen(FNAME)) == [("field_gone", "SIZE")]
    assert kinds(seen(), seen(FNAME), free=True) == []
    closed = replace(SIZE, read_only=True)
    assert kinds(seen(), seen(FNAME, closed)) == [("field_read_only", "SIZE")]


def test_types_and_lost_choices() -> None:
    other = replace(SIZE, type="text", options=())
    assert kinds(seen(), seen(FNAME, other)) == [("field_type", "SIZE")]
    fewer = replace(SIZE, options=("S",))
    entries = [MAPPED[0], Entry(field="SIZE", constant="M")]
    [finding] = findings_of(
        seen(), seen(FNAME, fewer), entries, asks=False, free=False, field_noun="field"
    )
    assert "“M”, “L”" in finding.what and "everybody" in finding.breaks


@pytest.mark.parametrize(
    ("before", "now", "asks", "kind", "words"),
    [
        (False, True, False, "opt_in_on", "pending"),
        (False, True, True, "opt_in_on", "asked twice"),
        (True, False, False, "opt_in_off", "without a confirmation"),
        (True, False, True, "opt_in_off", "asked once"),
    ],
)
def test_the_opt_in_mode_flipped(
    before: bool, now: bool, asks: bool, kind: str, words: str
) -> None:
    old, new = (
        seen(audience=replace(NEWS, double_opt_in=mode)) for mode in (before, now)
    )
    [finding] = findings_of(old, new, MAPPED, asks=asks, free=False, field_noun="f")
    assert finding.kind == kind and words in finding.breaks


def test_an_unknown_opt_in_mode_is_no_flip() -> None:
    unknown = seen(audience=replace(NEWS, double_opt_in=None))
    asking = seen(audience=replace(NEWS, double_opt_in=True))
    assert kinds(asking, unknown) == kinds(unknown, asking) == []


def test_lost_permissions() -> None:
    had = [{"name": "tags", "readable": True, "writable": True}]
    now = [{"name": "tags", "readable": False, "writable": None}]
    assert [f.kind for f in lost(had, now)] == ["scope_readable"]
    assert lost(now, had) == lost(had, had) == lost([], now) == []


def test_everything_can_be_stored() -> None:
    before = seen(replace(SIZE, required=True))
    assert Seen.read(json.loads(json.dumps(before.stored()))) == before
    stored = gone("News", "audience").stored()
    assert json.loads(json.dumps(stored))["reason"] == "target.missing"
    finding = Finding(kind="x", what="w", breaks="b", helps="h", field="F")
    assert finding.stored()["key"] == finding.key == "x:F"


def test_a_constant_takes_the_place_of_what_was_mapped() -> None:
    entries = with_constant(
        entries_of({"size": "SIZE", "first_name": "FNAME"}), SIZE, "M"
    )
    assert [(e.field, e.constant) for e in entries] == [("FNAME", ""), ("SIZE", "M")]
    assert entries[1].options == ("S", "M", "L")
