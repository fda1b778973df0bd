"""Constant Contact V3, with what its documentation says about permission.

Chosen where nothing is documented: a deleted contact keeps its permission; after a
resubscribe request `confirm_status` is pending; refusals name the property. The limits
of 4 calls a second and 10,000 a day are not counted: the dial answers 429.
"""

from __future__ import annotations

from typing import Any, ClassVar

from integrations.sandbox.book import Attribute, Book, List, Person, now
from integrations.sandbox.booked import FOUND_NOBODY, BookedSimulator, Call, Route
from integrations.sandbox.constantcontact import activities, contacts
from integrations.sandbox.constantcontact.render import (
    memberships,
    opened,
    page_of,
    problem,
    refuse,
    uid,
)
from integrations.sandbox.faults import ControlError, Faults
from integrations.sandbox.messages import Json, Request, Response, json_response
from integrations.sandbox.oauth import OAuthServer
from integrations.sandbox.store import Store

NEWSLETTER, VIP = uid("list Newsletter"), uid("list VIP")
SHORTEST_TOKEN = 10
SEED = (
    ("ada.lovelace@analytical.example", "Ada", "explicit"),
    ("grace.hopper@compilers.example", "Grace", "implicit"),
    ("alan.turing@bletchley.example", "Alan", "unsubscribed"),
    ("hedy.lamarr@spectrum.example", "Hedy", "pending_confirmation"),
)


