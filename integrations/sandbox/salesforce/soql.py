"""As much SOQL as integrations write: SELECT, WHERE, ORDER BY, LIMIT, OFFSET.

Fields, FIELDS() and COUNT(); = != < <= > >= LIKE, IN, NOT IN, AND, OR, NOT and
parentheses; strings, numbers, times, true, false, null.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Row = Mapping[str, Any]
Test = Callable[[Row], bool]

TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\]|\\.)*')"
    r"|(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))"
    r"|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_.]*)"
    r"|(?P<sign>!=|<>|<=|>=|[=<>(),]))",
    re.DOTALL,
)
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
WORDS = {"true": True, "false": False, "null": None}


class Malformed(Exception):
    """The query cannot be read; the text says where."""


@dataclass
class Query:
    """A parsed query. `fields` is ["COUNT()"], or names, or "FIELDS(ALL)"."""

    fields: list[str]
    thing: str
    names: set[str] = field(default_factory=set)  # of the conditions and the order
    test: Test = lambda row: True
    order: list[tuple[str, bool]] = field(default_factory=list)  # name, descending
    limit: int | None = None
    offset: int = 0


class Parser:
    """One query text, taken apart from left to right."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.names: set[str] = set()
        place = 0
        while text[place:].strip():
            match = TOKEN.match(text, place)
            if match is None:
                raise Malformed(f"unexpected token: '{text[place:].strip()[:20]}'")
            kind = str(match.lastgroup)
            self.tokens.append((kind, match[kind]))
            place = match.end()

    def parse(self) -> Query:
        self.must("SELECT")
        fields = [self.column()]
        while self.sees(","):
            fields.append(self.column())
        self.must("FROM")
        query = Query(fields=fields, thing=self.take("name"))
        if self.sees("WHERE"):
            query.test = self.any_of()
        if self.sees("ORDER"):
            self.must("BY")
            query.order.append(self.direction())
            while self.sees(","):
                query.order.append(self.direction())
        if self.sees("LIMIT"):
            query.limit = int(self.take("number"))
        if self.sees("OFFSET"):
            query.offset = int(self.take("number"))
        if self.tokens:
            raise Malformed(f"unexpected token: '{self.tokens[0][1]}'")
        query.names = self.names
        return query

    # Tokens

    def take(self, kind: str) -> str:
        if not self.tokens or self.tokens[0][0] != kind:
            found = self.tokens[0][1] if self.tokens else "<EOF>"
            raise Malformed(f"unexpected token: '{found}'")
        return self.tokens.pop(0)[1]

    def sees(self, word: str) -> bool:
        """Whether the next token is this one, which is then taken."""
        there = (
            bool(self.tokens)
            and self.tokens[0][0] in ("name", "sign")
            and self.tokens[0][1].upper() == word
        )
        if there:
            self.tokens.pop(0)
        return there

    def must(self, word: str) -> None:
        if not self.sees(word):
            found = self.tokens[0][1] if self.tokens else "<EOF>"
            raise Malformed(f"expecting {word}, found '{found}'")

    def column(self) -> str:
        name = self.take("name")
        if not self.sees("("):
            return name
        inside = "" if self.sees(")") else self.take("name")
        if inside:
            self.must(")")
        return f"{name.upper()}({inside.upper()})"

    def direction(self) -> tuple[str, bool]:
        name = self.named()
        down = self.sees("DESC")
        self.sees("ASC")
        return name, down

    def named(self) -> str:
        name = self.take("name")
        self.names.add(name)
        return name

    # Conditions

    def any_of(self) -> Test:
        tests = [self.all_of()]
        while self.sees("OR"):
            tests.append(self.all_of())
        return lambda row: any(test(row) for test in tests)

    def all_of(self) -> Test:
        tests = [self.condition()]
        while self.sees("AND"):
            tests.append(self.condition())
        return lambda row: all(test(row) for test in tests)

    def condition(self) -> Test:
        if self.sees("NOT"):
            inner = self.condition()
            return lambda row: not inner(row)
        if self.sees("("):
            inner = self.any_of()
            self.must(")")
            return inner
        name = self.named()
        outside = self.sees("NOT")
        if self.sees("IN"):
            self.must("(")
            wanted = [self.value()]
            while self.sees(","):
                wanted.append(self.value())
            self.must(")")
            return lambda row: any(same(row, name, v) for v in wanted) != outside
        if self.sees("LIKE"):
            like = re.escape(str(self.value())).replace("%", ".*").replace("_", ".")
            shape = re.compile(like, re.IGNORECASE | re.DOTALL)
            return lambda row: bool(shape.fullmatch(str(row.get(name) or "")))
        sign = self.take("sign")
        value = self.value()
        if sign in ("=", "!=", "<>"):
            return lambda row: same(row, name, value) == (sign == "=")
        if sign in ("<", "<=", ">", ">="):
            return lambda row: compare(row.get(name), sign, value)
        raise Malformed(f"unexpected token: '{sign}'")

    def value(self) -> Any:
        kind, text = self.tokens[0] if self.tokens else ("", "<EOF>")
        if kind == "string":
            return _string(self.take(kind))
        if kind == "number":
            return float(self.take(kind))
        if kind == "time":
            return datetime.fromisoformat(self.take(kind))
        if kind == "name" and text.lower() in WORDS:
            return WORDS[self.take(kind).lower()]
        raise Malformed(f"unexpected token: '{text}'")


def _string(token: str) -> str:
    return re.sub(r"\\(.)", lambda m: ESCAPES.get(m[1], m[1]), token[1:-1], flags=re.S)


def plain(value: Any) -> Any:
    """A value as it compares: text without case, times as such."""
    if isinstance(value, str):
        if re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+0000", value):
            return datetime.fromisoformat(value)
        return value.lower()
    return value


def same(row: Row, name: str, value: Any) -> bool:
    mine = row.get(name)
    return bool((mine if mine != "" else None) == value or plain(mine) == plain(value))


def compare(mine: Any, sign: str, value: Any) -> bool:
    one, other = plain(mine), plain(value)
    if one is None or other is None or isinstance(one, str) != isinstance(other, str):
        return False
    results: dict[str, bool] = {
        "<": one < other,
        "<=": one <= other,
        ">": one > other,
        ">=": one >= other,
    }
    return results[sign]
