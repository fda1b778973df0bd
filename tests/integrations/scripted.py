"""A provider that answers as the test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from integrations.adapters.base import (
    Adapter,
    Audience,
    Contact,
    Exchange,
    Options,
    Outcome,
    OutcomeState,
    Reading,
)
from integrations.models import Delivery

Answer = Callable[[Sequence[Contact]], list[Outcome]]
SYNCED = Outcome(state=OutcomeState.SYNCED, remote_id="r")


class Scripted(Adapter):
    """Answers as the test says, and remembers what it was asked."""

    slug = "mailchimp"
    label = "Mailchimp"
    kind = "esp"
    batch_size = 10
    answer: ClassVar[Answer]
    verdict: ClassVar[Exception | None] = None
    calls: ClassVar[list[list[str]]]
    options: ClassVar[list[Options]]

    def verify(self) -> Reading:
        if self.verdict:
            raise self.verdict
        return Reading(identity="owner@acme.test")

    def audiences(self) -> list[Audience]:
        return [Audience(id="8f21c0news", label="Newsletter")]

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        type(self).calls.append([contact.email for contact in contacts])
        type(self).options.append(options)
        self.exchanges.append(
            Exchange(
                method="POST", path="/x", status=200, ms=3, request="", response=""
            )
        )
        return type(self).answer(contacts)


def fail_with(error: Exception) -> Answer:
    def answer(contacts: Sequence[Contact]) -> list[Outcome]:
        raise error

    return staticmethod(answer)


def state_of(row: Delivery) -> tuple[str, str]:
    row.refresh_from_db()
    return row.state, row.reason
