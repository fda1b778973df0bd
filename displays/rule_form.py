"""A sync rule while it is being edited: from the stored rule or a submitted form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from displays.models import SyncRule
from displays.services import RuleSettings
from integrations.adapters.base import Adapter
from integrations.mapping import OPERATORS
from integrations.models import LinkedAccount
from integrations.options import SIGNUP_FIELDS, Options, suggest_mapping

MAX_CONDITIONS = 20
MAX_TAGS = 50
MAX_TEXT = 200
MAX_MAPPED = 60
SWITCHES = ("double_opt_in", "update_existing", "reconfirm")
MAP = "map:"
VALUELESS = ("is_set", "is_not_set")
MATCHES = ("every", "all", "any")
# What people write for it, and what a signup's consent reads as.
CONSENT = {
    **dict.fromkeys(("yes", "given", "true", "1"), "yes"),
    **dict.fromkeys(("no", "not given", "false", "0"), "no"),
}


@dataclass(slots=True)
class Condition:
    field: str = ""
    op: str = "is"
    value: str = ""

    @property
    def needs_value(self) -> bool:
        return self.op not in VALUELESS

    def stored(self) -> dict[str, Any]:
        value = self.value.strip() if self.needs_value else ""
        if self.field == "consent":
            value = CONSENT.get(value.lower(), value)
        return {"field": self.field, "op": self.op, "value": value}


@dataclass(slots=True, kw_only=True)
class Draft:
    """What the editor shows. ``match`` is every, all or any; ``mapping`` signup field
    -> provider field id; ``errors`` field name -> sentence."""

    linked_id: str = ""
    audience_id: str = ""
    match: str = "every"
    conditions: list[Condition] = field(default_factory=list)
    mapping: dict[str, str] = field(default_factory=dict)
    tags: str = ""
    double_opt_in: bool = False
    update_existing: bool = True
    reconfirm: bool = False
    version: int = 0
    loaded: str = ""  # the account and audience that the mapping was shown for
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        return f"{self.linked_id}|{self.audience_id}"

    def rows(self) -> list[Condition]:
        """The conditions, and an empty one when there is none to fill in."""
        return self.conditions or [Condition()]

    def stored_conditions(self) -> list[dict[str, Any]]:
        if self.match == "every":
            return []
        return [row.stored() for row in self.conditions if row.field]

    def tag_list(self) -> list[str]:
        names = (" ".join(tag.split()) for tag in self.tags.split(","))
        return list(dict.fromkeys(name for name in names if name))


def draft_of_rule(rule: SyncRule) -> Draft:
    target = rule.target
    draft = Draft(
        linked_id=str(target.linked_account_id),
        audience_id=target.audience_id,
        match=target.match if target.conditions else "every",
        conditions=[
            Condition(row["field"], row.get("op", "is"), str(row.get("value", "")))
            for row in target.conditions
        ],
        mapping=dict(target.mapping),
        tags=", ".join(target.tags),
        double_opt_in=target.double_opt_in,
        update_existing=target.update_existing,
        reconfirm=target.reconfirm,
        version=rule.version,
    )
    draft.loaded = draft.place
    return draft


def draft_of_post(data: QueryDict, before: Draft) -> Draft:
    """The form as it came; nothing is checked yet, only cut to size.

    While no audience is chosen the form has no options: those of ``before`` stay.
    """
    rows = zip(
        data.getlist("condition_field"),
        data.getlist("condition_op"),
        data.getlist("condition_value"),
        strict=False,
    )
    version = data.get("version", "0")
    match = data.get("match", "every")
    draft = Draft(
        linked_id=data.get("linked_account", "")[:40],
        audience_id=data.get("audience", "")[:MAX_TEXT],
        match=match if match in MATCHES else "every",
        conditions=[
            Condition(name, op if op in OPERATORS else "is", text)
            for name, op, text in rows
        ][:MAX_CONDITIONS],
        mapping=dict(_mapping_of(data)[:MAX_MAPPED]),
        tags=data.get("tags", ""),
        double_opt_in="double_opt_in" in data,
        update_existing="update_existing" in data,
        reconfirm="reconfirm" in data,
        version=int(version) if version.isdecimal() and len(version) < 10 else 0,
        loaded=data.get("loaded", ""),
    )
    if "options_shown" not in data:
        for name in ("match", "conditions", "mapping", "tags", *SWITCHES):
            setattr(draft, name, getattr(before, name))
    return draft


def _mapping_of(data: QueryDict) -> list[tuple[str, str]]:
    return [
        (name[len(MAP) :], str(value).strip())
        for name, value in data.items()
        if name.startswith(MAP)
    ]


def apply_action(draft: Draft, action: str) -> None:
    """``add_condition`` and ``remove_condition:2``: buttons that change the form."""
    name, _, index = action.partition(":")
    if name == "add_condition" and len(draft.conditions) < MAX_CONDITIONS:
        draft.conditions = [*draft.rows(), Condition()]
        if draft.match == "every":
            draft.match = "all"
    elif name == "remove_condition" and index.isdecimal() and len(index) < 10:
        draft.conditions = [
            row for at, row in enumerate(draft.conditions) if at != int(index)
        ]
        if not draft.conditions:
            draft.match = "every"


def settle(
    draft: Draft, adapter: type[Adapter], options: Options, names: Sequence[str]
) -> None:
    """Fit the draft to another account or audience than it was shown for.

    Mapped fields that exist there stay, and what is called the same is mapped.
    """
    if draft.place == draft.loaded:
        return
    free = "free_fields" in adapter.supports
    if not free and not options.fields_read:
        return
    offered = {item.id for item in options.writable}
    kept = {
        name: target
        for name, target in draft.mapping.items()
        if target and (free or target in offered)
    }
    rest = [name for name in names if name not in kept]
    open_fields = [item for item in options.writable if item.id not in kept.values()]
    draft.mapping = kept | suggest_mapping(rest, open_fields, free=free)
    draft.loaded = draft.place


def validate(
    draft: Draft,
    linked: LinkedAccount,
    options: Options,
    stored: SyncRule | None,
) -> RuleSettings | None:
    """The settings to save; None after writing down ``draft.errors``."""
    errors = draft.errors
    label = _audience_label(draft, linked, options, stored)
    _check_conditions(draft)
    _check_mapping(draft, linked, options, stored)
    tags = draft.tag_list()
    if len(tags) > MAX_TAGS or any(len(tag) > 100 for tag in tags):
        errors["tags"] = f"At most {MAX_TAGS} tags of 100 characters each."
    if _unprintable(draft.tags):
        errors["tags"] = "Tags hold a character that cannot be stored."
    if errors:
        return None
    supports = linked.adapter_class.supports
    return RuleSettings(
        linked_account=linked,
        audience_id=draft.audience_id,
        audience_label=label,
        double_opt_in=draft.double_opt_in and "double_opt_in" in supports,
        update_existing=draft.update_existing or "update_existing" not in supports,
        reconfirm=draft.reconfirm and "reconfirm" in supports,
        mapping={name: target for name, target in draft.mapping.items() if target},
        tags=tags if "tags" in supports else [],
        conditions=draft.stored_conditions(),
        match="any" if draft.match == "any" else "all",
        enabled=stored.enabled if stored else True,
    )


def _audience_label(
    draft: Draft, linked: LinkedAccount, options: Options, stored: SyncRule | None
) -> str:
    noun = linked.adapter_class.audience_noun
    found = options.audience(draft.audience_id)
    if found is not None:
        return found.label[:MAX_TEXT]
    saved = stored.target if stored else None
    same = (
        saved is not None
        and saved.linked_account_id == linked.pk
        and saved.audience_id == draft.audience_id
    )
    if not draft.audience_id:
        draft.errors["audience"] = f"Choose the {noun} that signups go to."
    elif options.audiences_read:
        draft.errors["audience"] = (
            f"This {noun} is not in {linked.adapter_class.label} any more. "
            "Choose another."
        )
    elif not same:
        draft.errors["audience"] = (
            f"{linked.adapter_class.label} could not be asked whether it has this "
            f"{noun}. Try again in a moment."
        )
    return saved.audience_label if saved is not None and same else ""


def _check_conditions(draft: Draft) -> None:
    if draft.match == "every":
        return
    if not draft.stored_conditions():
        draft.errors["conditions"] = "Fill in a condition, or choose Every signup."
    for row in draft.conditions:
        problem = _condition_problem(row)
        if problem:
            draft.errors["conditions"] = problem


def _condition_problem(row: Condition) -> str:
    if not row.field:
        return "Choose a field for each condition, or remove it." if row.value else ""
    if len(row.field) > 64 or len(row.value) > MAX_TEXT:
        return f"A condition's value has at most {MAX_TEXT} characters."
    if _unprintable(row.field + row.value):
        return "A condition holds a character that cannot be stored."
    if row.needs_value and not row.value.strip():
        return "Fill in a value for each condition."
    known = row.value.strip().lower() in CONSENT
    if row.field == "consent" and row.op in ("is", "is_not") and not known:
        return "Consent is either yes or no."
    return ""


def _check_mapping(
    draft: Draft, linked: LinkedAccount, options: Options, stored: SyncRule | None
) -> None:
    adapter = linked.adapter_class
    free = "free_fields" in adapter.supports
    offered = {item.id for item in options.writable}
    saved = set(stored.target.mapping.values()) if stored else set()
    used: dict[str, str] = {}
    for name, target in draft.mapping.items():
        if not target:
            continue
        if len(name) > 64 or len(target) > 100 or _unprintable(name + target):
            draft.errors[MAP + name] = "This name is too long or cannot be stored."
        elif not free and options.fields_read and target not in offered:
            draft.errors[MAP + name] = (
                f"This {adapter.field_noun} is not there any more. Choose another."
            )
        elif not free and not options.fields_read and target not in saved:
            draft.errors[MAP + name] = (
                f"{adapter.label} could not be asked whether it has this "
                f"{adapter.field_noun}."
            )
        elif target in used:
            other = SIGNUP_FIELDS.get(used[target], used[target])
            draft.errors[MAP + name] = f"{other} goes to the same {adapter.field_noun}."
        used.setdefault(target, name)


def _unprintable(text: str) -> bool:
    return any(
        char < " " or char == "\x7f" or "\ud800" <= char <= "\udfff" for char in text
    )
