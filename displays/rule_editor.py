"""Everything the rule editor shows, put together for its template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contactsync.tenancy.models import AuditEntry
from displays.figures import DryRun, dry_run, recent_payloads
from displays.models import Display, SyncRule
from displays.rule_form import Draft
from integrations.entries import Entry, entries_of
from integrations.mapping import OPERATORS, fill, matches, text
from integrations.mapping_rows import MAP
from integrations.options import signup_fields
from integrations.target_form import TargetForm, read_place, settle
from integrations.target_form import accounts_of as accounts_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What one provider field gets of a signup; ``note`` says why it gets nothing."""

    label: str
    value: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The newest signup that the rule is for, as the provider would get it."""

    email: str
    fields: tuple[Sent, ...]
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Editor(TargetForm):
    display: Display
    rule: SyncRule | None
    draft: Draft
    run: DryRun
    operators: dict[str, str]
    payloads: list[dict[str, Any]]

    @property
    def lost_audience(self) -> str:
        """The saved audience's name when the provider did not list it."""
        draft, rule = self.draft, self.rule
        if not draft.audience_id or self.audience is not None:
            return ""
        if rule is not None and rule.target.audience_id == draft.audience_id:
            return rule.target.audience_label or draft.audience_id
        return draft.audience_id

    @property
    def preview(self) -> Preview | None:
        conditions = self.draft.stored_conditions()
        match = "any" if self.draft.match == "any" else "all"
        for payload in self.payloads:
            if matches(conditions, match, payload):
                return preview_of(self.entries(), payload)
        return None

    @property
    def error_lines(self) -> list[tuple[str, str, str]]:
        """(anchor, what, sentence) for the error summary."""
        fixed = {
            "linked_account": "Integration",
            "audience": "Audience",
            "conditions": "Conditions",
            "tags": "Tags",
        }
        lines = []
        for key, sentence in self.draft.errors.items():
            what, anchor = fixed.get(key, ""), key
            if key.startswith(MAP):
                row = next(row for row in self.map_rows if MAP + row.row.key == key)
                what, anchor = row.label, row.row.id
            lines.append((anchor, what, sentence))
        return lines


def preview_of(entries: list[Entry], payload: dict[str, Any]) -> Preview:
    sent, held = [], False
    for entry in entries:
        filled = fill(entry, payload)
        held = held or filled.reason is not None
        value = text(filled.value)
        if value or filled.note:
            sent.append(Sent(label=entry.name, value=value, note=filled.note))
    return Preview(email=payload["email"], fields=tuple(sent), held=held)


def open_editor(
    display: Display, rule: SyncRule | None, draft: Draft, *, fresh: bool = False
) -> Editor:
    """Ask the provider, fit the draft to it, and count the dry run."""
    accounts = accounts_of(display.account)
    linked, options = read_place(draft, accounts, fresh=fresh)
    payloads = recent_payloads(display)
    names = signup_fields(payloads, mapped_names(draft))
    if linked is not None:
        settle(draft, linked, options, list(names))
    return Editor(
        display=display,
        rule=rule,
        draft=draft,
        accounts=accounts,
        linked=linked,
        options=options,
        names=names,
        saved=saved_entries(rule, draft),
        run=dry_run(payloads, draft.stored_conditions(), draft.match),
        operators=OPERATORS,
        payloads=payloads,
    )


def mapped_names(draft: Draft) -> list[str]:
    usual = [row.key for row in draft.rows if not row.is_added]
    return [*usual, *(name for row in draft.rows for name in row.sources)]


def saved_entries(rule: SyncRule | None, draft: Draft) -> list[Entry]:
    """What is stored for the place that the draft is about."""
    if rule is None:
        return []
    target = rule.target
    same = draft.place == f"{target.linked_account_id}|{target.audience_id}"
    return entries_of(target.mapping) if same else []


def last_change(rule: SyncRule) -> AuditEntry | None:
    """Who saved the rule last, for 'Theo changed this rule'."""
    return (
        AuditEntry.objects.for_account(rule.account_id)
        .filter(action__startswith="sync_rule.", detail__rule=str(rule.pk))
        .order_by("-id")
        .first()
    )


def audit_detail(rule: SyncRule) -> dict[str, Any]:
    """What an audit entry says about a rule: no secret, no contact."""
    target = rule.target
    return {
        "rule": str(rule.pk),
        "display": str(rule.display_id),
        "linked_account": str(target.linked_account_id),
        "audience": target.audience_id,
    }
