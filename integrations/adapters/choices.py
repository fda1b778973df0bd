"""Fields whose values are options: people see names where the provider keeps ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.adapters.errors import Reason, RejectedError


def ids_of(
    value: object, options: Mapping[Any, str], field: str, *, several: bool
) -> Any:
    """What is kept for options, by their names: a list where a field takes `several`.
    `options` are names by id.

    Raises RejectedError (schema.option_missing) for one that is gone, which says so of
    the `field` by its label.
    """
    ids = {name: id for id, name in options.items()}
    wanted = value if isinstance(value, (list, tuple)) else [value]
    if gone := [choice for choice in wanted if str(choice) not in ids]:
        raise RejectedError(
            f"{field} has no option “{gone[0]}”.", reason=Reason.OPTION_MISSING
        )
    chosen = [ids[str(choice)] for choice in wanted]
    return chosen if several else chosen[0]


def names_of(value: Any, options: Mapping[Any, str]) -> Any:
    """The names of what is kept, without options that are gone."""
    if isinstance(value, list):
        return [options[id] for id in value if id in options]
    return options.get(value)
