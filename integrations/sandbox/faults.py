"""The fault dial: what goes wrong on purpose, for how long and where."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import Any

MAX_LATENCY_MS = 600_000
CREDENTIALS = ("ok", "broken", "disabled")


class ControlError(Exception):
    """A control call that makes no sense; `field` names what is wrong with it."""

    def __init__(self, field: str, detail: str, status: int = 400) -> None:
        super().__init__(detail)
        self.field = field
        self.detail = detail
        self.status = status


@dataclass(slots=True, frozen=True, kw_only=True)
class Faults:
    """One setting of the dial. The defaults are the resting position."""

    status: int | None = None  # answer with this error instead
    retry_after: int | None = None  # seconds, sent with `status`
    latency_ms: int = 0
    drop: bool = False
    truncate: bool = False
    timeout_after_accept: bool = False  # do it, then never answer
    drop_after_accept: bool = False  # do it, then close at once
    credentials: str = "ok"
    revoked: tuple[str, ...] = ()  # keys that stopped working
    compliance: tuple[str, ...] = ()  # addresses, as are the next three
    forgotten: tuple[str, ...] = ()
    throttled: tuple[str, ...] = ()
    fake: tuple[str, ...] = ()
    fail_share: float = 0.0  # share of contact writes that are refused
    only: str = ""  # "POST /lists/*": the dial works on these requests only
    times: int | None = None  # ... and on so many of them, then rests

    def matches(self, method: str, path: str) -> bool:
        """Whether `only` takes in this request; the path's version may be left out."""
        if not self.only:
            return True
        wanted, _, pattern = self.only.rpartition(" ")
        if wanted and wanted.upper() != method:
            return False
        unversioned = "/" + path.lstrip("/").partition("/")[2]
        return fnmatchcase(path, pattern) or fnmatchcase(unversioned, pattern)

    def document(self) -> dict[str, Any]:
        """JSON form, every field."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
        }

    def changed(self, document: Mapping[str, Any]) -> Faults:
        """This setting with some fields replaced. Raises ControlError."""
        known = {item.name for item in fields(self)}
        values = {}
        for name, value in document.items():
            if name not in known:
                raise ControlError(name, f"There is no fault called {name!r}.")
            values[name] = _CHECKS[name](name, value)
        return replace(self, **values)


RESTING = Faults()


def _boolean(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ControlError(name, f"{name} is true or false.")
    return value


def _number(low: int, high: int) -> Callable[[str, object], int]:
    def check(name: str, value: object) -> int:
        good = isinstance(value, int) and not isinstance(value, bool)
        if not good or not low <= int(value) <= high:  # type: ignore[call-overload]
            raise ControlError(name, f"{name} is a whole number, {low} to {high}.")
        return int(value)  # type: ignore[call-overload,no-any-return]

    return check


def _optional(check: Callable[[str, object], int]) -> Callable[..., int | None]:
    return lambda name, value: None if value is None else check(name, value)


def _strings(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise ControlError(name, f"{name} is a list of strings.")
    return tuple(item.strip().lower() for item in value)


def _share(name: str, value: object) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not 0 <= value <= 1:  # type: ignore[operator]
        raise ControlError(name, f"{name} is a number from 0 to 1.")
    return float(value)  # type: ignore[arg-type]


def _credentials(name: str, value: object) -> str:
    if value not in CREDENTIALS:
        raise ControlError(name, f"{name} is one of {', '.join(CREDENTIALS)}.")
    return str(value)


def _only(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ControlError(name, f'{name} is a text such as "POST /lists/*".')
    method, _, pattern = value.strip().rpartition(" ")
    if value.strip() and not pattern.startswith(("/", "*")):
        raise ControlError(name, f'{name} is a text such as "POST /lists/*".')
    if method and not method.isalpha():
        raise ControlError(name, f'{name} is a text such as "POST /lists/*".')
    return value.strip()


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "status": _optional(_number(400, 599)),
    "retry_after": _optional(_number(0, 86_400)),
    "latency_ms": _number(0, MAX_LATENCY_MS),
    "drop": _boolean,
    "truncate": _boolean,
    "timeout_after_accept": _boolean,
    "drop_after_accept": _boolean,
    "credentials": _credentials,
    "revoked": _strings,
    "compliance": _strings,
    "forgotten": _strings,
    "throttled": _strings,
    "fake": _strings,
    "fail_share": _share,
    "only": _only,
    "times": _optional(_number(1, 1_000_000)),
}


class Dial:
    """The current setting. Safe for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults = RESTING
        self._left: int | None = None
        self._writes = 0

    def set(self, faults: Faults) -> None:
        """Turn the dial; counts begin anew."""
        with self._lock:
            self._faults, self._left, self._writes = faults, faults.times, 0

    def read(self) -> Faults:
        """The setting, with `times` counting what is left."""
        with self._lock:
            return replace(self._faults, times=self._left)

    def draw(self, method: str, path: str) -> Faults:
        """The faults that fall on this request; uses up one of `times`."""
        with self._lock:
            faults = self._faults
            if faults == RESTING or not faults.matches(method, path):
                return RESTING
            if self._left is not None:
                self._left -= 1
                if self._left == 0:
                    self._faults, self._left = RESTING, None
            return faults

    def refuses_write(self, share: float) -> bool:
        """Whether this contact write falls into the refused share.

        Evenly spread and repeatable: with 0.5 it is every second write since the
        dial was turned.
        """
        with self._lock:
            before, self._writes = self._writes, self._writes + 1
            return math.floor(self._writes * share) > math.floor(before * share)
