"""Providers whom people are looked up at by one form of their address a call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from integrations.adapters.base import Receipt
from integrations.adapters.each import forms
from integrations.adapters.errors import Reason, RejectedError, TargetError
from integrations.adapters.rest import LookAll, Rest
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

    def find_one(self, email: str, audience_id: str) -> Row | None:
        return next(iter(self.find_forms(email, audience_id)), None)

    def looking_all(self, emails: Sequence[str], audience_id: str) -> LookAll:
        return lambda email: self.find_forms(email, audience_id)

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
