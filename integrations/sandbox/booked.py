"""A simulator that keeps a `Book`: a provider adds its routes and its error bodies."""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from integrations.sandbox.base import Simulator
from integrations.sandbox.book import Attribute, Book, List, Person, now
from integrations.sandbox.faults import ControlError, Faults
from integrations.sandbox.messages import Json, Request, Response, json_response
from integrations.sandbox.posts import Post, Postman
from integrations.sandbox.store import Store

FOUND_NOBODY = "No audience has this address in a state where that is possible."
LEAVES = {"person": "unsubscribed", "admin": "unsubscribed", "complaint": "complained"}


class Refused(Exception):
    """The provider refuses a request; `response` says how."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass(slots=True, kw_only=True)
class Call:
    """One authorized request on its way to a handler."""

    request: Request
    faults: Faults
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def query(self) -> dict[str, str]:
        return self.request.query

    def json(self) -> Any:
        """The parsed body, None when it is not JSON."""
        try:
            return json.loads(self.request.body)
        except ValueError:
            return None


Answer = Response | Json | list[Any]
Handler = Callable[[Any, Call], Answer]
Route = tuple[str, str, Handler]  # method, path with {names}, method of the simulator


class BookedSimulator(Simulator):
    """Routes, the control interface and persistence around a `Book`.

    A provider sets `routes`, plants a seed, checks who calls, and words its errors. A
    handler gets a `Call` and returns JSON or a Response, or raises `Refused`.
    """

    routes: ClassVar[tuple[Route, ...]]
    field_types: ClassVar[tuple[str, ...]] = ("text",)

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.postman = Postman()
        self._posts: list[Post] = []
        self.book = Book(self.slug, store)
        if self.book.empty:
            self.plant(self.book)
            self.book.flush()

    # For a provider to write

    @abstractmethod
    def plant(self, book: Book) -> None:
        """Put the seed into an empty book: two lists, one of them double opt-in if the
        provider knows that, usual fields, a few people in each status."""

    @abstractmethod
    def authorize(self, request: Request, faults: Faults) -> None:
        """Raises Refused for a caller the provider would not let in."""

    @abstractmethod
    def not_found(self) -> Response:
        """The provider's 404 for a path it does not have."""

    def event(self, kind: str, person: Person, list_id: str) -> list[Post]:
        """The webhook calls that a change causes. `kind` is subscribe, confirm,
        unsubscribe, complaint, bounce, update, delete."""
        return []

    # What a provider uses

    def happened(self, kind: str, person: Person, list_id: str = "") -> None:
        """Have the webhooks called for a change, after the answer is made."""
        self._posts += self.event(kind, person, list_id)

    def refusal(self, email: str, faults: Faults) -> str:
        """Why a contact write is refused by the dial: compliance, forgotten, throttled,
        fake, failed, or ""."""
        address = email.strip().lower()
        for kind in ("compliance", "forgotten", "throttled", "fake"):
            if address in getattr(faults, kind):
                return kind
        if address in self.book.forgotten:
            return "forgotten"
        if address.startswith("fake") or address.endswith("@example.invalid"):
            return "fake"
        if faults.fail_share and self.dial.refuses_write(faults.fail_share):
            return "failed"
        return ""

    # Simulator

    def caller(self, request: Request) -> str:
        return request.headers.get("authorization", "")

    def deliveries(self) -> list[Json]:
        return list(self.postman.delivered)

    def reset(self) -> None:
        with self.lock:
            self.store.clear(self.slug)
            self.book = Book(self.slug, self.store)
            self.plant(self.book)
            self.book.flush()
            self.requests.clear()
            self.postman.delivered.clear()
            self.clear_faults()

    def dispatch(self, request: Request, faults: Faults) -> Response:
        try:
            self.authorize(request, faults)
            handler, params = self._route(request)
            call = Call(request=request, faults=faults, params=params)
            answer = handler(self, call)
        except Refused as refused:
            return refused.response
        finally:
            self.book.flush()
        return answer if isinstance(answer, Response) else json_response(answer)

    def after(self) -> None:
        with self.lock:
            posts, self._posts = self._posts, []
        self.postman.submit(posts)

    def _route(self, request: Request) -> tuple[Handler, dict[str, str]]:
        path = request.path.rstrip("/") or "/"
        known = False
        for method, pattern, handler in self.routes:
            shape = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern.rstrip("/") or "/")
            match = re.fullmatch(shape, path)
            if match and method == request.method:
                return handler, match.groupdict()
            known = known or match is not None
        raise Refused(self.problem(405) if known else self.not_found())

    # The control interface

    def audiences(self) -> list[Json]:
        with self.lock:
            fields = [
                {
                    "tag": item.id,
                    "name": item.name,
                    "type": item.type,
                    "required": item.required,
                    "options": list(item.options),
                }
                for item in self.book.attributes.values()
            ]
            return [
                {
                    "id": item.id,
                    "name": item.name,
                    "double_opt_in": item.double_opt_in,
                    "fields": fields,
                    "members": dict(
                        Counter(place.status for _, place in self.book.on(item.id))
                    ),
                }
                for item in self.book.lists.values()
            ]

    def members(self, email: str = "", audience: str = "") -> list[Json]:
        with self.lock:
            return [
                self._view(item, person)
                for item in self._lists(audience)
                for person, _ in self.book.on(item.id)
                if not email or person.email.lower() == email.strip().lower()
            ]

    def confirm(self, email: str, audience: str = "") -> list[Json]:
        def change(item: List, person: Person) -> None:
            self.book.place(person, item.id, "subscribed", confirmed_at=now())
            self.happened("confirm", person, item.id)

        return self._each(email, audience, ("pending",), change)

    def unsubscribe(self, email: str, by: str, audience: str = "") -> list[Json]:
        if by not in LEAVES:
            raise ControlError("by", "by is person, admin or complaint.")

        def change(item: List, person: Person) -> None:
            self.book.place(person, item.id, LEAVES[by], left_by=by)
            kind = "complaint" if by == "complaint" else "unsubscribe"
            self.happened(kind, person, item.id)

        return self._each(email, audience, ("subscribed", "pending"), change)

    def clean(self, email: str, audience: str = "") -> list[Json]:
        def change(item: List, person: Person) -> None:
            self.book.place(person, item.id, "cleaned")
            self.happened("bounce", person, item.id)

        return self._each(email, audience, ("subscribed", "pending"), change)

    def delete(self, email: str, permanent: bool, audience: str = "") -> list[Json]:
        with self.lock:
            person = self.book.find(email)
            lists = self._lists(audience)
            found = [i for i in lists if person is not None and i.id in person.places]
            if person is None or not found:
                raise ControlError("email", FOUND_NOBODY, 404)
            views = [{**self._view(i, person), "status": "deleted"} for i in found]
            self.happened("delete", person, found[0].id)
            if permanent or not audience:
                self.book.remove(person, forget=permanent)
            else:
                del person.places[found[0].id]
                self.book.touch(person)
            self.book.flush()
        self.after()
        return views

    def add_field(self, audience: str, field: Json) -> Json:
        kind = field.get("type", self.field_types[0])
        if kind not in self.field_types:
            raise ControlError("type", f"type is one of {', '.join(self.field_types)}.")
        with self.lock:
            item = self._lists(audience, must=True)[0]
            attribute = Attribute(
                id=str(field["tag"]),
                name=str(field.get("name") or field["tag"]),
                type=kind,
                required=bool(field.get("required", False)),
                options=[str(option) for option in field.get("options", ())],
            )
            self.book.set_attribute(attribute)
            self.book.flush()
        return {**field, "type": kind, "audience": item.id}

    def add_audience(self, name: str, double_optin: bool) -> Json:
        with self.lock:
            item = self.book.add_list(name, double_opt_in=double_optin)
            self.book.flush()
            return {"id": item.id, "name": name, "double_opt_in": double_optin}

    def remove_audience(self, audience: str) -> None:
        with self.lock:
            self.book.remove_list(self._lists(audience, must=True)[0])
            self.book.flush()

    def _lists(self, audience: str, *, must: bool = False) -> list[List]:
        if not audience and not must:
            return list(self.book.lists.values())
        found = self.book.list_named(audience)
        if found is None:
            raise ControlError("audience", f"There is no audience {audience!r}.", 404)
        return [found]

    def _each(
        self,
        email: str,
        audience: str,
        statuses: tuple[str, ...],
        change: Callable[[List, Person], None],
    ) -> list[Json]:
        with self.lock:
            done = [
                self._view(item, person)
                for item, person in self._standing(email, audience, statuses)
                if change(item, person) is None
            ]
            self.book.flush()
        if not done:
            raise ControlError("email", FOUND_NOBODY, 404)
        self.after()
        return done

    def _standing(
        self, email: str, audience: str, statuses: tuple[str, ...]
    ) -> Iterator[tuple[List, Person]]:
        person = self.book.find(email)
        for item in self._lists(audience):
            place = person.places.get(item.id) if person else None
            if person and place and place.status in statuses:
                yield item, person

    def _view(self, item: List, person: Person) -> Json:
        place = person.places[item.id]
        return {
            "email": person.email,
            "status": place.status,
            "audience": item.name,
            "audience_id": item.id,
            "fields": dict(person.values),
            "tags": list(person.tags),
            "changed_at": place.changed_at or person.changed_at,
            "asked_at": place.asked_at,
            "confirmed_at": place.confirmed_at,
            "opt_in_mails": place.opt_in_mails,
            "left_by": place.left_by,
        }
