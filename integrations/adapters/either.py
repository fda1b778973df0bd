"""Providers whom people are looked up at by one form of their address a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeVar

from integrations.adapters.base import Outcome, Receipt
from integrations.adapters.consent import LEFT
from integrations.adapters.each import forms, not_there, synced
from integrations.adapters.errors import TargetError
from integrations.adapters.rest import Rest
from integrations.adapters.shapes import Row

T = TypeVar("T")


class EitherForm(Rest):
    """An address with an internationalised domain is the same person in both forms, and
    who left under one of them has left."""

    def find_form(self, form: str, audience_id: str) -> Row | None:
        """The record of an address in this form."""
        raise NotImplementedError

    def find_forms(self, email: str, audience_id: str) -> list[Row]:
        """The records of an address, those first who left, or might have."""
        found = (self.find_form(form, audience_id) for form in forms(email))
        there = (row for row in found if row is not None)
        return self.left_first(there, audience_id)

    def left_first(self, rows: Iterable[Row], audience_id: str) -> list[Row]:
        """Those first who left, then who might have, and who is not there last."""

        def rank(row: Row) -> tuple[bool, bool, bool]:
            status = self.standing("", row, audience_id).status
            return status not in LEFT, status != "unknown", status == "absent"

        found = list(rows)
        return sorted(found, key=rank) if len(found) > 1 else found

    def find_one(self, email: str, audience_id: str) -> Row | None:
        return next(iter(self.find_forms(email, audience_id)), None)

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        def opt_out(email: str) -> Outcome:
            rows = self.find_forms(email, audience_id)
            known = [self.standing(email, row, audience_id) for row in rows]
            there = [one for one in known if one.status != "absent"]
            if not there:
                return not_there(self.unknown_as)
            for one in there:
                if one.status not in self.gone:
                    self.leave(one, audience_id)
            return synced(there[0].remote_id)

        return self.each(emails, opt_out)

    def in_each_form(self, email: str, do: Callable[[str], T]) -> T:
        """`do` for an address in each form. Raises TargetError where all of them do."""
        done: list[T] = []
        for form in forms(email):
            with suppress(TargetError):
                done.append(do(form))
        if not done:
            raise TargetError("There is nobody with this address.")
        return done[0]

    def erase(self, email: str) -> Receipt:
        self.needs("erase")
        rows = self.find_forms(email, "")
        for row in rows:
            with suppress(TargetError):  # somebody else was faster
                self.remove(row)
        return self.erased(rows, self.erasing)
