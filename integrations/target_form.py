"""Where contacts go, as a form: account, audience, field mapping, opt-in, tags.

The editor of a sync rule and that of an import are made of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contactsync.tenancy.models import Account
from integrations.adapters import ADAPTERS
from integrations.adapters.base import Audience, Field
from integrations.countries import countries
from integrations.entries import MAX_FIELD, MAX_NAME, Entry, unstorable
from integrations.mapping import check, remembered
from integrations.mapping_rows import (
    CHOICES,
    MAP,
    MapRow,
    Row,
    apply_row_action,
)
from integrations.models import LinkedAccount
from integrations.options import Options, read_options, suggest_mapping
from integrations.providers import Provider

MAX_TAGS = 50
# Who decides whether people are asked to confirm, by ``Adapter.opt_in``.
OPT_IN = {
    "caller": "{provider} emails a confirmation. The contact appears in the {noun} "
    "after they confirm.",
    "list": "The {noun}’s own setting in {provider} decides whether people confirm.",
    "account": "Your {provider} account’s own setting decides whether people confirm.",
    "endpoint": "Your endpoint is told to ask for a confirmation. It decides how.",
    "none": "{provider} has no double opt-in of its own: people are added at once, "
    "and nobody is asked to confirm.",
}
SETTING = {
    True: " It is on: people get a confirmation email first.",
    False: " It is off: people are added at once.",
    None: "",
}


@dataclass(slots=True, kw_only=True)
class TargetDraft:
    """The form as it came. ``errors``: field name, or MAP and a line's key, to a
    sentence."""

    linked_id: str = ""
    audience_id: str = ""
    rows: list[Row] = field(default_factory=list)
    tags: str = ""
    double_opt_in: bool = False
    update_existing: bool = False
    loaded: str = ""  # the account and audience that the mapping was shown for
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        return f"{self.linked_id}|{self.audience_id}"

    @property
    def mapping(self) -> dict[str, str]:
        """Key of a line -> provider field id, of the lines that have one."""
        return {row.key: row.target for row in self.rows if row.target}

    def tag_list(self) -> list[str]:
        names = (" ".join(tag.split()) for tag in self.tags.split(","))
        return list(dict.fromkeys(name for name in names if name))

    def check_tags(self) -> list[str]:
        tags = self.tag_list()
        if len(tags) > MAX_TAGS or any(len(tag) > 100 for tag in tags):
            self.errors["tags"] = f"At most {MAX_TAGS} tags of 100 characters each."
        if unstorable(self.tags):
            self.errors["tags"] = "Tags hold a character that cannot be stored."
        return tags


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetForm:
    """What the form shows. ``names``: signup field -> label, ``saved``: the entries
    that are stored for the same place."""

    draft: TargetDraft
    accounts: list[LinkedAccount]
    linked: LinkedAccount | None
    options: Options
    names: Mapping[str, str]
    saved: Sequence[Entry] = ()

    @property
    def provider(self) -> Provider | None:
        return Provider.of(self.linked.adapter_class) if self.linked else None

    @property
    def audience(self) -> Audience | None:
        return self.options.audience(self.draft.audience_id)

    @property
    def ready(self) -> bool:
        """Whether there is an audience to show the rest for."""
        return self.linked is not None and bool(self.draft.audience_id)

    @property
    def supports(self) -> frozenset[str]:
        return self.linked.adapter_class.supports if self.linked else frozenset()

    @property
    def free_fields(self) -> bool:
        return "free_fields" in self.supports

    @property
    def offers(self) -> dict[str, bool]:
        """Which options the provider has."""
        names = ("tags", "double_opt_in", "update_existing", "reconfirm", "free_fields")
        return {name: name in self.supports for name in names}

    @property
    def opt_in_sentence(self) -> str:
        """Who decides whether people are asked to confirm."""
        if self.linked is None:
            return ""
        adapter = self.linked.adapter_class
        sentence = OPT_IN[adapter.opt_in].format(
            provider=adapter.label, noun=adapter.audience_noun
        )
        if adapter.opt_in in ("list", "account") and self.audience:
            sentence += SETTING[self.audience.double_opt_in]
        return sentence

    @property
    def asked_twice(self) -> bool:
        """Both we and the audience have double opt-in on (SPEC.md D10)."""
        return bool(
            self.draft.double_opt_in and self.audience and self.audience.double_opt_in
        )

    @property
    def choices(self) -> dict[str, Any]:
        return {**CHOICES, "countries": countries()}

    def known(self, target: str) -> Field | None:
        """A provider's field as it is now, or was when the mapping was saved."""
        for each in self.options.fields:
            if each.id == target:
                return each
        for entry in self.saved:
            if entry.field == target and entry.type:
                return Field(
                    id=target,
                    label=entry.name,
                    type=entry.type,
                    format=entry.format,
                    options=entry.options,
                    required=entry.required,
                )
        return None

    @property
    def map_rows(self) -> list[MapRow]:
        """A line for each signup field, and those that were added."""
        by_key = {row.key: row for row in self.draft.rows}
        usual = [by_key.get(name) or Row(key=name) for name in self.names]
        added = [row for row in self.draft.rows if row.is_added]
        offered = {each.id for each in self.options.writable}
        return [
            MapRow(
                row=row,
                label=self.names.get(row.key)
                or ("Fixed value" if row.is_fixed else "Added field"),
                error=self.draft.errors.get(MAP + row.key, ""),
                known=self.known(row.target),
                missing=bool(row.target) and row.target not in offered,
                names=self.names,
            )
            for row in [*usual, *added]
        ]

    @property
    def unmapped_required(self) -> list[Field]:
        mapped = set(self.draft.mapping.values())
        return [
            each
            for each in self.options.writable
            if each.required and each.id not in mapped
        ]

    @property
    def mapped_count(self) -> int:
        return len(self.draft.mapping)

    def entries(self) -> list[Entry]:
        """The lines as they would be stored, unchecked."""
        return [
            row.entry(self.known(row.target)) for row in self.draft.rows if row.target
        ]

    def checked_entries(self) -> list[Entry]:
        """The mapping to store; writes down ``draft.errors``."""
        assert self.linked is not None
        adapter, options, errors = (
            self.linked.adapter_class,
            self.options,
            self.draft.errors,
        )
        rows = [row for row in self.draft.rows if not row.is_empty]
        asked = options.fields if options.fields_read else None
        entries, wrong = check(
            remembered([row.entry(self.known(row.target)) for row in rows], self.saved)
            if asked is None
            else [row.entry(self.known(row.target)) for row in rows],
            asked,
            free=self.free_fields,
            noun=adapter.field_noun,
            provider=adapter.label,
        )
        saved = {entry.field for entry in self.saved}
        for at, row in enumerate(rows):
            problem = _row_problem(row, adapter.field_noun)
            if problem:
                errors[MAP + row.key] = problem
            elif at in wrong:
                errors[MAP + row.key] = str(wrong[at])
            elif asked is None and not self.free_fields and row.target not in saved:
                errors[MAP + row.key] = (
                    f"{adapter.label} could not be asked whether it has this "
                    f"{adapter.field_noun}."
                )
        return entries


