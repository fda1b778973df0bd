"""JSON as we accept it: finite, shallow, and storable as it is."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from contactsync.api.problems import Problem

MAX_DEPTH = 6
# Escapes that can make a NUL or a lone surrogate. Nothing else can: the body is
# decoded as UTF-8 first, and a raw control character is not valid JSON.
SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is out of range")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice[:40]!r} appears twice")
    return found


def _walk(value: Any, path: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Problem.of_field(
            path, "too_deep", f"Nested too deeply: at most {MAX_DEPTH} levels.", 400
        )
    if isinstance(value, str):
        if "\0" in value:
            raise Problem.of_field(
                path, "nul", "Holds a NUL character. Remove it.", 400
            )
        if any("\ud800" <= char <= "\udfff" for char in value):
            raise Problem.of_field(
                path, "surrogate", "Holds half a character (lone surrogate).", 400
            )
    elif isinstance(value, dict):
        for name, inner in value.items():
            _walk(name, path or "(a name)", depth)
            _walk(inner, f"{path}.{name}".strip("."), depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _walk(inner, f"{path}[{index}]", depth + 1)


def parse(body: bytes) -> Any:
    """The value in ``body``. Raises Problem 400 that says what is wrong and where."""
    try:
        text = body.decode("utf-8-sig")
        value = json.loads(
            text,
            parse_constant=_constant,
            parse_float=_number,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError as error:
        raise Problem(400, f"The body is not UTF-8 (byte {error.start}).") from None
    except json.JSONDecodeError as error:
        raise Problem(
            400,
            f"The body is not JSON: {error.msg} at line {error.lineno}, "
            f"column {error.colno}.",
        ) from None
    except RecursionError:
        raise Problem(400, "The body is nested too deeply.") from None
    except ValueError as error:
        raise Problem(400, f"The body is not JSON: {str(error)[:120]}.") from None
    if SUSPECT.search(body) or body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        _walk(value, "", 0)
    return value
