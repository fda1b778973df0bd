"""Calls of GetResponse: arrays that are counted in a header, searches, tags."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any
from urllib.parse import quote

from integrations.adapters.each import forms, key_of
from integrations.adapters.http import Answer, Params
from integrations.adapters.rest import Rest
from integrations.adapters.shapes import Row, id_in, row_in, rows_in

LISTS, CONTACTS = "/v3/campaigns", "/v3/contacts"
CYCLES = ["receiving_autoresponder", "not_receiving_autoresponder"]


class GetResponseCalls(Rest):
    key_header = ("X-Auth-Token", "api-key {api_key}")

    size_param, page_size, place_param = "perPage", 1000, "page"
    rows_key, total_keys = "rows", ("total",)  # see `parsed`

    def parsed(self, answer: Answer) -> Any:
        """A list as an object, with the number of all rows, which a header gives."""
        body = super().parsed(answer)
        if not isinstance(body, list):
            return body
        return {"rows": body, "total": answer.headers.get("totalcount", len(body))}

    def following(self, body: Row, rows: list[Row], place: Any) -> int | None:
        page, total = place or 1, self.total_of(body) or 0
        return page + 1 if page * self.page_size < total else None

    def mode_of(self, audience_id: str) -> bool:
        body = self.fetch("GET", self.at(f"{LISTS}/{{audience}}", audience_id))
        return id_in(row_in(body, "optinTypes"), "api") == "double"

    def contacts(self, email: str, audience_id: str = "") -> list[Row]:
        """The contacts of an address: of one list, or of all."""
        on = {"query[campaignId]": audience_id} if audience_id else {}
        found = []
        for form in forms(email):
            params = {"query[email]": form, **on, "additionalFlags": "exactMatch"}
            found += rows_in(self.fetch("GET", CONTACTS, params=params), "rows")
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
        by = {"conditionType": "email", "operatorType": "string_operator"}
        condition = {**by, "operator": "is", "value": email.strip()}
        section = {
            "campaignIdsList": [audience_id],
            "logicOperator": "and",
            "subscriberCycle": CYCLES,
            "subscriptionDate": "all_time",
            "conditions": [condition] if email else [],
        }
        query = {
            "subscribersType": [kind],
            "sectionLogicOperator": "and",
            "section": [section],
        }
        paging: Params = {self.size_param: self.page_size, self.place_param: page}
        params = {**paging, "sort[createdOn]": "ASC"}
        path = "/v3/search-contacts/contacts"
        body = self.fetch("POST", path, params=params, payload=query)
        return [{**row, "hidden": kind} for row in rows_in(body, "rows")]

    def hidden(self, kind: str, email: str, audience_id: str) -> Row | None:
        each = [self.searched(kind, audience_id, email=form) for form in forms(email)]
        rows = [row for found in each for row in found]
        return max(rows, key=lambda row: str(row.get("deletedOn") or ""), default=None)

    @cached_property
    def _tags(self) -> dict[str, str]:
        rows = self.rows("/v3/tags")
        return {id_in(row, "name").lower(): id_in(row, "tagId") for row in rows}

    def tag(self, tag: str) -> str:
        """The id of a tag, which is made when it is not there."""
        name = re.sub(r"[^A-Za-z0-9]", "_", tag)[:64].ljust(2, "_")
        if name.lower() not in self._tags:
            made = self.fetch("POST", "/v3/tags", payload={"name": name})
            self._tags[name.lower()] = id_in(made, "tagId")
        return self._tags[name.lower()]


def path_of(row: Row) -> str:
    return f"{CONTACTS}/{quote(id_in(row, 'contactId'), safe='')}"