def _row_problem(row: Row, noun: str) -> str:
    """What is wrong with a line, whatever the provider has."""
    words = [row.key, row.target, *row.sources, row.constant, row.default]
    if any(unstorable(word) for word in words):
        return "This holds a character that cannot be stored."
    if len(row.key) > MAX_NAME or len(row.target) > MAX_FIELD:
        return "This name is too long or cannot be stored."
    if any(len(source) > MAX_NAME for source in row.sources):
        return "This name is too long or cannot be stored."
    if not row.target:
        return f"Choose the {noun} that it goes to."
    if row.is_fixed and not row.constant:
        return "Enter the value that is always sent."
    if row.is_added and not row.is_fixed and not row.sources:
        return "Choose the field that it comes from."
    if row.blank == "default" and not row.default and not row.is_fixed:
        return "Enter what is sent instead, or choose to leave the field out."
    return ""


def accounts_of(account: Account) -> list[LinkedAccount]:
    """What the Integration dropdown offers."""
    return list(
        LinkedAccount.objects.for_account(account)
        .filter(removed_at=None, provider__in=ADAPTERS)
        .select_related("linked_by")
    )


def read_place(
    draft: TargetDraft, accounts: Sequence[LinkedAccount], *, fresh: bool
) -> tuple[LinkedAccount | None, Options]:
    """The chosen account and what it offers; the only one there is, is chosen."""
    if not draft.linked_id and len(accounts) == 1:
        draft.linked_id = str(accounts[0].pk)
    linked = next((item for item in accounts if str(item.pk) == draft.linked_id), None)
    if linked is None:
        return None, Options()
    options = read_options(linked, draft.audience_id, fresh=fresh)
    if not draft.audience_id and len(options.audiences) == 1:
        draft.audience_id = options.audiences[0].id
        options = read_options(linked, draft.audience_id)
    return linked, options


def settle(
    draft: TargetDraft, linked: LinkedAccount, options: Options, names: Sequence[str]
) -> None:
    """Fit the draft to another account or audience than it was shown for.

    Mapped fields that exist there stay, and what is called the same is mapped.
    """
    if draft.place == draft.loaded or not draft.audience_id:
        return
    free = "free_fields" in linked.adapter_class.supports
    if not free and not options.fields_read:
        return
    offered = {item.id for item in options.writable}
    kept = [row for row in draft.rows if row.target and (free or row.target in offered)]
    targets = {row.target for row in kept}
    rest = [name for name in names if name not in {row.key for row in kept}]
    open_fields = [item for item in options.writable if item.id not in targets]
    suggested = suggest_mapping(rest, open_fields, free=free)
    draft.rows = kept + [Row(key=key, target=to) for key, to in suggested.items()]
    draft.loaded = draft.place


def apply_action(draft: TargetDraft, action: str) -> None:
    draft.rows = apply_row_action(draft.rows, action)
