"""Walking through an audience: everybody, and later what has changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from integrations.adapters.base import Change, Page
from integrations.adapters.calls import Place
from integrations.adapters.declared import Declared
from integrations.adapters.errors import RejectedError
from integrations.adapters.http import Params
from integrations.adapters.shapes import Row
from integrations.adapters.shared import expired, moment, parse_place, to_place


class Walks(Declared):
    """`changes` of a provider who lists people page by page."""

    # A walk reads everybody, in so many turns (states, or kinds of change). With
    # `since_format`, later ones ask for what changed since the one before began.
    walk_path: ClassVar[str] = ""
    walk_params: ClassVar[Params] = {}
    walk_from: ClassVar[Place | None] = None  # where it starts, if not at `first_place`
    turns: ClassVar[int] = 1
    whole_turns: ClassVar[int] = 0  # of the first walk, where those are others
    since_param: ClassVar[str] = ""  # the provider's filter
    since_format: ClassVar[str] = ""  # of a time in it, for strftime
    overlap: ClassVar[timedelta] = timedelta(minutes=10)  # between the two clocks
    step_back: ClassVar[int] = 0  # rows read again: others may be deleted meanwhile

    def changes(self, audience_id: str, cursor: str) -> Page:
        self.needs("changes")
        first = self.first_place if self.walk_from is None else self.walk_from
        start, kinds = (0, "", "", first), (int, str, str, type(first))
        turn, since, began, place = parse_place(cursor, *kinds) or start
        turns = self.turns if since else self.whole_turns or self.turns
        if not 0 <= turn < turns or (since and moment(since) is None):
            raise expired()
        if self.since_format and not began:
            began = (datetime.now(UTC) - self.overlap).strftime(self.since_format)
        try:
            rows, following = self.turn(turn, since, place, audience_id)
        except RejectedError as error:  # a place that was good, once
            raise expired() if cursor else error from None
        more = bool(following) or turn + 1 < turns
        if following:
            ahead = to_place(turn, since, began, following)
        elif more:
            ahead = to_place(turn + 1, since, began, first)
        else:
            ahead = to_place(0, began, "", first) if began else ""
        return Page(
            changes=tuple(self.changed(rows, audience_id, since)),
            cursor=ahead,
            complete=not since,
            more=more,
        )

    def turn(
        self, turn: int, since: str, place: Any, audience_id: str
    ) -> tuple[list[Row], Any]:
        """A page of a walk, and the place of the next one of this turn. `since` is ""
        for everybody."""
        params = self.walk_query(audience_id, since)
        rows, following = self.page(self.people_path(audience_id), place, params)
        if following and self.step_back:
            following -= min(self.step_back, following - place - 1)
        return rows, following

    def walk_query(self, audience_id: str, since: str) -> Params:
        """Parameters of a walk; `since` as in `turn`."""
        newer = {self.since_param: since} if since and self.since_param else {}
        return {**self.walk_params, **newer}

    def people_path(self, audience_id: str) -> str:
        """Where the people of an audience are listed."""
        return self.at(self.walk_path, audience_id)

    def changed(
        self, rows: Sequence[Row], audience_id: str, since: str
    ) -> Iterable[Change]:
        """What a page of a walk tells."""
        raise NotImplementedError
