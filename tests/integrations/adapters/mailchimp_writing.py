"""Upserts to Mailchimp, mocked at the wire, and what was sent."""

from __future__ import annotations

import json
from typing import Any

from integrations.adapters.base import Contact, Options, Outcome, OutcomeState
from integrations.adapters.mailchimp import Mailchimp
from tests.integrations.adapters.mailchimp_world import (
    KEY,
    LIST,
    NEW,
    member,
    member_url,
)
from tests.integrations.conformance import Step, register, wire

SYNCED, AWAITING, REJECTED, SKIPPED, RETRY = (
    OutcomeState.SYNCED,
    OutcomeState.AWAITING_OPT_IN,
    OutcomeState.REJECTED,
    OutcomeState.SKIPPED,
    OutcomeState.RETRY,
)


def adapter(**secrets: str) -> Mailchimp:
    return Mailchimp({"api_key": KEY, **secrets})


def upsert(
    contacts: list[Contact], options: Options, *steps: Step
) -> tuple[list[Outcome], list[dict[str, Any]]]:
    """Outcomes, and the JSON bodies that were sent."""
    with wire() as mock:
        for step in steps:
            register(mock, step)
        outcomes = adapter().upsert(contacts, "a1", options)
        assert len(mock.calls) == len(steps)
        bodies = [json.loads(call.request.body or "{}") for call in mock.calls]
    return outcomes, bodies


def get(email: str, status: str) -> Step:
    return Step(method="GET", url=member_url(email), answer=member(email, status))


def put(email: str, status: str) -> Step:
    return Step(method="PUT", url=member_url(email), answer=member(email, status))


def patch(email: str, status: str) -> Step:
    return Step(method="PATCH", url=member_url(email), answer=member(email, status))


def post(answer: object) -> Step:
    return Step(method="POST", url=LIST, answer=answer)


def refused(body: dict[str, Any], email: str = NEW) -> Step:
    return Step(method="PUT", url=member_url(email), status=400, answer=body)
