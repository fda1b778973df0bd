"""What the pages and the API say about what comes back from a provider. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contactsync.lib.crypto import SealError
from integrations import changes, hooks, reconcile
from integrations.models import LinkedAccount, Target
from integrations.oauth import app_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """A target's books against the provider. ``found`` as `integrations.reconcile`
    keeps it. ``display``: whose rule it is, where several send to one audience."""

    target: Target
    found: Mapping[str, Any]
    display: str = ""

    @property
    def label(self) -> str:
        name = audience_of(self.target)
        return f"{name}, from {self.display}" if self.display else name

    @property
    def provider(self) -> str:
        return self.target.linked_account.adapter_class.label

    @property
    def at(self) -> datetime | None:
        return moment(self.found.get("at"))

    @property
    def running(self) -> bool:
        return "running" in self.found or self.target.reconciled_at is None

    @property
    def so_far(self) -> int:
        """How many were compared in the run that is under way."""
        return int(self.found.get("running", {}).get("checked", 0))

    @property
    def tone(self) -> str:
        if self.found.get("error"):
            return "bad"
        return "warn" if self.found.get("missing") else "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """How changes at a provider reach us.

    ``webhook``: "on", "failed", "soon" (registered within a minute), "unused" (no rule
    needs it yet), "paste" (by hand, ``url``), "unreachable" or "none".
    """

    linked: LinkedAccount
    webhook: str
    error: str = ""
    url: str = ""
    secret: str = ""  # what has to be entered, because the provider signs with it
    heard_at: datetime | None = None
    polls: bool = False
    polled_at: datetime | None = None
    poll_error: str = ""
    compares: bool = False

    @property
    def label(self) -> str:
        """The provider's name."""
        return self.linked.adapter_class.label

    @property
    def is_local(self) -> bool:
        """Texts: leaving counts for this account alone, whatever is chosen."""
        return self.linked.adapter_class.kind == "sms"


def back_of(linked: LinkedAccount) -> Back:
    known = linked.hooks
    entries = known.get("audiences", {}).values()
    errors = [str(entry["error"]) for entry in entries if "error" in entry]
    way = way_of(linked, registered=bool(entries), failed=bool(errors))
    return Back(
        linked=linked,
        webhook=way,
        error=errors[0] if errors else "",
        url=hooks.hook_url(linked) if way == "paste" else "",
        secret=secret_wanted(linked) if way == "paste" else "",
        heard_at=moment(known.get("heard_at")),
        polls=linked.provider in changes.able(),
        polled_at=moment(known.get("polled_at")),
        poll_error=known.get("poll_error", ""),
        compares=linked.provider in reconcile.able(),
    )


def secret_wanted(linked: LinkedAccount) -> str:
    """The label of the secret that the provider signs with, where it is not known."""
    wanted = [c for c in linked.adapter_class.credentials if c.name == hooks.SECRET]
    if not wanted or app_of(linked.provider) is not None:
        return ""
    try:
        return "" if hooks.SECRET in linked.get_credentials() else wanted[0].label
    except SealError:
        return ""


def way_of(linked: LinkedAccount, *, registered: bool, failed: bool) -> str:
    supports = linked.adapter_class.supports
    if "webhook" not in supports:
        return "none"
    if not hooks.is_reachable(linked):
        return "unreachable"
    if "add_webhook" not in supports:
        return "paste"
    if failed:
        return "failed"
    if registered:
        return "on"
    return "soon" if hooks.audiences_used([linked.pk]) else "unused"


def books_of(linked: LinkedAccount) -> list[Books]:
    """The books of each live target, in the order in which they were made."""
    if linked.provider not in reconcile.able():
        return []
    books = reconcile.summary(linked)
    rules = Counter(target.audience_id for target, _ in books)
    return [
        Books(
            target=target,
            found=found,
            display=target.rule.display.name if rules[target.audience_id] > 1 else "",
        )
        for target, found in books
    ]


def audience_of(target: Target) -> str:
    return target.audience_label or target.audience_id


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
