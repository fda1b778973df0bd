"""The form that sends a cleaned list to an audience."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import QueryDict

from connections.services import ImportSettings
from connections.work import field_names
from contactsync.tenancy.models import Account
from hygiene.models import CleaningRun
from integrations.entries import stored_of
from integrations.mapping_rows import rows_of_post
from integrations.target_form import (
    TargetDraft,
    TargetForm,
    accounts_of,
    apply_action,
    read_place,
    settle,
)

MAX_TEXT = 200
MAX_CONSENT = 1000


@dataclass(slots=True, kw_only=True)
class Draft(TargetDraft):
    """The form as it came."""

    consent: str = ""
    agreed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Editor(TargetForm):
    """Everything that the form shows."""

    draft: Draft
    run: CleaningRun


def draft_of(data: QueryDict) -> Draft:
    """The form as it came, cut to size; nothing is checked yet."""
    # PostgreSQL keeps no NUL.
    plain = data.copy()
    for name in list(data):
        texts = [str(value).replace("\0", "") for value in data.getlist(name)]
        plain.setlist(name.replace("\0", ""), texts)
    draft = Draft(
        linked_id=plain.get("linked_account", "")[:36],
        audience_id=plain.get("audience", "")[:MAX_TEXT],
        consent=plain.get("consent", "").strip()[: MAX_CONSENT + 1],
        agreed=plain.get("agreed") == "on",
        rows=rows_of_post(plain),
        tags=plain.get("tags", "")[:2000],
        double_opt_in=plain.get("double_opt_in") == "on",
        update_existing=plain.get("update_existing") == "on",
        loaded=plain.get("loaded", "")[:300],
    )
    apply_action(draft, plain.get("do", ""))
    return draft


def open_editor(
    account: Account, run: CleaningRun, draft: Draft, *, fresh: bool = False
) -> Editor:
    """Ask the provider what it has; a new place gets a mapping suggested."""
    accounts = accounts_of(account)
    linked, options = read_place(draft, accounts, fresh=fresh)
    if options.audiences_read and options.audience(draft.audience_id) is None:
        draft.audience_id = ""
    named = zip(field_names(run), run.columns, strict=True)
    names = {name: str(heading) for name, heading in named if name}
    if linked is not None:
        settle(draft, linked, options, list(names))
    draft.rows = [row for row in draft.rows if row.is_added or row.key in names]
    return Editor(
        run=run,
        draft=draft,
        accounts=accounts,
        linked=linked,
        options=options,
        names=names,
    )


def checked(editor: Editor) -> ImportSettings | None:
    """The settings, or None with ``draft.errors`` filled: field name -> sentence."""
    draft, errors, linked = editor.draft, editor.draft.errors, editor.linked
    if linked is None:
        errors["linked_account"] = "Choose the account the list goes to."
        return None
    audience = editor.audience
    if audience is None:
        noun = linked.adapter_class.audience_noun
        errors["audience"] = f"Choose the {noun} the list goes to."
    if not draft.consent:
        errors["consent"] = "Say where and how these people agreed to hear from you."
    elif len(draft.consent) > MAX_CONSENT:
        errors["consent"] = f"Say it in at most {MAX_CONSENT} characters."
    if not draft.agreed:
        errors["agreed"] = "Nobody is imported who has not agreed. Confirm this."
    tags = draft.check_tags()
    entries = editor.checked_entries() if audience else []
    for row in draft.rows:
        if any(source not in editor.names for source in row.sources):
            errors[f"map:{row.key}"] = "The list has no such column. Choose another."
    if errors or audience is None:
        return None
    supports = editor.supports
    return ImportSettings(
        linked_account=linked,
        audience_id=audience.id,
        audience_label=audience.label[:MAX_TEXT],
        consent=draft.consent,
        double_opt_in=draft.double_opt_in and "double_opt_in" in supports,
        update_existing=draft.update_existing or "update_existing" not in supports,
        mapping=stored_of(entries),
        tags=tags if "tags" in supports else [],
    )
