"""Calls of REST providers: signing in, refusals, pages, parts of an account."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, urlsplit

from integrations.adapters.answer import wait_of
from integrations.adapters.base import (
    Audience,
    Receipt,
    Resource,
)
from integrations.adapters.declare import SubAccount
from integrations.adapters.each import OneByOne, probed
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    Reason,
    RejectedError,
    SetupError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.paging import all_pages
from integrations.adapters.shapes import Row, dig, id_in, rows_in
from integrations.adapters.shared import basic, expired

Place = str | int
WORDS = ("title", "message", "context", "detail")  # of an error


@dataclass(frozen=True, slots=True)
class Sign:
    """Words in an answer, and the error that they mean at this provider.

    `words` is a regular expression, whose case does not matter. `on` is the status that
    they stand in; None: any that refuses the request (400, 409, 422 and so on).
    `wait` is seconds at least, for a TransientError. `says` is told to people; "" for
    the provider's own words.
    """

    words: str
    error: type[AdapterError]
    reason: Reason | None = None
    on: int | None = None
    wait: float | None = None
    says: str = ""

    def read(
        self, error: AdapterError, told: str, asked: float | None = None
    ) -> AdapterError:
        """The error meant by an answer, where its status alone would be `error`.
        `asked`: the seconds that its headers ask us to wait."""
        meant = error.status == self.on if self.on else isinstance(error, RejectedError)
        if not meant or not re.search(self.words, told, re.IGNORECASE):
            return error
        detail = self.says or error.detail
        found = self.error(detail, reason=self.reason, status=error.status)
        if isinstance(found, TransientError):
            found.retry_after = max(asked or 0.0, self.wait or 0.0) or None
        return found


class RestCalls(OneByOne):
    """A provider of JSON over HTTP, who declares how its answers look."""

    signs: ClassVar[tuple[Sign, ...]] = ()  # the first that fits counts

    # What one signs in with, credentials in braces, and headers sent along. What stands
    # behind "Basic " is a user and a password with a colon between them.
    key_header: ClassVar[tuple[str, str]] = ("Authorization", "Bearer {api_key}")
    token_header: ClassVar[tuple[str, str]] = ("Authorization", "Bearer {access_token}")
    more_headers: ClassVar[Mapping[str, str]] = {}

    # Pages: parameters, at most how many rows, where the rows and their number stand.
    size_param: ClassVar[str] = ""
    page_size: ClassVar[int] = 0
    place_param: ClassVar[str] = ""  # the page: an offset, a number or a mark
    first_place: ClassVar[Place] = ""
    rows_key: ClassVar[str] = ""  # "": named as the last part of the path
    total_keys: ClassVar[tuple[str, ...]] = ()
    next_keys: ClassVar[tuple[str, ...]] = ()  # where the next page's address stands
    probe_params: ClassVar[Params] = {}

    # Signing in.

    def headers(self) -> dict[str, str]:
        """Raises CredentialsError where one that is needed was not entered."""
        texts = {name: secret.strip() for name, secret in self.secrets.items()}
        entered = {name: text for name, text in texts.items() if text}
        wanted = self.token_header if "access_token" in entered else self.key_header
        found = {**dict([wanted]), **self.more_headers}
        try:
            return {name: basic(found[name].format_map(entered)) for name in found}
        except KeyError:
            raise CredentialsError(
                f"{self.label} was not given all credentials: enter them again, or "
                "connect the account again."
            ) from None

    def account(self) -> str:
        """The chosen sub-account, or the only one, for a path."""
        chosen = self.secrets.get("sub_account", "")
        if not chosen:
            found = self.sub_accounts()
            if len(found) != 1:
                noun = f"{self.label} {self.sub_account_noun}"
                raise SetupError(f"Choose which {noun} is used.")
            chosen = self.secrets["sub_account"] = found[0].id
        return quote(chosen, safe="")

    # Refusals.

    def explain(self, answer: Answer) -> str:
        """Reads `errors` or `error`, too: texts, or objects that hold some."""
        body = answer.object()
        found = body.get("errors") or body.get("error")
        words: list[object] = []
        for row in found if isinstance(found, list) else [found]:
            if isinstance(row, dict):
                parts = [row[name] for name in WORDS if row.get(name)]
                words += parts or [row.get("code")]
            else:
                words.append(row)
        told = " ".join(str(word) for word in words if word)
        return self.safe(told) or super().explain(answer)

    def faults(self, answer: Answer) -> list[Row]:
        """The objects in `errors`."""
        found = answer.object().get("errors")
        rows = found if isinstance(found, list) else []
        return [row for row in rows if isinstance(row, dict)]

    def told(self, answer: Answer) -> str:
        """The text that the words of `signs` are searched in."""
        return self.explain(answer)

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        told, asked = self.told(answer), wait_of(answer, self.reset_headers)
        for sign in self.signs:
            if (meant := sign.read(error, told, asked)) is not error:
                return meant
        return error

    # Pages.

    def following(self, body: Row, rows: list[Row], place: Any) -> Place | None:
        """The place of the page after the one at `place`, None or "" at the end. Where
        answers hold its address, it is `place_param` there, or the whole query."""
        if not self.next_keys:
            return None
        query = urlsplit(str(dig(body, *self.next_keys) or "")).query
        if not self.place_param:
            return query
        return dict(parse_qsl(query)).get(self.place_param)

    def listed(self, body: Row, name: str) -> list[Row]:
        """The rows in an answer. Override where other parts of it belong to them."""
        return rows_in(body, name)

    def page(
        self, path: str, place: Place, params: Params | None = None
    ) -> tuple[list[Row], Place | None]:
        """The rows of a page, and the place of the next one."""
        body = self.read_page(path, place, params)
        rows = self.listed(body, self.rows_key or path.rpartition("/")[2])
        return rows, self.following(body, rows, place)

    def read_page(self, path: str, place: Place, params: Params | None = None) -> Row:
        """The answer that holds a page."""
        query: dict[str, str | int] = {self.size_param: self.page_size}
        query |= params or {}
        if place != "" and self.place_param:
            query[self.place_param] = place
        elif place != "":
            query = dict(parse_qsl(str(place), keep_blank_values=True))
        return self.fetch("GET", path, params=query)

    def rows(self, path: str, params: Params | None = None) -> Iterator[Row]:
        """The rows of all pages."""
        return all_pages(lambda place: self.page(path, place, params), self.first_place)

    def probe(self, name: str, path: str, params: Params | None = None) -> Resource:
        """Whether a list may be read, and how many are on it."""
        asked = {self.size_param: 1, **self.probe_params, **(params or {})}

        return probed(
            name, lambda: self.total_of(self.fetch("GET", path, params=asked))
        )

    def total_of(self, body: Row) -> int | None:
        """How many rows there are on all pages, which some tell as text."""
        total = str(dig(body, *self.total_keys))
        return int(total) if total.isdecimal() else None

    def maybe(self, path: str, params: Params | None = None) -> Row | None:
        """The object at a path, None where there is none."""
        try:
            return self.fetch("GET", path, params=params)
        except TargetError:
            return None

    def walk(
        self, cursor: str, path: str, place: Place, params: Params | None = None
    ) -> tuple[list[Row], Any]:
        """A page of `changes`. A place that the provider refuses has expired."""
        try:
            return self.page(path, place, params)
        except RejectedError as error:
            raise expired() if cursor else error from None

    def erase_all(self, paths: Iterable[str], note: str) -> Receipt:
        """Deletes what is at some paths that 404 means nobody for."""
        gone = 0
        for path in paths:
            with suppress(TargetError):  # somebody else was faster
                self.request("DELETE", path)
                gone += 1
        return self.erased(gone, note)

    @contextmanager
    def still_there(self) -> Iterator[None]:
        """Around writes to somebody who was looked up: where they are gone, they are to
        be looked up again, so a TargetError becomes a TransientError."""
        try:
            yield
        except TargetError:
            raise TransientError(f"Deleted in {self.label} just now.") from None

    def erased(self, found: object, note: str) -> Receipt:
        """The receipt for an erasure; `found` is nothing where nobody was there."""
        missing = f"{self.label} did not hold this address."
        return Receipt(ok=True, note=note if found else missing)


def audience(
    row: Row,
    size: int | None = None,
    *,
    kind: str = "",
    double_opt_in: bool | None = None,
) -> Audience:
    """An audience as most providers list it, with an id and a name. With a `kind`, ids
    are form:53 and labels Form: Sign up."""
    id, label = id_in(row), str(row.get("name", ""))
    return Audience(
        id=f"{kind}:{id}" if kind else id,
        label=f"{kind.capitalize()}: {label}" if kind else label,
        size=size,
        double_opt_in=double_opt_in,
    )


def sub_account(row: Row, label: str) -> SubAccount:
    """A part of an account, by the name under `label`, or its id."""
    return SubAccount(id=id_in(row), label=str(row.get(label) or row["id"]))