class ConstantContact(BookedSimulator):
    slug = "constantcontact"
    label = "Constant Contact"
    field_types = ("string", "date", "number", "single_select")

    @property
    def confirmed_opt_in(self) -> bool:
        """The account's setting."""
        return bool(self.book.notes.get("confirmed_opt_in"))

    def plant(self, book: Book) -> None:
        book.add_list("Newsletter", NEWSLETTER)
        book.add_list("VIP early access", VIP)
        book.set_attribute(Attribute(uid("field Size"), "Size", "string"))
        book.set_attribute(Attribute(uid("field Since"), "Since", "date"))
        for email, first, permission in SEED:
            person = book.add(email, uid(email), values={"first_name": first})
            pending = permission == "pending_confirmation"
            person.extra["confirm_status"] = "pending" if pending else "off"
            book.place(person, NEWSLETTER, "pending" if pending else "subscribed")
            contacts.permit(person, permission)
            if permission == "unsubscribed":
                contacts.opt_out(person, "Contact", "Too many mails.")
            book.touch(person)

    def sign_in(self, store: Store) -> OAuthServer:
        return OAuthServer(
            self.slug,
            self.label,
            store,
            authorize="/oauth2/default/v1/authorize",
            token="/oauth2/default/v1/token",
            lifetime=86_400,
        )

    def authorize(self, request: Request, faults: Faults) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        good = (
            scheme == "Bearer"
            and faults.credentials == "ok"
            and token.lower() not in faults.revoked
            and len(token) >= SHORTEST_TOKEN
            and "bad" not in token.lower()
            and self.oauth is not None
            and self.oauth.accepts(token)
        )
        if not good:
            raise refuse(401)
        kind = request.headers.get("content-type", "").partition(";")[0]
        if request.body and kind != "application/json":
            raise refuse(415)

    def problem(self, status: int) -> Response:
        return problem(status)

    def not_found(self) -> Response:
        return problem(404)

    def summary(self, call: Call) -> Json:
        return {
            "contact_email": "owner@sandbox.example",
            "organization_name": "Provider sandbox",
            "first_name": "Sand",
            "last_name": "Box",
            "encoded_account_id": "p07e1l9sandbox",
            "time_zone_id": "Europe/Rome",
            "website": "https://sandbox.example",
        }

    def _list_row(self, item: List, counted: str = "") -> Json:
        made = item.extra["created_at"]
        row = {
            "list_id": item.id,
            "name": item.name,
            "description": "",
            "favorite": False,
            "created_at": made,
            "updated_at": made,
        }
        if counted:
            on = [p for p in self.book.people.values() if item.id in memberships(p)]
            active = [
                p for p in on if p.extra["permission"] in ("explicit", "implicit")
            ]
            row["membership_count"] = len(active if counted == "active" else on)
        return row

    def lists(self, call: Call) -> Json:
        opened(call.request)
        counted = call.query.get("include_membership_count", "")
        rows = [self._list_row(item, counted) for item in self.book.lists.values()]
        document = page_of("lists", rows, call.request, 1000)
        if call.query.get("include_count") == "true":
            document["lists_count"] = len(rows)
        return document

    def one_list(self, call: Call) -> Json:
        item = self.book.lists.get(call.params["id"])
        if item is None:
            raise refuse(404)
        return self._list_row(item)

    def new_list(self, call: Call) -> Response:
        known = frozenset({"name", "description", "favorite"})
        name = contacts.body_of(call, known).get("name")
        if not isinstance(name, str) or not name:
            raise refuse(400, "name: a name is needed.")
        if self.book.list_named(name):
            raise refuse(409, "A list of this name exists.")
        item = self.book.add_list(name, uid(f"list {self.book.next_id()}"))
        return json_response(self._list_row(item), 201)

    def custom_fields(self, call: Call) -> Json:
        opened(call.request)
        rows = [
            {
                "custom_field_id": field.id,
                "label": field.name,
                "name": field.name.replace(" ", "_"),
                "type": field.type,
                "created_at": field.extra["created_at"],
                "choices": [
                    {"choice_id": number, "choice_label": option}
                    for number, option in enumerate(field.options)
                ],
            }
            for field in self.book.attributes.values()
        ]
        return page_of("custom_fields", rows, call.request, 100)

    # What people and admins do

    def audiences(self) -> list[Json]:
        asks = self.confirmed_opt_in
        return [{**row, "double_opt_in": asks} for row in super().audiences()]

    def add_audience(self, name: str, double_optin: bool) -> Json:
        """`double_optin` turns the account's Confirmed Opt-In on or off."""
        with self.lock:
            item = self.book.add_list(name, uid(f"list {self.book.next_id()}"))
            self.book.notes["confirmed_opt_in"] = double_optin
            self.book.touch_notes()
            self.book.flush()
        return {"id": item.id, "name": name, "double_opt_in": double_optin}

    def add_field(self, audience: str, field: Json) -> Json:
        return super().add_field(audience, {**field, "tag": uid(f"{field['tag']}")})

    def confirm(self, email: str, audience: str = "") -> list[Json]:
        rows = super().confirm(email, audience)
        with self.lock:
            person = self._found(email)
            contacts.permit(person, "explicit")
            person.extra["confirm_status"] = "confirmed"
            for list_id, place in list(person.places.items()):
                if place.status == "pending":
                    self.book.place(person, list_id, "subscribed", confirmed_at=now())
            self._saved(person)
        return rows

    def unsubscribe(self, email: str, by: str, audience: str = "") -> list[Json]:
        rows = super().unsubscribe(email, by, audience)
        with self.lock:
            person = self._found(email)
            contacts.opt_out(person, "Account" if by == "admin" else "Contact")
            self._saved(person)
        return rows

    def delete(self, email: str, permanent: bool, audience: str = "") -> list[Json]:
        if permanent or audience:
            return super().delete(email, permanent, audience)
        with self.lock:
            person = self._found(email)
            rows: list[dict[str, Any]] = [
                {**row, "status": "deleted"} for row in self.members(email)
            ]
            if not rows:
                raise ControlError("email", FOUND_NOBODY, 404)
            contacts.bury(self, person)
            self.book.flush()
        return rows

    def _found(self, email: str) -> Person:
        person = self.book.find(email)
        if person is None:
            raise ControlError("email", FOUND_NOBODY, 404)
        return person

    def _saved(self, person: Person) -> None:
        self.book.touch(person)
        self.book.flush()

    routes: ClassVar[tuple[Route, ...]] = (
        ("GET", "/v3/account/summary", summary),
        ("GET", "/v3/contact_lists", lists),
        ("POST", "/v3/contact_lists", new_list),
        ("GET", "/v3/contact_lists/{id}", one_list),
        ("GET", "/v3/contact_custom_fields", custom_fields),
        ("GET", "/v3/contact_tags", activities.all_tags),
        ("POST", "/v3/contact_tags", activities.new_tag),
        ("GET", "/v3/contacts", contacts.all_of_them),
        ("POST", "/v3/contacts", contacts.create),
        ("POST", "/v3/contacts/sign_up_form", contacts.sign_up),
        ("PUT", "/v3/contacts/resubscribe/{id}", contacts.resubscribe),
        ("GET", "/v3/contacts/{id}", contacts.one),
        ("PUT", "/v3/contacts/{id}", contacts.change),
        ("DELETE", "/v3/contacts/{id}", contacts.delete),
        ("GET", "/v3/activities/{id}", activities.one),
        ("POST", "/v3/activities/add_list_memberships", activities.add_to_lists),
        (
            "POST",
            "/v3/activities/remove_list_memberships",
            activities.remove_from_lists,
        ),
        ("POST", "/v3/activities/contacts_taggings_add", activities.add_tags),
        ("POST", "/v3/activities/contacts_json_import", activities.bring_in),
    )
