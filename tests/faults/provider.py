"""The provider of a fault run: the Mailchimp simulator, watched.

Everything that was written is remembered, also what the caller never heard of; and
nobody who left may come back, whoever asked for it.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from integrations.sandbox.faults import Faults
from integrations.sandbox.mailchimp.simulator import Mailchimp
from integrations.sandbox.mailchimp.state import Member
from integrations.sandbox.messages import Request, Response, json_response
from integrations.sandbox.testing import RunningSandbox, running_sandbox

AUDIENCE = "a6b5da1054"
KEY = "0123456789abcdef0123456789abcdef-us21"
SUBSCRIBING = ("subscribed", "pending")
EXISTS = "ERROR_CONTACT_EXISTS"
WRITES = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Write:
    """One request that changed something, as the provider took it."""

    at: float
    method: str
    path: str
    emails: tuple[str, ...]  # lower case
    written: tuple[str, ...]  # of them, those that were created or updated
    refused: tuple[str, ...]


@dataclass(slots=True)
class Provider:
    """A simulator and the record of what arrived."""

    sandbox: RunningSandbox
    writes: list[Write] = field(default_factory=list)
    left: set[str] = field(default_factory=set)  # lower case
    wrongs: list[str] = field(default_factory=list)  # what nobody may do
    seeded: set[str] = field(default_factory=set)  # on the list before, lower case
    halves: int = 0  # so many batches yet are done by half and answered with 500
    open: int = 0  # writes under way
    _count: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        simulator = self.simulator
        dispatch, handle = simulator.dispatch, simulator.handle

        def watched(request: Request, faults: Faults) -> Response:
            if request.method not in WRITES:
                return dispatch(request, faults)
            half = self.halves > 0 and request.method in ("POST", "PUT")
            if half:
                self.halves -= 1
                request = half_of(request)
            response = dispatch(request, faults)
            self._note(request, response)
            return json_response({"status": 500}, 500) if half else response

        def counted(request: Request, crowded: bool = False) -> Response:
            writing = request.method in WRITES
            with self._count:
                self.open += writing
            try:
                return handle(request, crowded)
            finally:
                with self._count:
                    self.open -= writing

        vars(simulator).update(dispatch=watched, handle=counted)
        self.seeded = {*self.people()}

    @property
    def simulator(self) -> Mailchimp:
        return cast(Mailchimp, self.sandbox.app.simulators["mailchimp"])

    def _note(self, request: Request, response: Response) -> None:
        body = json.loads(request.body or b"{}")
        answer = json.loads(response.body or b"{}")
        batch = "members" in body
        rows = body["members"] if batch else [body]
        if batch:
            kept = addresses(answer.get("new_members"), answer.get("updated_members"))
            errors = answer.get("errors") or []
            refused = [row for row in errors if row.get("error_code") != EXISTS]
            emails = addresses(rows)
        else:
            emails = (self._meant(request, body),)
            kept, refused = emails if response.status < 300 else (), []
        self.writes.append(
            Write(
                time.monotonic(),
                request.method,
                request.path,
                emails,
                kept,
                addresses(refused),
            )
        )
        # A batch that updates nobody may carry a status: it is for the new ones.
        harmless = batch and not body.get("update_existing")
        for row, email in zip(rows, emails, strict=True):
            if email not in self.left:
                continue
            if row.get("status") in SUBSCRIBING and not harmless:
                self.wrongs.append(f"{email} left, and was sent {row['status']}")
            if self.status(email) in SUBSCRIBING:
                self.wrongs.append(f"{email} left, and is {self.status(email)} again")

    def _meant(self, request: Request, body: dict[str, Any]) -> str:
        """Whom a request about one member is about."""
        _, _, slot = request.path.partition("/members/")
        members = self.simulator.account.audiences[AUDIENCE].members
        member = members.get(slot.partition("/")[0])
        return str(body.get("email_address") or (member and member.email) or "").lower()

    def status(self, email: str) -> str:
        """How the provider has the address; empty when it does not."""
        member = self.simulator.account.audiences[AUDIENCE].find(email)
        return member.status if member else ""

    def people(self) -> dict[str, tuple[str, str]]:
        """Address in lower case -> (status, first name)."""
        with self.simulator.lock:
            members = self.simulator.account.audiences[AUDIENCE].members.values()
            return {
                m.email.lower(): (m.status, m.merge.get("FNAME", "")) for m in members
            }

    def seed_left(self, emails: Collection[str]) -> None:
        """These people were on the list, and have left it."""
        members = self.simulator.account.audiences[AUDIENCE]
        with self.simulator.lock:
            for email in emails:
                member = Member(
                    email, "subscribed", self.simulator.account.next_web_id()
                )
                members.put(member)
        self.seeded |= {*emails}
        assert len(self.leave(emails)) == len(emails)

    def leave(self, emails: Collection[str]) -> list[str]:
        """These people unsubscribe; who could (they are on the list), in order."""
        gone = []
        for email in emails:
            with self.simulator.lock:
                if self.status(email) != "subscribed":
                    continue
                self.left.add(email.lower())
                self.simulator.unsubscribe(email, "person", AUDIENCE)
            gone.append(email)
        return gone

    def faults(self, **dial: Any) -> None:
        """Turn the whole dial; with nothing, to rest."""
        self.sandbox.faults(**dial)

    @property
    def resting(self) -> bool:
        """Whether the dial has used up its times."""
        return not self.halves and self.simulator.dial.read() == Faults()


def addresses(*lists: list[dict[str, Any]] | None) -> tuple[str, ...]:
    """The addresses in lists of members, in lower case."""
    rows = [row for each in lists for row in each or ()]
    return tuple(str(row.get("email_address", "")).lower() for row in rows)


def half_of(request: Request) -> Request:
    """The request with the first half of its members, at least one; one that is
    about a single member as it is."""
    body = json.loads(request.body)
    if "members" in body:
        body["members"] = body["members"][: (len(body["members"]) + 1) // 2]
    return Request(
        method=request.method,
        path=request.path,
        query=request.query,
        headers=request.headers,
        body=json.dumps(body).encode(),
        base_url=request.base_url,
        remote_addr=request.remote_addr,
        query_string=request.query_string,
    )


@contextlib.contextmanager
def provider() -> Iterator[Provider]:
    with running_sandbox() as sandbox:
        yield Provider(sandbox)
