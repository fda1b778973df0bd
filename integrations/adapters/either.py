"""Providers whom people are looked up at by one form of their address a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeVar

from integrations.adapters.base import Outcome, Receipt
from integrations.adapters.consent import LEFT
from integrations.adapters.each import forms, not_there, synced
from integrations.adapters.errors import Reason, RejectedError, TargetError
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
        found = self.of_forms(email, lambda form: self.find_form(form, audience_id))
        there = (row for row in found if row is not None)
        return self.left_first(there, audience_id)

    def of_forms(self, email: str, do: Callable[[str], T]) -> list[T]:
        """What `do` gives for an address in each form. Nobody has a form that is not
        the given one and that the provider refuses as no address."""
        found: list[T] = []
        for form in forms(email):
            try:
                found.append(do(form))
            except RejectedError as error:
                invalid = self.reason_of(error) is Reason.ADDRESS_INVALID
                if form == email.strip() or not invalid:
                    raise
        return found

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

        def reach(form: str) -> None:
            with suppress(TargetError):
                done.append(do(form))

        self.of_forms(email, reach)
        if not done:
            raise TargetError("There is nobody with this address.")
        return done[0]

    def erase_forms(self, email: str, path: Callable[[str], str]) -> Receipt:
        """Deletes what is at the path of an address in each form."""
        found = True
        try:
            self.in_each_form(email, lambda form: self.request("DELETE", path(form)))
        except TargetError:
            found = False
        return self.erased(found, self.erasing)

    def erase(self, email: str) -> Receipt:
        self.needs("erase")
        rows = self.find_forms(email, "")
        for row in rows:
            with suppress(TargetError):  # somebody else was faster
                self.remove(row)
        return self.erased(rows, self.erasing)
