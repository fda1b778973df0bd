"""The name given with the signup, as evidence for a person."""

from __future__ import annotations

from hygiene.case import Case


def is_their_name(case: Case) -> bool:
    """Whether the name given with the signup explains the local part.

    Both halves of the name must be there and only one may be a role word: imports are
    full of people called "Info" or "Sales Department".
    """
    first, last = case.names()
    roles = case.words.role_hard
    if not first or not last or (first in roles and last in roles):
        return False
    return case.stem in {first, last, first + last, last + first, first[0] + last}
