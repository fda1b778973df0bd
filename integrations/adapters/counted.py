"""Providers of numbered pages, who tell how many rows there are on all of them."""

from __future__ import annotations

from math import ceil
from typing import Any, ClassVar

from integrations.adapters.calls import Place
from integrations.adapters.rest import Rest
from integrations.adapters.shapes import Row, count_in, dig
from integrations.adapters.shared import expired, parse_place, to_place


class Counted(Rest):
    """Its walks keep the number of rows beside the page: who is deleted meanwhile moves
    those behind one place forward, some past the pages that are still to be read."""

    place_param, first_place = "page", 1
    walk_from: ClassVar[Place | None] = ""

    def count(self, body: Row) -> int:
        """The rows on all pages. Raises TransientError where they are not told."""
        *outer, name = self.total_keys
        return count_in(dig(body, *outer), name)

    def following(self, body: Row, rows: list[Row], place: Any) -> Place | None:
        return place + 1 if place * self.page_size < self.count(body) else None

    def turn(
        self, turn: int, since: str, place: Any, audience_id: str
    ) -> tuple[list[Row], Any]:
        """Goes back as many pages as may have lost rows to those before, and gives
        what is here later."""
        page, before = parse_place(place, int, int) or (1, 0)
        if page < 1:
            raise expired()
        path, query = self.people_path(audience_id), self.walk_query(audience_id, since)
        body = self.read_page(path, page, query)
        total = self.count(body)
        if back := ceil(max(before - total, 0) / self.page_size):
            return [], to_place(max(page - back, 1), total)
        rows = self.listed(body, self.rows_key)
        ahead = self.following(body, rows, page)
        return rows, to_place(ahead, total) if ahead else ""
