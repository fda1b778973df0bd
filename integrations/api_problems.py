"""What a provider answered, as a problem of the REST API."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from contactsync.api.problems import FieldError, Problem
from contactsync.lib.crypto import SealError
from integrations.adapters.base import Adapter
from integrations.adapters.errors import (
    AdapterError,
    Reason,
    SetupError,
    TransientError,
)
from integrations.models import LinkedAccount
from integrations.reasons import fix_for

T = TypeVar("T")


def provider_said(error: AdapterError | SealError, adapter: type[Adapter]) -> Problem:
    """A provider's failure as a problem: 409 is for you to mend, 502 for them."""
    label = adapter.label
    if isinstance(error, SealError):
        reason, detail = Reason.AUTH_REVOKED, "The stored credentials cannot be opened."
    else:
        reason, detail = error.reason, error.detail
    fix = fix_for(reason, label)
    assert fix is not None  # every Reason has an entry (tested)
    theirs = not isinstance(error, SetupError | SealError)
    return Problem(
        502 if theirs else 409,
        f"{fix.sentence} {detail}".strip(),
        [FieldError("linked_account", reason.value, fix.next_step)],
        code=reason.value,
        retry_after=error.retry_after if isinstance(error, TransientError) else None,
        more={
            "reason": reason.value,
            "next_step": fix.next_step,
            "action": fix.action,
        },
    )


def ask(linked: LinkedAccount, question: Callable[[], T]) -> T:
    """What the provider answers. Raises Problem with the reason and a remedy."""
    try:
        return question()
    except (AdapterError, SealError) as error:
        raise provider_said(error, linked.adapter_class) from error
