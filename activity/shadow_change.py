"""A change of a policy that is only tried: what is asked, and what it would make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.http import QueryDict

from activity.people import as_uuid_text
from contactsync.tenancy.models import Account
from hygiene.models import HygienePolicy
from hygiene.policies import Lists, merged, policy_for
from hygiene.policy import SWITCHABLE, Mode, Policy
from hygiene.verdict import Category

MODES = tuple(mode.value for mode in Mode)
CATEGORIES = tuple(
    each for each in Category if each in SWITCHABLE and each is not Category.VALID
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to be different. What is left out stays as it is.

    ``display`` is the display it is for, ``None`` for the whole account.
    """

    modes: Mapping[Category, Mode] = field(default_factory=dict)
    strict_masks: bool | None = None
    wide_disposable: Mode | None = None
    display: UUID | None = None

    @classmethod
    def read(cls, query: Mapping[str, Any]) -> Change:
        """From a query string; what cannot be is left out."""
        strict = str(query.get("strict_masks", ""))
        wide = str(query.get("wide_disposable", ""))
        display = as_uuid_text(query.get("display", ""))
        return cls(
            modes={
                category: Mode(value)
                for category in CATEGORIES
                if (value := str(query.get(category.value, ""))) in MODES
            },
            strict_masks={"on": True, "off": False}.get(strict),
            wide_disposable=Mode(wide) if wide in MODES else None,
            display=UUID(display) if display else None,
        )

    @property
    def any(self) -> bool:
        return (
            bool(self.modes)
            or self.strict_masks is not None
            or self.wide_disposable is not None
        )

    def query(self, **more: str) -> str:
        """The query string that asks for it, the same on the policy's page."""
        found = QueryDict(mutable=True)
        for category, mode in self.modes.items():
            found[category.value] = mode.value
        if self.strict_masks is not None:
            found["strict_masks"] = "on" if self.strict_masks else "off"
        if self.wide_disposable is not None:
            found["wide_disposable"] = self.wide_disposable.value
        if self.display is not None:
            found["display"] = str(self.display)
        for name, value in more.items():
            if value:
                found[name] = value
        return f"?{found.urlencode()}"

    def on(self, row: HygienePolicy | None) -> HygienePolicy:
        """The row of a policy as it would be; not saved."""
        row = row or HygienePolicy()
        wide = self.wide_disposable
        changed = {category.value: mode.value for category, mode in self.modes.items()}
        return HygienePolicy(
            modes={**row.modes, **changed},
            strict_masks=row.strict_masks
            if self.strict_masks is None
            else self.strict_masks,
            wide_disposable=row.wide_disposable if wide is None else wide.value,
        )


class Policies:
    """Today's policy and the changed one, of each display. Three queries at most."""

    def __init__(self, account: Account, change: Change) -> None:
        self._account = account
        self._change = change
        rows = HygienePolicy.objects.for_account(account)
        self._rows: dict[UUID | None, HygienePolicy] = {
            row.display_id: row for row in rows
        }
        own = policy_for(account.pk)
        self._lists = Lists(None, own.allow, own.deny)
        self._made: dict[UUID | None, tuple[Policy, Policy]] = {}

    def of(self, display_id: UUID) -> tuple[Policy, Policy]:
        """Before and after. A display's own choices outlast a change of the account."""
        one = self._change.display
        key = display_id if display_id in self._rows or display_id == one else None
        if key not in self._made:
            mine, all_ = self._rows.get(key) if key else None, self._rows.get(None)
            before = [row for row in (mine, all_) if row is not None]
            if one is None:
                after = [row for row in (mine, self._change.on(all_)) if row]
            elif one == key:
                after = [row for row in (self._change.on(mine), all_) if row]
            else:
                after = before
            self._made[key] = (
                merged(before, self._lists).policy,
                merged(after, self._lists).policy,
            )
        return self._made[key]
