"""Nobody who left is subscribed again: the part of the conformance that proves it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import ClassVar

import pytest

from integrations.adapters.errors import AdapterError
from integrations.adapters.http import HttpAdapter
from tests.integrations.steps import Leaver, made, register, twisted, wire


class AdapterConsent:
    """Fed by class attributes, like the rest of the conformance."""

    leavers: ClassVar[tuple[Leaver, ...]]
    # Subscription statuses of somebody who left that the provider does not know -> why.
    no_leavers: ClassVar[Mapping[str, str]] = {}
    odd_answers: ClassVar[bool] = False  # whether it reads answers of any shape
    # Parts of answers that the provider may leave out: without them nobody has left.
    may_lack: ClassVar[frozenset[str]] = frozenset()

    def build(self) -> HttpAdapter:
        raise NotImplementedError

    def test_nobody_who_left_is_subscribed_again(self) -> None:
        for leaver in self.leavers:
            with wire() as mock:
                for step in leaver.steps:
                    register(mock, step)
                outcomes = self.build().upsert(
                    leaver.contacts, leaver.audience_id, leaver.options
                )
                expected = [(step.method, step.url) for step in leaver.steps]
                assert made(mock) == expected, leaver.status
                sent = " ".join(
                    f"{call.request.url} {_text(call.request.body)}"
                    for call in mock.calls
                )
            first = outcomes[0]
            assert (first.state, first.reason) == (leaver.state, leaver.reason)
            assert first.detail, "the person is told why"
            for words in leaver.never:
                assert words not in sent, leaver.status

    def test_an_odd_answer_is_no_leave_to_subscribe(self) -> None:
        """Of an answer that is cut short nobody can tell who had left."""
        if not self.odd_answers:
            pytest.skip("not declared")
        for leaver in self.leavers:
            for index, step in enumerate(leaver.steps):
                for odd in twisted(step.answer, depth=1):
                    kept = odd if isinstance(odd, dict) else {}
                    if isinstance(step.answer, dict) and self.may_lack & {
                        name
                        for name, value in step.answer.items()
                        if kept.get(name) != value
                    }:
                        continue
                    with wire() as mock:
                        for other in leaver.steps[:index]:
                            register(mock, other)
                        mock.add(step.method, step.url, status=step.status, json=odd)
                        for other in leaver.steps[index + 1 :]:
                            register(mock, other)
                        with suppress(AdapterError):
                            self.build().upsert(
                                leaver.contacts, leaver.audience_id, leaver.options
                            )
                        sent = " ".join(
                            f"{call.request.url} {_text(call.request.body)}"
                            for call in mock.calls
                        )
                    for words in leaver.never:
                        assert words not in sent, (leaver.status, index, odd)

    def test_every_way_of_leaving_is_proven(self) -> None:
        proven = {leaver.status for leaver in self.leavers}
        assert proven | set(self.no_leavers) >= {
            "unsubscribed",
            "bounced",
            "complained",
        }
        assert not proven & set(self.no_leavers)
        assert all(self.no_leavers.values())
        assert all(leaver.never for leaver in self.leavers)


def _text(body: object) -> str:
    return body.decode() if isinstance(body, bytes) else str(body or "")
