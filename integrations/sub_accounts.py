"""Parts of a provider's account that have contacts of their own: clients, folders."""

from __future__ import annotations

from collections.abc import Sequence

from integrations.adapters.base import Adapter
from integrations.adapters.declare import SubAccount
from integrations.adapters.errors import Reason, SetupError
from integrations.models import LinkedAccount
from integrations.oauth_tokens import answered, keep_secrets
from integrations.services import page_adapter


class ChoiceNeededError(Exception):
    """There are several, and it has to be said which one is meant."""

    def __init__(self, choices: Sequence[SubAccount]) -> None:
        super().__init__("choose one")
        self.choices = tuple(choices)


def noun_of(adapter: type[Adapter]) -> str:
    return adapter.sub_account_noun or "account"


def chosen(adapter: Adapter, *, wanted: str = "", known: str = "") -> SubAccount | None:
    """The one to work with; None where the provider has no such parts.

    ``wanted`` is the caller's choice, ``known`` an earlier one, kept if it is still
    there. Raises ChoiceNeededError, AdapterError.
    """
    if "sub_accounts" not in adapter.supports:
        return None
    found = adapter.sub_accounts()
    if not found:
        noun = noun_of(type(adapter))
        raise SetupError(
            f"These credentials reach no {noun} at {adapter.label}. Create one there, "
            "or use credentials of somebody who has access to one.",
            reason=Reason.SCOPE,
        )
    named = [part for part in found if part.id == (wanted or known)]
    if named or (len(found) == 1 and not wanted):
        return (named or found)[0]
    raise ChoiceNeededError(found)


def choices_of(linked: LinkedAccount) -> list[SubAccount]:
    """Read from the provider now. Raises AdapterError, SealError."""
    return answered(
        linked, page_adapter(linked), lambda adapter: adapter.sub_accounts()
    )


def change(linked: LinkedAccount, part: SubAccount) -> None:
    """Work with another part from now on. Raises SealError."""
    keep_secrets(linked, {"sub_account": part.id})
    linked.sub_account = {"id": part.id, "label": part.label}
    linked.save(update_fields=["sub_account"])
