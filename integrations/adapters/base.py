"""The contract every provider adapter keeps, and the values that cross it.

Adapters are plain Python: no Django, no database, no sleeping, no retrying. Whole-call
failures raise an `AdapterError` subclass; any other exception is a bug of ours.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from integrations.adapters.declare import (
    Credential,
    HookScope,
    Kind,
    OAuth2,
    OptIn,
    Rate,
    SubAccount,
)
from integrations.adapters.errors import NotSupported, Reason


class OutcomeState(StrEnum):
    """What became of one contact in an `upsert`."""

    SYNCED = "synced"
    AWAITING_OPT_IN = "awaiting_opt_in"
    SUBMITTED = "submitted"
    REJECTED = "rejected"
    SKIPPED = "skipped"
    RETRY = "retry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One person to be written. `fields` is provider field id -> value."""

    email: str
    fields: Mapping[str, object] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    ip: str = ""
    signed_up_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a batch is written.

    `reconfirm`: ask somebody who left to confirm again, where the provider can.
    """

    double_opt_in: bool = False
    update_existing: bool = True
    reconfirm: bool = False
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One contact's result. `retry_after` is seconds; `job` is for `poll`.

    REJECTED with a schema.* reason is about the mapping, not the person: it passes once
    the mapping or the audience's fields are mended.
    """

    state: OutcomeState
    reason: Reason | None = None
    detail: str = ""
    remote_id: str = ""
    job: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What the credentials may do with one kind of thing. None means not known."""

    name: str
    readable: bool | None
    writable: bool | None
    count: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The answer of a successful `verify`."""

    identity: str
    account_name: str = ""
    resources: tuple[Resource, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """A list, group, audience. `double_opt_in` None means the provider cannot say."""

    id: str
    label: str
    size: int | None = None
    double_opt_in: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field a signup value can be mapped to.

    `type` is one of `FIELD_TYPES`. `options` are the values a choice accepts; `format`
    is how a date or birthday is written there, as in "MM/DD"; "" for ISO 8601.
    """

    id: str
    label: str
    type: str = "text"
    required: bool = False
    read_only: bool = False
    options: tuple[str, ...] = ()
    format: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Where an address stands at the provider now.

    `status` is one of subscribed, pending, unsubscribed, bounced, complained,
    archived, absent, unknown.

    `fields`: the record's values as the provider has them now, by the ids of
    `Adapter.fields`, in the form that `upsert` takes; blank ones are left out. None:
    there is no record, or this adapter does not tell. `tags` likewise.
    """

    email: str
    status: str
    changed_at: datetime | None = None
    remote_id: str = ""
    detail: str = ""
    fields: Mapping[str, object] | None = field(default=None, repr=False)
    tags: tuple[str, ...] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that happened to a contact at the provider.

    `kind` is one of upsert, status, email, delete; `status` as in `Subscription`, ""
    when the message does not say. For kind email, `email` is the new address and
    `fields` holds old_email. `audience_id` is "" when the caller named it.
    """

    email: str
    kind: str
    status: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    at: datetime | None = None
    audience_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """What a provider posted to us. Header names are lower-case; `url` is whole."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Part of a provider's contacts.

    `complete`: this walk lists every contact, so one not listed is not there; an
    incremental walk never shows that. `more`: call again with `cursor` right away.
    """

    changes: tuple[Change, ...]
    cursor: str
    complete: bool
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Whether the provider did it, and what it leaves behind."""

    ok: bool
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One HTTP exchange as it may be shown: redacted and truncated.

    `status` is None when no answer came; `ms` is the time it took.
    """

    method: str
    path: str
    status: int | None
    ms: int
    request: str
    response: str


class Adapter(ABC):
    """One linked account at one provider, for the time of one drain or page view."""

    slug: ClassVar[str]  # stored; never changes
    label: ClassVar[str]  # the provider's own capitalisation
    kind: ClassVar[Kind]
    credentials: ClassVar[tuple[Credential, ...]] = ()
    oauth: ClassVar[OAuth2 | None] = None
    audience_noun: ClassVar[str] = "list"
    field_noun: ClassVar[str] = "field"
    opt_in: ClassVar[OptIn] = "none"  # who decides about double opt-in
    asked_are_absent: ClassVar[bool] = False  # not there until they confirm
    batch_size: ClassVar[int] = 1  # contacts per upsert, at most
    concurrency: ClassVar[int] = 1  # simultaneous calls the provider allows us
    rate: ClassVar[Rate | None] = None
    sub_account_noun: ClassVar[str] = ""  # what `sub_accounts` lists, "client folder"
    requirements: ClassVar[tuple[str, ...]] = ()  # sentences, shown before linking
    notice: ClassVar[str] = ""  # what the provider does that surprises people
    exit_effect: ClassVar[str] = ""  # what `unsubscribe` does, as a sentence
    glyph: ClassVar[str] = ""
    colour: ClassVar[str] = ""  # CSS class of the letter tile
    docs_url: ClassVar[str] = ""
    hook_scope: ClassVar[HookScope] = "account"  # what one webhook tells of
    hook_lifetime: ClassVar[float | None] = None  # seconds, where it ends by itself
    features: ClassVar[frozenset[str]] = frozenset()  # option names it honours
    supports: ClassVar[frozenset[str]] = frozenset()  # derived: methods + features

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.supports = cls.features | {
            name
            for name in OPERATIONS
            if getattr(cls, name) is not getattr(Adapter, name)
        }

    def __init__(
        self, secrets: Mapping[str, str], *, base_url: str | None = None
    ) -> None:
        """`base_url` stands in for the provider's scheme and host."""
        self.secrets = dict(secrets)
        self.base_url_override = base_url.rstrip("/") if base_url else None
        self.exchanges: list[Exchange] = []
        # Asked before every call: the seconds it may take. May raise TransientError.
        self.permit: Callable[[], float] = unlimited

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    @abstractmethod
    def verify(self) -> Reading:
        """Who we are signed in as and what can be read and written. Changes nothing
        at the provider except where the adapter says otherwise."""

    @abstractmethod
    def audiences(self) -> list[Audience]:
        """Everything contacts can be put on."""

    def fields(self, audience_id: str) -> list[Field]:
        """Fields a value can be mapped to; the e-mail address is not one of them."""
        raise NotSupported("fields")

    @abstractmethod
    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        """Create or update up to `batch_size` contacts.

        One Outcome per contact in the same order. Idempotent: the same contact twice
        leaves one contact. Never re-subscribes somebody who left, never sends a status
        for an existing member, never overwrites with a blank value.
        """

    def poll(self, job: str, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        """Results of the contacts that were SUBMITTED as one job, one per address in
        the same order; empty: not yet."""
        raise NotSupported("poll")

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        """Status as the provider has it now, one per address in the same order."""
        raise NotSupported("subscriptions")

    def changes(self, audience_id: str, cursor: str) -> Page:
        """Contacts changed since `cursor` ("" = from the beginning), oldest first.

        A row may be given twice across calls, never missed.
        """
        raise NotSupported("changes")

    def webhook(self, request: Incoming) -> list[Change]:
        """Verify, then parse what the provider posted to us.

        Raises CredentialsError when it cannot be from the provider, RejectedError when
        it is no webhook at all.
        """
        raise NotSupported("webhook")

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        """Have the provider post changes of the audience's contacts to `url`.

        Called again in time where they end by themselves (`hook_lifetime`).

        Returns credentials to keep: webhook_id (several joined by commas), and
        webhook_secret where the provider makes it. Where the caller makes it, it is in
        `secrets` already.
        """
        raise NotSupported("add_webhook")

    def remove_webhook(self, webhook_id: str, audience_id: str) -> None:
        """Have the provider forget one webhook of `add_webhook`, by one of its ids.

        Raises TargetError when it is not there any more.
        """
        raise NotSupported("remove_webhook")

    def sub_accounts(self) -> list[SubAccount]:
        """What the credentials reach, to choose one of: clients, folders. The id chosen
        is kept as the secret `sub_account`."""
        raise NotSupported("sub_accounts")

    @classmethod
    def from_token(cls, answer: Mapping[str, Any]) -> dict[str, str]:
        """Credentials in the answer of the token endpoint beside the tokens, such as
        the host that the account lives on."""
        return {}

    def discover(self) -> dict[str, str]:
        """Credentials to be asked for once, with a fresh access token."""
        return {}

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        """Opt the addresses out of the audience; SYNCED means it is so."""
        raise NotSupported("unsubscribe")

    def erase(self, email: str) -> Receipt:
        """Erase the person wherever the account holds them."""
        raise NotSupported("erase")


def unlimited() -> float:
    """The permit of an adapter that nobody limits."""
    return float("inf")


def filled(fields: Mapping[str, object]) -> dict[str, object]:
    """`fields` without blank values, which must never overwrite anything."""
    return {name: value for name, value in fields.items() if not is_blank(value)}


def is_blank(value: object) -> bool:
    """None, blank text, and collections of nothing else. False and 0 are values."""
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, Mapping):
        return all(is_blank(part) for part in value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(is_blank(part) for part in value)
    return value is None


OPERATIONS = (
    "verify",
    "audiences",
    "fields",
    "upsert",
    "poll",
    "subscriptions",
    "changes",
    "webhook",
    "add_webhook",
    "remove_webhook",
    "sub_accounts",
    "unsubscribe",
    "erase",
)
FIELD_TYPES = (
    *("text", "name", "number", "phone", "email", "date", "datetime", "birthday"),
    *("address", "url", "zip", "choice", "multi_choice", "boolean"),
)
