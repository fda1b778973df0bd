"""The Salesforce simulator: who may call, which call it is, queries, controls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from integrations.sandbox.book import Attribute, Book, List, Person
from integrations.sandbox.booked import Call, Refused, Route
from integrations.sandbox.faults import ControlError, Faults
from integrations.sandbox.messages import Json, Request, Response, json_response
from integrations.sandbox.oauth import PREFIX, OAuthServer
from integrations.sandbox.salesforce import words
from integrations.sandbox.salesforce.queries import MOST, ORGANISATION, Queries
from integrations.sandbox.salesforce.records import THINGS, describe
from integrations.sandbox.store import Store

DATA = "/services/data/{version}"
SOBJECT = f"{DATA}/sobjects/{{thing}}"
ROWS = f"{DATA}/composite/sobjects"
VERSION = re.compile(r"v\d\d\.0")
TOKEN = re.compile(r"[\x21-\x7e]{10,}")
SPRING_FAIR = "7015e0000000001EAA"
CALLS = 15_000  # a day


class Salesforce(Queries):
    """One organisation, which any token of ten characters opens."""

    slug: ClassVar[str] = "salesforce"
    label: ClassVar[str] = "Salesforce"
    field_types: ClassVar[tuple[str, ...]] = (
        *("string", "double", "boolean", "date", "phone", "picklist", "multipicklist"),
    )

    def sign_in(self, store: Store) -> OAuthServer:
        return OAuthServer(
            self.slug,
            self.label,
            store,
            authorize="/services/oauth2/authorize",
            token="/services/oauth2/token",
            lifetime=0,  # its answer does not tell
            rotates=False,
            extra=lambda request: {"instance_url": request.base_url},
        )

    def plant(self, book: Book) -> None:
        for thing in THINGS:
            book.add_list(f"{thing}s", thing)
            for name, kind in (
                ("FirstName", "string"),
                ("LastName", "string"),
                ("Phone", "phone"),
            ):
                required = name == "LastName"
                item = Attribute(f"{thing}.{name}", name, kind, required=required)
                book.set_attribute(item)
        book.set_attribute(
            Attribute("Lead.Company", "Company", "string", required=True)
        )
        book.set_attribute(
            Attribute("Lead.Rating", "Rating", "picklist", options=["Hot", "Cold"])
        )
        book.add_list("Spring fair", SPRING_FAIR, extra={"kind": "campaign"})
        hopper = {"LastName": "Hopper", "Company": "Compilers"}
        turing = {"LastName": "Turing", "Company": "Bletchley"}
        babbage = {"LastName": "Babbage"}
        for thing, email, values, status in (
            ("Lead", "grace.hopper@compilers.example", hopper, "subscribed"),
            ("Lead", "alan.turing@bletchley.example", turing, "unsubscribed"),
            ("Contact", "charles.babbage@engines.example", babbage, "cleaned"),
        ):
            person = self.planted(book, thing, email, values)
            book.place(person, thing, status)

    @staticmethod
    def planted(book: Book, thing: str, email: str, values: Json) -> Person:
        key = f"{THINGS[thing]}5e{book.next_id():010d}EAA"
        return book.add(email, id=key, values=values, extra={"thing": thing})

    def caller(self, request: Request) -> str:
        return request.headers.get("authorization", "").partition(" ")[2].strip()

    def authorize(self, request: Request, faults: Faults) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip()
        good = scheme.lower() == "bearer" and TOKEN.fullmatch(token)
        known = self.oauth is None or self.oauth.accepts(token)
        wrong = "bad" in token.lower() and not token.startswith(PREFIX)
        out = wrong or token.lower() in faults.revoked
        if not good or not known or out or faults.credentials != "ok":
            raise words.refused(401)

    def problem(self, status: int) -> Response:
        return words.answer(status)

    def not_found(self) -> Response:
        return words.answer(404)

    def dispatch(self, request: Request, faults: Faults) -> Response:
        response = super().dispatch(request, faults)
        used = f"api-usage={len(self.requests)}/{CALLS}"
        response.headers.append(("Sforce-Limit-Info", used))
        return response

    # Reading

    def limits(self, call: Call) -> Json:
        left = CALLS - len(self.requests)
        return {"DailyApiRequests": {"Max": CALLS, "Remaining": left}}

    def user_info(self, call: Call) -> Json:
        return {
            "user_id": "0055e000001SandEAA",
            "organization_id": ORGANISATION["Id"],
            "preferred_username": "sandbox@contactsync.example",
        }

    def things(self, call: Call) -> Json:
        return {"encoding": "UTF-8", "sobjects": [{"name": thing} for thing in THINGS]}

    def describe_thing(self, call: Call) -> Json:
        thing = self._thing(call.params["thing"])
        columns = self.columns(thing)
        flags = ("queryable", "createable", "updateable", "deletable")
        return {
            "name": thing,
            "label": thing,
            **dict.fromkeys(flags, True),
            "fields": [describe(n, columns.get(n)) for n in self.names(thing)],
        }

    # One record

    def read_one(self, call: Call) -> Json:
        return self.view(self._one(call))

    def create_one(self, call: Call) -> Response:
        thing, values = self._thing(call.params["thing"]), self._body(call)
        self.check_names(thing, values)
        self._raise(self.problems(thing, values, None, call.faults, allow=_allow(call)))
        person = self.save(thing, values, None)
        return json_response({"id": person.id, "success": True, "errors": []}, 201)

    def change_one(self, call: Call) -> Response:
        person, values = self._one(call), self._body(call)
        thing = person.extra["thing"]
        self.check_names(thing, values)
        self._raise(self.problems(thing, values, person, call.faults))
        self.save(thing, values, person)
        return Response(status=204)

    def delete_one(self, call: Call) -> Response:
        self.bin(self._one(call))
        return Response(status=204)

    def _one(self, call: Call) -> Person:
        person = self.record(call.params["id"], self._thing(call.params["thing"]))
        if person is None or person.deleted_at:
            raise words.refused(404)
        return person

    def _body(self, call: Call) -> Json:
        body = call.json()
        if not isinstance(body, dict):
            raise words.refused(400, "JSON_PARSER_ERROR", "Unexpected character")
        return body

    def _raise(self, problems: list[Json]) -> None:
        if problems:
            [first] = problems
            raise words.refused(
                400, first["statusCode"], first["message"], *first["fields"]
            )

    # Collections

    def save_rows(self, call: Call) -> list[Any]:
        """POST creates, PATCH changes; each row has its own result."""
        body = self._body(call)
        rows = body.get("records") or []
        self._count(len(rows))
        kinds = {str((row.get("attributes") or {}).get("type")) for row in rows}
        if kinds == {"CampaignMember"} and call.request.method == "POST":
            joined = [self.join(row) for row in rows]
            return [_failed(bad) if bad else _done(key) for key, bad in joined]
        planned: list[tuple[str, Json, Person | None, list[Json]]] = []
        for row in rows:
            thing = self._thing(str((row.get("attributes") or {}).get("type")), 400)
            values = {("Id" if k == "id" else k): v for k, v in row.items()}
            self.check_names(thing, values)
            person = None
            problems: list[Json] = []
            if call.request.method == "PATCH":
                person = self.record(str(values.get("Id")), thing)
                if person is None:
                    text = "invalid cross reference id"
                    problems = [words.row("INVALID_CROSS_REFERENCE_KEY", text)]
            elif "Id" in values:
                text = "cannot specify Id in an insert call"
                problems = [words.row("INVALID_FIELD_FOR_INSERT_UPDATE", text, "Id")]
            problems = problems or self.problems(
                thing, values, person, call.faults, allow=_allow(call)
            )
            planned.append((thing, values, person, problems))
        whole = body.get("allOrNone") is True and any(p for *_, p in planned)
        return [
            _failed(problems or _rolled_back())
            if problems or whole
            else _saved(self.save(thing, values, person))
            for thing, values, person, problems in planned
        ]

    def delete_rows(self, call: Call) -> list[Any]:
        keys = [key for key in call.query.get("ids", "").split(",") if key]
        self._count(len(keys))
        results = []
        for key in keys:
            if self.leave(key):
                results.append(_done(key))
                continue
            person = self.record(key)
            if person is None or person.deleted_at:
                code = "ENTITY_IS_DELETED" if person else "INVALID_CROSS_REFERENCE_KEY"
                results.append(_failed([words.row(code, "entity is deleted")]))
                continue
            self.bin(person)
            results.append(_saved(person))
        return results

    def _count(self, rows: int) -> None:
        if rows > MOST:
            text = (
                "record limit reached. cannot submit more than 200 records into this "
                "call"
            )
            raise words.refused(400, "EXCEEDED_ID_LIMIT", text)

    def _route(self, request: Request) -> Any:
        handler, params = super()._route(request)
        if not VERSION.fullmatch(params.get("version", "v64.0")):
            raise Refused(self.not_found())
        return handler, params

    # Controls

    def audiences(self) -> list[Json]:
        found = super().audiences()
        for item in found:
            mine = f"{item['id']}."
            item["fields"] = [
                {**row, "tag": row["tag"].removeprefix(mine)}
                for row in item["fields"]
                if row["tag"].startswith(mine)
            ]
        return found

    def _standing(
        self, email: str, audience: str, statuses: tuple[str, ...]
    ) -> Iterator[tuple[List, Person]]:
        wanted = email.strip().lower()
        for item in self._lists(audience):
            for person, place in list(self.book.on(item.id)):
                if person.email.lower() == wanted and place.status in statuses:
                    yield item, person

    def delete(self, email: str, permanent: bool, audience: str = "") -> list[Json]:
        with self.lock:
            every = ("subscribed", "unsubscribed", "cleaned", "complained")
            found = list(self._standing(email, audience, every))
            if not found:
                raise ControlError("email", "There is no such record.", 404)
            views = [{**self._view(i, p), "status": "deleted"} for i, p in found]
            for _, person in found:
                self.bin(person)
                if permanent:
                    self.book.remove(person)
            self.book.flush()
        self.after()
        return views

    def add_field(self, audience: str, field: Json) -> Json:
        with self.lock:
            thing = self._lists(audience, must=True)[0].id
        tag = f"{thing}.{field['tag']}"
        return {**super().add_field(thing, {**field, "tag": tag}), "tag": field["tag"]}

    def add_audience(self, name: str, double_optin: bool) -> Json:
        with self.lock:
            key = f"7015e{self.book.next_id():010d}EAA"
            self.book.add_list(name, key, extra={"kind": "campaign"})
            self.book.flush()
            return {"id": key, "name": name, "double_opt_in": False}

    def remove_audience(self, audience: str) -> None:
        if audience in (*THINGS, "Leads", "Contacts"):
            raise ControlError("audience", "An object cannot be removed.")
        super().remove_audience(audience)

    routes: ClassVar[tuple[Route, ...]] = (
        ("GET", "/services/oauth2/userinfo", user_info),
        ("GET", f"{DATA}/limits", limits),
        ("GET", f"{DATA}/query", Queries.query),
        ("GET", f"{DATA}/query/{{locator}}", Queries.more),
        ("GET", f"{DATA}/queryAll", Queries.query_all),
        ("GET", f"{DATA}/queryAll/{{locator}}", Queries.more),
        ("GET", f"{DATA}/sobjects", things),
        ("GET", f"{SOBJECT}/describe", describe_thing),
        ("POST", SOBJECT, create_one),
        ("GET", f"{SOBJECT}/{{id}}", read_one),
        ("PATCH", f"{SOBJECT}/{{id}}", change_one),
        ("DELETE", f"{SOBJECT}/{{id}}", delete_one),
        ("POST", ROWS, save_rows),
        ("PATCH", ROWS, save_rows),
        ("DELETE", ROWS, delete_rows),
    )


def _allow(call: Call) -> bool:
    """Whether duplicates are to be saved all the same."""
    header = call.request.headers.get("sforce-duplicate-rule-header", "")
    return "allowsave=true" in header.replace(" ", "").lower()


def _saved(person: Person) -> Json:
    return _done(person.id)


def _done(key: str) -> Json:
    return {"id": key, "success": True, "errors": []}


def _failed(problems: list[Json]) -> Json:
    return {"success": False, "errors": problems}


def _rolled_back() -> list[Json]:
    text = "Record rolled back because not all records were valid."
    return [words.row("ALL_OR_NONE_OPERATION_ROLLED_BACK", text)]
