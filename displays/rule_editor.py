"""Everything the rule editor shows, put together for its template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contactsync.tenancy.models import Account, AuditEntry
from displays.figures import DryRun, dry_run, recent_payloads
from displays.models import Display, SyncRule
from displays.rule_form import MAP, Draft, settle
from integrations.adapters import ADAPTERS
from integrations.adapters.base import Audience, Field
from integrations.mapping import OPERATORS
from integrations.models import LinkedAccount
from integrations.options import Options, read_options, signup_fields
from integrations.providers import Provider

OPT_IN = {
    "caller": "{provider} emails a confirmation. The contact appears in the {noun} "
    "after they confirm.",
    "list": "The {noun}'s own setting in {provider} decides how people confirm.",
    "account": "Your {provider} account's own setting decides how people confirm.",
    "endpoint": "Your endpoint is told to ask for a confirmation. It decides how.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRow:
    """One line of the field mapping."""

    name: str
    label: str
    input_name: str
    target: str
    error: str
    missing: bool  # the mapped field is not among those the provider offers


@dataclass(frozen=True, slots=True, kw_only=True)
class Editor:
    display: Display
    rule: SyncRule | None
    draft: Draft
    accounts: list[LinkedAccount]
    linked: LinkedAccount | None
    options: Options
    names: dict[str, str]
    run: DryRun
    operators: dict[str, str]

    @property
    def provider(self) -> Provider | None:
        return Provider.of(self.linked.adapter_class) if self.linked else None

    @property
    def audience(self) -> Audience | None:
        return self.options.audience(self.draft.audience_id)

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
    def ready(self) -> bool:
        """Whether there is an audience to show the rest for."""
        return self.linked is not None and bool(self.draft.audience_id)

    @property
    def free_fields(self) -> bool:
        return self.linked is not None and "free_fields" in self._supports

    @property
    def _supports(self) -> frozenset[str]:
        return self.linked.adapter_class.supports if self.linked else frozenset()

    @property
    def offers(self) -> dict[str, bool]:
        """Which options the provider has."""
        return {
            name: name in self._supports
            for name in ("tags", "double_opt_in", "update_existing", "reconfirm")
        }

    @property
    def opt_in_sentence(self) -> str:
        if self.linked is None:
            return ""
        adapter = self.linked.adapter_class
        return OPT_IN.get(adapter.opt_in, "").format(
            provider=adapter.label, noun=adapter.audience_noun
        )

    @property
    def asked_twice(self) -> bool:
        """Both the rule and the audience have double opt-in on (SPEC.md D10)."""
        return bool(
            self.draft.double_opt_in and self.audience and self.audience.double_opt_in
        )

    @property
    def map_rows(self) -> list[MapRow]:
        offered = {field.id for field in self.options.writable}
        return [
            MapRow(
                name=name,
                label=label,
                input_name=MAP + name,
                target=(target := self.draft.mapping.get(name, "")),
                error=self.draft.errors.get(MAP + name, ""),
                missing=bool(target) and target not in offered,
            )
            for name, label in self.names.items()
        ]

    @property
    def unmapped_required(self) -> list[Field]:
        mapped = set(self.draft.mapping.values())
        return [
            field
            for field in self.options.writable
            if field.required and field.id not in mapped
        ]

    @property
    def mapped_count(self) -> int:
        return len([target for target in self.draft.mapping.values() if target])

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
            name = key.removeprefix(MAP)
            what = fixed.get(key) or self.names.get(name, name)
            anchor = "mapping" if key.startswith(MAP) else key
            lines.append((anchor, what, sentence))
        return lines


def accounts_of(account: Account) -> list[LinkedAccount]:
    """What the Integration dropdown offers."""
    return list(
        LinkedAccount.objects.for_account(account)
        .filter(removed_at=None, provider__in=ADAPTERS)
        .select_related("linked_by")
    )


def open_editor(
    display: Display, rule: SyncRule | None, draft: Draft, *, fresh: bool = False
) -> Editor:
    """Ask the provider, fit the draft to it, and count the dry run."""
    accounts = accounts_of(display.account)
    if not draft.linked_id and len(accounts) == 1:
        draft.linked_id = str(accounts[0].pk)
    linked = next((item for item in accounts if str(item.pk) == draft.linked_id), None)
    payloads = recent_payloads(display)
    names = signup_fields(payloads, draft.mapping)
    options = Options()
    if linked is not None:
        options = read_options(linked, draft.audience_id, fresh=fresh)
        if not draft.audience_id and len(options.audiences) == 1:
            draft.audience_id = options.audiences[0].id
            options = read_options(linked, draft.audience_id)
        settle(draft, linked.adapter_class, options, list(names))
    return Editor(
        display=display,
        rule=rule,
        draft=draft,
        accounts=accounts,
        linked=linked,
        options=options,
        names=names,
        run=dry_run(payloads, draft.stored_conditions(), draft.match),
        operators=OPERATORS,
    )


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
