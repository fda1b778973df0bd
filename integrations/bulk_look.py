"""What a provider has of people now, and what sending would change. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from contactsync.lib.clock import now
from contactsync.lib.crypto import SealError
from integrations.adapters.base import Adapter, Subscription, filled, is_blank
from integrations.adapters.errors import (
    AdapterError,
    DriftError,
    Reason,
    SetupError,
    TargetError,
    TransientError,
)
from integrations.entries import entries_of
from integrations.holding import account_break, account_unread, target_break
from integrations.limits import Permit
from integrations.mapping import prepare
from integrations.models import Target
from integrations.oauth_tokens import answered, ready_adapter
from integrations.outcomes import postpone
from integrations.splitting import standing_of
from integrations.transforms import text

T = TypeVar("T")
LOOK_SECONDS = 40.0
GONE = frozenset({"absent", "archived"})
LEFT = {
    "unsubscribed": Reason.UNSUBSCRIBED.value,
    "bounced": Reason.BOUNCED.value,
    "complained": Reason.COMPLIANCE.value,
}
"""Statuses of people who are not sent anything, and why."""


def asked(
    target: Target,
    question: Callable[[Adapter], T],
    *,
    seconds: float = LOOK_SECONDS,
) -> T:
    """``question(adapter)`` within the provider's limits. What is broken is put on
    hold, and who asks us to wait is waited for, as by any other call.

    Raises AdapterError, SealError.
    """
    linked = target.linked_account
    if linked.not_before is not None and linked.not_before > now():
        raise TransientError(f"{linked.adapter_class.label} asked us to wait.")
    try:
        adapter = ready_adapter(linked)
        adapter.permit = Permit(linked, adapter, seconds=seconds)
        return answered(linked, adapter, question)
    except (TargetError, DriftError) as error:
        target_break(target, error.reason.value, error.detail)
        raise
    except SetupError as error:
        account_unread(linked, error)
        raise
    except SealError as error:
        account_break(linked, Reason.AUTH_REVOKED.value, said(error))
        raise
    except TransientError as error:
        if error.retry_after and error.reason is not Reason.TURN:
            postpone(linked, error.retry_after)
        raise


def said(error: AdapterError | SealError) -> str:
    """What a person is told of it."""
    if isinstance(error, AdapterError):
        return error.detail
    return f"The stored credentials cannot be opened: {error}."


def looked_up(target: Target, emails: Sequence[str]) -> list[Subscription] | None:
    """How the provider has them now, in one question; None: it cannot tell.

    Raises AdapterError, SealError.
    """
    if "subscriptions" not in target.linked_account.adapter_class.supports:
        return None
    if not emails:
        return []
    return asked(
        target, lambda adapter: standing_of(adapter, emails, target.audience_id)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field that would change. ``theirs`` is what the provider has now."""

    field: str
    label: str
    ours: str
    theirs: str

    def as_dict(self) -> dict[str, str]:
        return {
            "field": self.field,
            "label": self.label,
            "ours": self.ours,
            "theirs": self.theirs,
        }


def wanted(target: Target, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are sent for a payload, by the provider's ids."""
    made = prepare(dict(payload), target.mapping, target.tags)
    return filled(made.contact.fields)


def differences(
    target: Target, ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> list[Difference]:
    """Where our values and the provider's are not the same."""
    names = {entry.field: entry.name for entry in entries_of(target.mapping)}
    return [
        Difference(
            field=field,
            label=names.get(field, field),
            ours=shown(value),
            theirs=shown(theirs.get(field)),
        )
        for field, value in ours.items()
        if not alike(value, theirs.get(field))
    ]


def outlook(target: Target, ours: Mapping[str, Any], now_there: Subscription) -> str:
    """What sending would do: create, update, same, send (not known), a reason."""
    if now_there.status in GONE:
        return "create"
    if now_there.status in LEFT:
        # Who left and is to be asked to confirm again is a matter of the adapter.
        return "send" if target.reconfirm else LEFT[now_there.status]
    if now_there.status == "unknown":
        return "send"
    if (
        not target.update_existing
        and "update_existing" in target.linked_account.adapter_class.supports
    ):
        return Reason.EXISTING.value
    if now_there.fields is None:
        return "update"
    if differences(target, ours, now_there.fields):
        return "update"
    if target.tags and (now_there.tags is None or set(target.tags) - {*now_there.tags}):
        return "update"
    return "same"


def image(found: Subscription, ours: Mapping[str, Any]) -> dict[str, Any]:
    """A before-image: how the provider has somebody, and what is about to be sent. Of
    the record only the fields that we write: no more is needed to put them back."""
    theirs = found.fields
    return {
        "status": found.status,
        "fields": None
        if theirs is None
        else {name: plain(theirs.get(name)) for name in ours if name in theirs},
        "tags": None if found.tags is None else list(found.tags),
        "at": now().isoformat(),
        "sent": plain(ours),
    }


def plain(value: Any) -> Any:
    """As JSON keeps it."""
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(part) for part in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)


def alike(one: Any, other: Any) -> bool:
    """Whether two values of a field say the same, however they are written."""
    if is_blank(one) or is_blank(other):
        return is_blank(one) and is_blank(other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(alike(one.get(name), other.get(name)) for name in {*one, *other})
    if isinstance(one, (list, tuple)) or isinstance(other, (list, tuple)):
        return {*map(text, _listed(one))} == {*map(text, _listed(other))}
    if text(one) == text(other):
        return True
    numbers = _number(one), _number(other)
    return numbers[0] is not None and numbers[0] == numbers[1]


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, (list, tuple)) else [value]


def _number(value: Any) -> Decimal | None:
    try:
        return Decimal(text(value))
    except InvalidOperation:
        return None


def shown(value: Any) -> str:
    """A value of a record for people."""
    if isinstance(value, Mapping):
        return ", ".join(text(part) for part in value.values() if not is_blank(part))
    return text(value)
