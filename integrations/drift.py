"""What changed at the provider under a rule, and what that breaks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from integrations.adapters.base import Audience, Field
from integrations.adapters.errors import Reason
from integrations.entries import Entry

MAX_NAMED = 5  # options named in one sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An audience and its fields as they were at one moment."""

    label: str
    double_opt_in: bool | None
    fields: tuple[Field, ...]

    @classmethod
    def of(cls, audience: Audience, fields: Iterable[Field]) -> Self:
        return cls(
            label=audience.label,
            double_opt_in=audience.double_opt_in,
            fields=tuple(fields),
        )

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """What `stored` has written."""
        fields = tuple(
            Field(**{**each, "options": tuple(each["options"])})
            for each in stored["fields"]
        )
        return cls(
            label=stored["label"], double_opt_in=stored["double_opt_in"], fields=fields
        )

    def stored(self) -> dict[str, Any]:
        """As JSON."""
        fields = [
            {**asdict(field), "options": list(field.options)} for field in self.fields
        ]
        return {
            "label": self.label,
            "double_opt_in": self.double_opt_in,
            "fields": fields,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One change. `what` happened, what it `breaks`, and what `helps`, as sentences.

    `reason`: nothing can be sent until it is mended, so signups wait with it. `field`
    and `options` are for the offer of a value to be sent in every signup. `kind` and
    `field` together tell findings apart.
    """

    kind: str
    what: str
    breaks: str
    helps: str
    reason: Reason | None = None
    field: str = ""
    options: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.field}"

    def stored(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "reason": self.reason.value if self.reason else "",
            "options": list(self.options[:100]),
            "key": self.key,
        }


def gone(label: str, noun: str) -> Finding:
    """The audience is not there any more."""
    return Finding(
        kind="audience_gone",
        what=f"The {noun} “{label}” does not exist any more.",
        breaks="Nothing can be sent there. Signups wait here until you choose another.",
        helps=f"Choose another {noun} in the rule: what waits is then sent there.",
        reason=Reason.TARGET_MISSING,
    )


def findings_of(
    before: Seen | None,
    now: Seen,
    entries: Sequence[Entry],
    *,
    asks: bool,
    free: bool,
    field_noun: str,
) -> list[Finding]:
    """What is wrong for a rule with these mapping entries.

    `before` is what the team has last accepted, None when nothing was. `asks`: the rule
    has people asked itself, by the provider or by our mail. `free`: the provider takes
    fields of any name.
    """
    mapped = {entry.field: entry for entry in entries}
    known = {field.id: field for field in now.fields}
    old = {field.id: field for field in before.fields} if before else {}
    found = [
        *_required(now.fields, mapped, field_noun),
        *([] if free else _missing(mapped, known, old, field_noun)),
    ]
    for name, entry in mapped.items():
        if name in known:
            found += _changed(entry, old.get(name), known[name], field_noun)
    return [*found, *_opt_in(before, now, asks)]


def _required(
    fields: Iterable[Field], mapped: Mapping[str, Entry], noun: str
) -> Iterable[Finding]:
    for field in fields:
        entry = mapped.get(field.id)
        if not field.required or field.read_only:
            continue
        if entry is None:
            yield Finding(
                kind="field_required",
                field=field.id,
                options=field.options,
                what=f"The {noun} “{field.label}” is required now, and the rule does "
                "not fill it.",
                breaks="Every signup would be refused. They wait here instead.",
                helps="Send the same value with every signup, or map a signup field to "
                "it in the rule.",
                reason=Reason.REQUIRED_FIELD,
            )
        elif entry.blank == "skip" and entry.source and not entry.required:
            yield Finding(
                kind="field_required_blank",
                field=field.id,
                options=field.options,
                what=f"The {noun} “{field.label}” is required now.",
                breaks="Signups that leave it empty would be refused; others pass.",
                helps="Choose in the rule what is sent when it is empty.",
            )


def _missing(
    mapped: Mapping[str, Entry],
    known: Mapping[str, Field],
    old: Mapping[str, Field],
    noun: str,
) -> Iterable[Finding]:
    for name, entry in mapped.items():
        if name in known:
            continue
        label = old[name].label if name in old else entry.name
        yield Finding(
            kind="field_gone",
            field=name,
            what=f"The {noun} “{label}” does not exist any more.",
            breaks="Its values reach nobody, and the provider may refuse the signup.",
            helps="Map another field in the rule, or take this one out.",
        )


def _changed(
    entry: Entry, old: Field | None, new: Field, noun: str
) -> Iterable[Finding]:
    if new.read_only:
        yield Finding(
            kind="field_read_only",
            field=new.id,
            what=f"The {noun} “{new.label}” cannot be written any more.",
            breaks="Its values are refused or ignored.",
            helps="Map another field in the rule, or take this one out.",
        )
    if old is None:
        return
    if old.type != new.type:
        yield Finding(
            kind="field_type",
            field=new.id,
            what=f"The {noun} “{new.label}” was {old.type} and is {new.type} now.",
            breaks="Values that do not fit are left out, or wait if it is required.",
            helps="Look at the mapping in the rule, then press Refresh fields.",
        )
    removed = [option for option in old.options if option not in new.options]
    if removed and old.type == new.type:
        named = ", ".join(f"“{option}”" for option in removed[:MAX_NAMED])
        more = len(removed) - MAX_NAMED
        named += f" and {more} more" if more > 0 else ""
        sent = entry.constant or entry.default
        yield Finding(
            kind="options",
            field=new.id,
            options=new.options,
            what=f"The {noun} “{new.label}” has lost the choice {named}.",
            breaks="The rule sends that very choice to everybody."
            if sent in removed
            else "Signups with that choice are sent without it, or wait if it is "
            "required.",
            helps="Put the choice back at the provider, or change your form, then "
            "press Refresh fields.",
        )


def _opt_in(before: Seen | None, now: Seen, asks: bool) -> Iterable[Finding]:
    if before is None or now.double_opt_in is None:
        return
    if before.double_opt_in is False and now.double_opt_in:
        yield Finding(
            kind="opt_in_on",
            what=f"“{now.label}” asks people to confirm by itself now.",
            breaks="New people are pending until they confirm."
            + (" The rule asks them as well, so they are asked twice." if asks else ""),
            helps="Turn it off in the rule: one of the two is enough."
            if asks
            else "Nothing to do if that is what you want: press Refresh fields.",
        )
    if before.double_opt_in and not now.double_opt_in:
        yield Finding(
            kind="opt_in_off",
            what=f"“{now.label}” does not ask people to confirm any more.",
            breaks="New people are subscribed without a confirmation."
            if not asks
            else "The rule still asks them, so they are asked once.",
            helps="If you need a confirmation, turn it on again at the provider or in "
            "the rule; otherwise press Refresh fields.",
        )


def lost(
    before: Iterable[Mapping[str, Any]], now: Iterable[Mapping[str, Any]]
) -> list[Finding]:
    """Permissions that an earlier test found and a later one does not. Each resource
    is a stored `Resource`."""
    had = {resource["name"]: resource for resource in before}
    found = []
    for resource in now:
        old = had.get(resource["name"], {})
        for can, verb in (("readable", "read"), ("writable", "written")):
            if old.get(can) and resource.get(can) is False:
                found.append(
                    Finding(
                        kind=f"scope_{can}",
                        field=resource["name"],
                        what=f"{str(resource['name']).capitalize()} cannot be {verb} "
                        "any more with these credentials.",
                        breaks="Sending may fail, or status may not be read back.",
                        helps="Give the key or the app the permission again, or "
                        "reconnect, then press Test Account.",
                    )
                )
    return found


def with_constant(entries: Sequence[Entry], field: Field, value: str) -> list[Entry]:
    """The entries, and `value` sent in `field` with every signup."""
    new = replace(Entry(field=field.id, constant=value), label=field.label)
    kept = [entry for entry in entries if entry.field != field.id]
    return [*kept, new.described(field)]
