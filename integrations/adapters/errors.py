"""What can go wrong with a provider, named by what must be done about it.

Whole-call failures are exceptions; one contact's refusal is an `Outcome` (see
base.py). `detail` is one or two sentences shown to people: it never holds a secret.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from integrations.adapters.redact import clean


class Reason(StrEnum):
    """Why something is not simply synced. Values are stored: never renamed."""

    AUTH_EXPIRED = "auth.expired"
    AUTH_REVOKED = "auth.revoked"
    AUTH_TRANSIENT = "auth.transient"
    SCOPE = "permission.scope"
    TARGET_MISSING = "target.missing"
    TARGET_UNFINISHED = "target.unfinished"
    REQUIRED_FIELD = "schema.required_field"
    FIELD_TYPE = "schema.type"
    OPTION_MISSING = "schema.option_missing"
    ADDRESS_FAKE = "address.fake"
    ADDRESS_ROLE = "address.role"
    ADDRESS_DISPOSABLE = "address.disposable"
    ADDRESS_INVALID = "address.invalid"
    UNSUBSCRIBED = "consent.unsubscribed"
    BOUNCED = "consent.bounced"
    COMPLIANCE = "consent.compliance"
    FORGOTTEN = "consent.forgotten"
    RATE = "limit.rate"
    QUOTA = "limit.quota"
    TURN = "limit.turn"
    TOO_MANY_SIGNUPS = "limit.too_many_signups"
    DUPLICATE = "conflict.duplicate"
    SERVER = "server"
    NETWORK = "network"
    TIMEOUT = "timeout"
    CURSOR_EXPIRED = "cursor.expired"
    REFUSED = "provider.refused"
    OPT_IN_QUEUED = "opt_in.queued"
    OPT_IN_SENT = "opt_in.sent"
    OPT_IN_DELIVERED = "opt_in.delivered"
    OPT_IN_BOUNCED = "opt_in.bounced"
    CONDITION = "rule.condition"
    NO_CONSENT = "rule.no_consent"
    NOT_CONFIRMED = "consent.not_confirmed"
    SUPERSEDED = "rule.superseded"
    EXISTING = "rule.existing"
    CANCELLED = "rule.cancelled"
    UNDONE = "rule.undone"
    SUPPRESSED = "rule.suppressed"
    WITHDRAWN = "rule.withdrawn"
    PAUSED = "held.paused"
    UNLINKED = "held.unlinked"
    SUSPENDED = "held.suspended"
    INTERNAL = "internal"


class AdapterError(Exception):
    """A call to a provider failed as a whole.

    `status` is the HTTP status when the provider answered, else None.
    """

    default_reason: ClassVar[Reason] = Reason.REFUSED

    def __init__(
        self,
        detail: str,
        *,
        reason: Reason | None = None,
        status: int | None = None,
    ) -> None:
        detail = clean(detail)
        super().__init__(detail)
        self.detail = detail
        self.reason = reason or self.default_reason
        self.status = status


class TransientError(AdapterError):
    """Try the same call again later, not before `retry_after` seconds if given."""

    default_reason = Reason.SERVER

    def __init__(
        self,
        detail: str,
        *,
        reason: Reason | None = None,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail, reason=reason, status=status)
        self.retry_after = retry_after


class SetupError(AdapterError):
    """Somebody must mend the linked account or its target. Nothing is lost."""


class CredentialsError(SetupError):
    """The provider does not accept the credentials: reconnect."""

    default_reason = Reason.AUTH_REVOKED


class ScopeError(SetupError):
    """The credentials are good and may not do this: grant the permission."""

    default_reason = Reason.SCOPE


class TargetError(SetupError):
    """The audience or endpoint is not there (any more): choose another."""

    default_reason = Reason.TARGET_MISSING


class DriftError(SetupError):
    """The provider's fields no longer fit the mapping: refresh the fields."""

    default_reason = Reason.REQUIRED_FIELD


class RejectedError(AdapterError):
    """The provider refused the call as it stands (400, 409, 422).

    The caller splits the batch; with one contact left it is that contact's rejection.
    """


class NotSupported(NotImplementedError):
    """The provider has no such operation. Ask `Adapter.supports` first."""
