"""What Campaign Monitor's codes mean."""

from __future__ import annotations

from integrations.adapters.calls import Sign
from integrations.adapters.consent import LEFT
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
)

SOME_FAILED = "210"  # the code of an import


class NotThere(RejectedError):
    """Nobody with this address is on the list, or active on it."""


class Unconfirmed(RejectedError):
    """Somebody who was asked before."""


def left(code: int, status: str) -> Sign:
    """The refusal of somebody who left."""
    reason, sentence = LEFT[status]
    says = sentence.format(label="Campaign Monitor")
    return Sign(f"^{code}$", RejectedError, reason, says=says)


SIGNS = (  # the words are a code
    Sign("^60$", ScopeError, on=401),
    Sign("^102$", TargetError, on=401),  # somebody else's client or list
    Sign("^121$", CredentialsError, Reason.AUTH_EXPIRED, on=401),
    Sign("^101$", TargetError, on=400),  # no such list
    Sign("^1$", RejectedError, Reason.ADDRESS_INVALID),
    Sign("^203$", NotThere),
    Sign(
        *("^204$", RejectedError, Reason.COMPLIANCE),
        says="On the suppression list: they unsubscribed from everything, "
        "complained or bounced.",
    ),
    left(205, "archived"),
    left(206, "unsubscribed"),
    left(207, "bounced"),
    Sign("^208$", Unconfirmed),
)
