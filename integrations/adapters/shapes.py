"""Answers of a shape that nobody documents: an outage, not a bug and not an answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from traceback import extract_tb
from typing import Any

from integrations.adapters.base import Adapter, Page
from integrations.adapters.errors import RejectedError, TransientError

log = logging.getLogger(__name__)
Row = dict[str, Any]

# What reading a value of another shape than expected raises.
MISREAD = (AttributeError, IndexError, KeyError, TypeError, ValueError)


def rows_in(body: object, name: str) -> list[Row]:
    """The objects that `body` lists under `name`. Raises TransientError for anything
    else: a list that is missing must not pass for one that is empty."""
    found = body.get(name) if isinstance(body, dict) else None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise unreadable()
    return found


def as_rows(body: object) -> list[Row]:
    """The objects of an answer that is a list, see `rows_in`."""
    return rows_in({"": body}, "")


def row_in(body: object, name: str) -> Row:
    """The object under `name`, not empty; raises TransientError for anything else."""
    found = body.get(name) if isinstance(body, dict) else None
    if not isinstance(found, dict) or not found:
        raise unreadable()
    return found


def id_in(row: object, name: str = "id") -> str:
    """The text or number under `name`; raises TransientError for anything else."""
    found = row.get(name) if isinstance(row, dict) else None
    if isinstance(found, bool) or not isinstance(found, (str, int)) or found == "":
        raise unreadable()
    return str(found)


def dig(body: Any, *names: str) -> Any:
    """What stands under the names, one within the other; None where there is none."""
    for name in names:
        body = body.get(name) if isinstance(body, dict) else None
    return body


def put_in(body: Row, value: object, *names: str) -> None:
    """Puts a value where `dig` finds it."""
    *outer, last = names
    for name in outer:
        body = body.setdefault(name, {})
    body[last] = value


def count_in(row: object, name: str) -> int:
    """The number under `name`; raises TransientError for anything else."""
    found = id_in(row, name)
    if not found.isdecimal():
        raise unreadable()
    return int(found)


def as_text(value: object) -> str:
    """A value for a provider whose fields are all text."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(as_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


class Unreadable(TransientError):
    """An answer, or something posted to us, of a shape that nobody documents."""


def unreadable(label: str = "The provider") -> Unreadable:
    return Unreadable(f"{label} sent an answer that cannot be read.")


@contextmanager
def reading(adapter: Adapter, *, posted: bool = False) -> Iterator[None]:
    """Makes what goes wrong in here while an answer is read a TransientError. What goes
    wrong before there is an answer is a bug of ours and stays one, unless it was
    `posted` to us: then it is a RejectedError."""
    last = _last(adapter)
    try:
        yield
    except Unreadable:
        if posted and _last(adapter) is last:
            raise RejectedError(f"This is no webhook of {adapter.label}.") from None
        raise
    except MISREAD as error:
        if _last(adapter) is not last:
            place = extract_tb(error.__traceback__)[-1]
            # Without its words: they may be somebody's address.
            log.warning(
                "%s: %s while reading an answer, %s line %s",
                *(adapter.slug, type(error).__name__, place.filename, place.lineno),
            )
            raise unreadable(adapter.label) from None
        if posted:
            raise RejectedError(f"This is no webhook of {adapter.label}.") from None
        raise


def within_reading(operation: Callable[..., Any]) -> Callable[..., Any]:
    """The operation of an adapter, run inside `reading`. A page of `changes` that leads
    to itself is an outage too: it would be read for ever."""

    @wraps(operation)
    def run(self: Adapter, *args: Any, **more: Any) -> Any:
        with reading(self, posted=operation.__name__ == "webhook"):
            result = operation(self, *args, **more)
            if isinstance(result, Page) and result.more and result.cursor in args[1:]:
                raise unreadable(self.label)
            return result

    return run


def _last(adapter: Adapter) -> object:
    return adapter.exchanges[-1] if adapter.exchanges else None
