"""For providers that write many people with one call."""

from __future__ import annotations

from collections.abc import Mapping

from integrations.adapters.base import Contact, Options, Outcome
from integrations.adapters.rest import Rest, Write
from integrations.adapters.shapes import Row


class Together(Rest):
    """Writes a batch after everybody in it was looked up."""

    def told_apart(
        self,
        people: Mapping[str, Contact],
        rows: Mapping[str, Row | None],
        audience_id: str,
        options: Options,
    ) -> tuple[dict[str, Outcome], dict[str, Write]]:
        """The outcomes of those who are held back, and the others. People and their
        records stand under the same keys, whatever those are."""
        held: dict[str, Outcome] = {}
        others: dict[str, Write] = {}
        for key, contact in people.items():
            write = self.to_write(contact, rows[key], audience_id, options)
            if outcome := self.held_back(write):
                held[key] = outcome
            else:
                others[key] = write
        return held, others
