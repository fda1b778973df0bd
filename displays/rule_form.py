"""A sync rule while it is being edited: from the stored rule or a submitted form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from displays.models import SyncRule
from displays.services import RuleSettings
from integrations import target_form
from integrations.entries import entries_of, stored_of, unstorable
from integrations.mapping import OPERATORS
from integrations.mapping_rows import rows_of, rows_of_post
from integrations.models import LinkedAccount
from integrations.target_form import TargetDraft, TargetForm

MAX_CONDITIONS = 20
MAX_TEXT = 200
SWITCHES = ("double_opt_in", "update_existing", "reconfirm", "own_confirmation")
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
class Draft(TargetDraft):
    """What the editor shows. ``match`` is every, all or any."""

    match: str = "every"
    conditions: list[Condition] = field(default_factory=list)
    update_existing: bool = True
    reconfirm: bool = False
    own_confirmation: bool = False
    version: int = 0

    def condition_rows(self) -> list[Condition]:
        """The conditions, and an empty one when there is none to fill in."""
        return self.conditions or [Condition()]

    def stored_conditions(self) -> list[dict[str, Any]]:
        if self.match == "every":
            return []
        return [row.stored() for row in self.conditions if row.field]


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
        rows=rows_of(entries_of(target.mapping)),
        tags=", ".join(target.tags),
        double_opt_in=target.double_opt_in,
        update_existing=target.update_existing,
        reconfirm=target.reconfirm,
        own_confirmation=target.own_confirmation,
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
        rows=rows_of_post(data),
        tags=data.get("tags", ""),
        double_opt_in="double_opt_in" in data,
        update_existing="update_existing" in data,
        reconfirm="reconfirm" in data,
        own_confirmation="own_confirmation" in data,
        version=int(version) if version.isdecimal() and len(version) < 10 else 0,
        loaded=data.get("loaded", ""),
    )
    if "options_shown" not in data:
        for name in ("match", "conditions", "rows", "tags", *SWITCHES):
            setattr(draft, name, getattr(before, name))
    return draft


def apply_action(draft: Draft, action: str) -> None:
    """``add_condition``, ``remove_condition:2``, and those of the field mapping."""
    target_form.apply_action(draft, action)
    name, _, index = action.partition(":")
    if name == "add_condition" and len(draft.conditions) < MAX_CONDITIONS:
        draft.conditions = [*draft.condition_rows(), Condition()]
        if draft.match == "every":
            draft.match = "all"
    elif name == "remove_condition" and index.isdecimal() and len(index) < 10:
        draft.conditions = [
            row for at, row in enumerate(draft.conditions) if at != int(index)
        ]
        if not draft.conditions:
            draft.match = "every"


def validate(form: TargetForm, stored: SyncRule | None) -> RuleSettings | None:
    """The settings to save; None after writing down ``draft.errors``."""
    draft, linked = form.draft, form.linked
    assert isinstance(draft, Draft)
    if linked is None:
        draft.errors["linked_account"] = "Choose the account signups go to."
        return None
    label = _audience_label(form, linked, stored)
    _check_conditions(draft)
    entries = form.checked_entries()
    tags = draft.check_tags()
    if draft.errors:
        return None
    supports = form.supports
    return RuleSettings(
        linked_account=linked,
        audience_id=draft.audience_id,
        audience_label=label,
        double_opt_in=draft.double_opt_in and "double_opt_in" in supports,
        update_existing=draft.update_existing or "update_existing" not in supports,
        reconfirm=draft.reconfirm
        and ("reconfirm" in supports or draft.own_confirmation),
        own_confirmation=draft.own_confirmation,
        mapping=stored_of(entries),
        tags=tags if "tags" in supports else [],
        conditions=draft.stored_conditions(),
        match="any" if draft.match == "any" else "all",
        enabled=stored.enabled if stored else True,
    )


def _audience_label(
    form: TargetForm, linked: LinkedAccount, stored: SyncRule | None
) -> str:
    draft, options = form.draft, form.options
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
    if unstorable(row.field + row.value):
        return "A condition holds a character that cannot be stored."
    if row.needs_value and not row.value.strip():
        return "Fill in a value for each condition."
    known = row.value.strip().lower() in CONSENT
    if row.field == "consent" and row.op in ("is", "is_not") and not known:
        return "Consent is either yes or no."
    return ""
