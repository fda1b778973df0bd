"""The form that sends a cleaned list to an audience."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.http import QueryDict

from connections.services import ImportSettings
from connections.work import field_names
from contactsync.tenancy.models import Account
from hygiene.models import CleaningRun
from integrations.adapters import ADAPTERS
from integrations.adapters.base import Audience, Field
from integrations.models import LinkedAccount
from integrations.options import Options, read_options, suggest_mapping
from integrations.providers import Provider

MAP = "map:"
MAX_TEXT = 200
MAX_CONSENT = 1000
MAX_TAGS = 50


@dataclass(slots=True, kw_only=True)
class Draft:
    """The form as it came. ``mapping``: list field -> provider field id."""

    linked_id: str = ""
    audience_id: str = ""
    consent: str = ""
    agreed: bool = False
    tags: str = ""
    double_opt_in: bool = False
    update_existing: bool = False
    mapping: dict[str, str] = field(default_factory=dict)
    loaded: str = ""  # the account and audience that the mapping was shown for
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        return f"{self.linked_id}|{self.audience_id}"

    def tag_list(self) -> list[str]:
        names = (" ".join(tag.split()) for tag in self.tags.split(","))
        return list(dict.fromkeys(name for name in names if name))


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRow:
    name: str
    heading: str
    input_name: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Editor:
    """Everything that the form shows."""

    run: CleaningRun
    draft: Draft
    accounts: list[LinkedAccount]
    linked: LinkedAccount | None
    options: Options

    @property
    def provider(self) -> Provider | None:
        return Provider.of(self.linked.adapter_class) if self.linked else None

    @property
    def audience(self) -> Audience | None:
        return self.options.audience(self.draft.audience_id)

    @property
    def supports(self) -> frozenset[str]:
        return self.linked.adapter_class.supports if self.linked else frozenset()

    @property
    def offers(self) -> dict[str, bool]:
        names = ("tags", "double_opt_in", "update_existing", "free_fields")
        return {name: name in self.supports for name in names}

    @property
    def asked_twice(self) -> bool:
        return bool(
            self.draft.double_opt_in and self.audience and self.audience.double_opt_in
        )

    @property
    def map_rows(self) -> list[MapRow]:
        named = zip(field_names(self.run), self.run.columns, strict=True)
        return [
            MapRow(
                name=name,
                heading=str(heading),
                input_name=MAP + name,
                target=self.draft.mapping.get(name, ""),
            )
            for name, heading in named
            if name
        ]

    @property
    def unmapped_required(self) -> list[Field]:
        mapped = set(self.draft.mapping.values())
        return [
            each
            for each in self.options.writable
            if each.required and each.id not in mapped
        ]


def draft_of(data: QueryDict) -> Draft:
    """The form as it came, cut to size; nothing is checked yet."""
    # PostgreSQL keeps no NUL.
    plain = {
        key.replace("\0", ""): value.replace("\0", "")
        for key, value in data.items()
        if isinstance(value, str)
    }
    return Draft(
        linked_id=plain.get("linked_account", "")[:36],
        audience_id=plain.get("audience", "")[:MAX_TEXT],
        consent=plain.get("consent", "").strip()[: MAX_CONSENT + 1],
        agreed=plain.get("agreed") == "on",
        tags=plain.get("tags", "")[:2000],
        double_opt_in=plain.get("double_opt_in") == "on",
        update_existing=plain.get("update_existing") == "on",
        mapping={
            key.removeprefix(MAP)[:64]: value[:100]
            for key, value in plain.items()
            if key.startswith(MAP) and value
        },
        loaded=plain.get("loaded", "")[:300],
    )


def open_editor(
    account: Account, run: CleaningRun, draft: Draft, *, fresh: bool = False
) -> Editor:
    """Ask the provider what it has; a new place gets a mapping suggested."""
    accounts = list(
        LinkedAccount.objects.for_account(account).filter(
            removed_at=None, provider__in=ADAPTERS
        )
    )
    if not draft.linked_id and len(accounts) == 1:
        draft.linked_id = str(accounts[0].pk)
    linked = next((item for item in accounts if str(item.pk) == draft.linked_id), None)
    options = Options()
    if linked is not None:
        options = read_options(linked, draft.audience_id, fresh=fresh)
        if not draft.audience_id and len(options.audiences) == 1:
            draft.audience_id = options.audiences[0].id
            options = read_options(linked, draft.audience_id)
        if options.audiences_read and options.audience(draft.audience_id) is None:
            draft.audience_id = ""
    if linked is not None and draft.audience_id and draft.place != draft.loaded:
        free = "free_fields" in linked.adapter_class.supports
        names = [name for name in field_names(run) if name]
        draft.mapping = suggest_mapping(names, options.writable, free=free)
        draft.loaded = draft.place
    return Editor(
        run=run, draft=draft, accounts=accounts, linked=linked, options=options
    )


def checked(editor: Editor) -> ImportSettings | None:
    """The settings, or None with ``draft.errors`` filled: field name -> sentence."""
    draft, errors, linked = editor.draft, editor.draft.errors, editor.linked
    if linked is None:
        errors["linked_account"] = "Choose the account the list goes to."
        return None
    audience = editor.audience
    noun = linked.adapter_class.audience_noun
    if audience is None:
        errors["audience"] = f"Choose the {noun} the list goes to."
    if not draft.consent:
        errors["consent"] = "Say where and how these people agreed to hear from you."
    elif len(draft.consent) > MAX_CONSENT:
        errors["consent"] = f"Say it in at most {MAX_CONSENT} characters."
    if not draft.agreed:
        errors["agreed"] = "Nobody is imported who has not agreed. Confirm this."
    tags = draft.tag_list()
    if len(tags) > MAX_TAGS or any(len(tag) > 100 for tag in tags):
        errors["tags"] = f"At most {MAX_TAGS} tags of 100 characters each."
    mapping = _mapping(editor)
    if errors or audience is None:
        return None
    return ImportSettings(
        linked_account=linked,
        audience_id=audience.id,
        audience_label=audience.label[:MAX_TEXT],
        consent=draft.consent,
        double_opt_in=draft.double_opt_in and "double_opt_in" in editor.supports,
        update_existing=draft.update_existing
        or "update_existing" not in editor.supports,
        mapping=mapping,
        tags=tags if "tags" in editor.supports else [],
    )


def _mapping(editor: Editor) -> dict[str, str]:
    """The mapping without what the provider does not have; notes two on one field."""
    offered = {each.id for each in editor.options.writable}
    free = "free_fields" in editor.supports
    known = {name for name in field_names(editor.run) if name}
    mapping: dict[str, str] = {}
    for name, target in editor.draft.mapping.items():
        if name not in known or not (free or target in offered):
            continue
        if target in mapping.values():
            editor.draft.errors["mapping"] = (
                "Two columns go to the same field. Choose one of them."
            )
        mapping[name] = target
    return mapping
