"""Calls of GetResponse: arrays that are counted in a header, searches, tags."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any
from urllib.parse import quote

from integrations.adapters.answer import reset_after
from integrations.adapters.base import Resource
from integrations.adapters.each import forms, key_of, probed
from integrations.adapters.errors import AdapterError, TransientError
from integrations.adapters.http import Answer, Params
from integrations.adapters.rest import Rest
from integrations.adapters.shapes import Row, id_in, row_in, unreadable

CONTACTS = "/v3/contacts"
CYCLES = ["receiving_autoresponder", "not_receiving_autoresponder"]


class GetResponseCalls(Rest):
    key_header = ("X-Auth-Token", "api-key {api_key}")

    size_param, page_size = "perPage", 1000
    place_param, first_place = "page", 1

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        if isinstance(error, TransientError) and error.retry_after is None:
            # "X-RateLimit-Reset: 600 seconds"
            left = answer.headers.get("x-ratelimit-reset", "").partition(" ")[0]
            error.retry_after = reset_after(left)
        return error

    def counted(self, path: str, params: Params) -> tuple[list[Row], int]:
        """The rows of a page, and how many there are in all."""
        answer = self.send("GET", path, params=params)
        rows, total = self._array(self.parsed(answer)), answer.headers.get("totalcount")
        return rows, int(total) if total and total.isdigit() else len(rows)

    def _array(self, rows: Any) -> list[Row]:
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise unreadable(self.label)
        return rows

    def page(
        self, path: str, place: Any, params: Params | None = None
    ) -> tuple[list[Row], int | None]:
        query: Params = {self.size_param: self.page_size, self.place_param: place}
        rows, total = self.counted(path, {**query, **(params or {})})
        return rows, place + 1 if place * self.page_size < total else None

    def probe(self, name: str, path: str, params: Params | None = None) -> Resource:
        asked = {self.size_param: 1, **(params or {})}
        return probed(name, lambda: self.counted(path, asked)[1])

    def contacts(self, email: str, audience_id: str = "") -> list[Row]:
        """The contacts of an address: of one list, or of all."""
        found = []
        for form in forms(email):
            params = {"query[email]": form, "additionalFlags": "exactMatch"}
            if audience_id:
                params["query[campaignId]"] = audience_id
            found += self.counted(CONTACTS, params)[0]
        return [
            row
            for row in found
            if key_of(id_in(row, "email")) == key_of(email)
            and audience_id in ("", id_in(row_in(row, "campaign"), "campaignId"))
        ]

    def searched(
        self, kind: str, audience_id: str, *, email: str = "", page: int = 1
    ) -> list[Row]:
        """People of a list whom `GET /contacts` does not show."""
        query = search(kind, audience_id, email)
        params: Params = {
            **{self.size_param: self.page_size, self.place_param: page},
            "sort[createdOn]": "ASC",
        }
        path = "/v3/search-contacts/contacts"
        rows = self._array(self.request("POST", path, params=params, payload=query))
        return [{**row, "hidden": kind} for row in rows]

    def asks(self, audience_id: str) -> bool:
        """Whether the list asks people who are added over the API to confirm."""
        if audience_id not in self._modes:
            body = self.fetch("GET", f"/v3/campaigns/{quote(audience_id, safe='')}")
            mode = id_in(row_in(body, "optinTypes"), "api")
            self._modes[audience_id] = mode == "double"
        return self._modes[audience_id]

    @cached_property
    def _modes(self) -> dict[str, bool]:
        return {}

    def tag(self, tag: str) -> str:
        """The id of a tag, which is made when it is not there."""
        name = re.sub(r"[^A-Za-z0-9]", "_", tag)[:64].ljust(2, "_")
        if name.lower() not in self._tags:
            made = self.fetch("POST", "/v3/tags", payload={"name": name})
            self._tags[name.lower()] = id_in(made, "tagId")
        return self._tags[name.lower()]

    @cached_property
    def _tags(self) -> dict[str, str]:
        rows = self.rows("/v3/tags")
        return {id_in(row, "name").lower(): id_in(row, "tagId") for row in rows}


def path_of(row: Row) -> str:
    return f"{CONTACTS}/{quote(id_in(row, 'contactId'), safe='')}"


def search(kind: str, audience_id: str, email: str) -> Row:
    """A search for a list's contacts of one kind, or for one address among them."""
    by = {"conditionType": "email", "operatorType": "string_operator"}
    condition = {**by, "operator": "is", "value": email.strip()}
    section = {
        "campaignIdsList": [audience_id],
        "logicOperator": "and",
        "subscriberCycle": CYCLES,
        "subscriptionDate": "all_time",
        "conditions": [condition] if email else [],
    }
    return {
        "subscribersType": [kind],
        "sectionLogicOperator": "and",
        "section": [section],
    }
