"""Klaviyo, revision 2026-07-15, with what its documentation says about consent.

Chosen where nothing is documented: a subscribe job is done at once, lifts suppressions
at once even where the person must still confirm, and says nothing about addresses that
it drops.
"""

from __future__ import annotations

import re
from typing import ClassVar

from integrations.sandbox.book import Book, List, Person, made_up, now
from integrations.sandbox.booked import BookedSimulator, Call, Route
from integrations.sandbox.faults import Faults
from integrations.sandbox.klaviyo import jobs, profiles, webhooks
from integrations.sandbox.klaviyo.listing import page_of
from integrations.sandbox.klaviyo.render import (
    JSON_API,
    answer,
    links,
    list_row,
    problem,
    refuse,
)
from integrations.sandbox.messages import Json, Request, Response
from integrations.sandbox.oauth import OAuthServer
from integrations.sandbox.posts import Post
from integrations.sandbox.store import Store

KEY = re.compile(r"pk_[0-9A-Za-z_]{10,}")
REVISION = re.compile(r"\d{4}-\d\d-\d\d(\.\w+)?")
SEED = (
    ("ada.lovelace@analytical.example", "Ada", "subscribed", "SUBSCRIBED", ""),
    ("grace.hopper@compilers.example", "Grace", "subscribed", "SUBSCRIBED", ""),
    (
        "alan.turing@bletchley.example",
        "Alan",
        "unsubscribed",
        "UNSUBSCRIBED",
        "UNSUBSCRIBE",
    ),
    (
        "charles.babbage@engines.example",
        "Charles",
        "cleaned",
        "SUBSCRIBED",
        "HARD_BOUNCE",
    ),
    ("john.spam@inbox.example", "John", "complained", "UNSUBSCRIBED", "SPAM_COMPLAINT"),
)
NEWSLETTER, VIP = "Wk3Qm7", "Vp8Dx2"


class Klaviyo(BookedSimulator):
    slug = "klaviyo"
    label = "Klaviyo"

    def plant(self, book: Book) -> None:
        book.add_list("Newsletter", NEWSLETTER)
        book.add_list("VIP early access", VIP, double_opt_in=True)
        for email, first, status, consent, reason in SEED:
            person = book.add(
                email, profiles.made_id(email), values={"first_name": first}
            )
            person.extra = {"consent": consent, "consent_at": now()}
            if reason:
                person.extra["suppression"] = [{"reason": reason, "timestamp": now()}]
            by = "person" if status == "unsubscribed" else ""
            book.place(person, NEWSLETTER, status, left_by=by)
        hedy = book.add("hedy.lamarr@spectrum.example", profiles.made_id("hedy"))
        hedy.values = {"first_name": "Hedy"}
        book.place(hedy, VIP, "pending")

    def sign_in(self, store: Store) -> OAuthServer:
        return OAuthServer(
            self.slug,
            self.label,
            store,
            authorize="/oauth/authorize",
            token="/oauth/token",
            rotates=False,
            pkce=True,
        )

    def authorize(self, request: Request, faults: Faults) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if faults.credentials != "ok" or key.lower() in faults.revoked:
            raise refuse(401)
        if scheme == "Klaviyo-API-Key":
            good = KEY.fullmatch(key) is not None
        elif scheme == "Bearer" and self.oauth is not None:
            good = bool(key) and self.oauth.accepts(key)
        else:
            raise refuse(401, "Missing or invalid authorization scheme.")
        if not good or "bad" in key.lower():
            raise refuse(401)
        if not REVISION.fullmatch(request.headers.get("revision", "")):
            raise refuse(400, "A valid revision header is required.")
        kind = request.headers.get("content-type", "").partition(";")[0]
        if request.body and kind != JSON_API:
            raise refuse(415, f"Unsupported media type '{kind}' in request.")

    def problem(self, status: int) -> Response:
        return problem(status)

    def not_found(self) -> Response:
        return problem(404)

    def event(self, kind: str, person: Person, list_id: str) -> list[Post]:
        return webhooks.posts(self.book, kind, person)

    # People and lists

    def list_of(self, call: Call) -> List:
        """The list in the path. Raises Refused."""
        item = self.book.lists.get(call.params["id"])
        if item is None:
            detail = f"A list with id {call.params['id']} does not exist."
            raise refuse(404, detail)
        return item

    def visible(self) -> list[Person]:
        """Everybody with a profile: who must still confirm may not have one."""
        return [p for p in self.book.people.values() if not p.extra.get("hidden")]

    def accounts(self, call: Call) -> Json:
        base = call.request.base_url
        attributes = {
            "test_account": True,
            "contact_information": {
                "default_sender_name": "Sandbox",
                "default_sender_email": "owner@sandbox.example",
                "website_url": "https://sandbox.example",
                "organization_name": "Provider sandbox",
                "street_address": {},
            },
            "industry": "Software / SaaS",
            "timezone": "Europe/Rome",
            "preferred_currency": "EUR",
            "public_api_key": "SNDBOX",
            "locale": "en-US",
        }
        row = {"type": "account", "id": "SNDBOX", "attributes": attributes}
        row["links"] = links(base, "/api/accounts/SNDBOX/")
        return {"data": [row], "links": links(base, "/api/accounts/")}

    def lists(self, call: Call) -> Response:
        base = call.request.base_url
        rows = [list_row(item, base) for item in self.book.lists.values()]
        return answer(
            page_of(
                rows,
                call.request,
                filters=("id", "name", "created", "updated"),
                sorts=("id", "name", "created", "updated"),
                largest=10,
                usual=10,
            )
        )

    def one_list(self, call: Call) -> Response:
        return answer({"data": list_row(self.list_of(call), call.request.base_url)})

    def new_list(self, call: Call) -> Response:
        attributes = profiles.attributes_in(call, "list")
        name = attributes.get("name")
        if not isinstance(name, str) or not name:
            raise refuse(400, "name is required.", "/data/attributes/name")
        single = attributes.get("opt_in_process") == "single_opt_in"
        item = self.book.add_list(
            name, made_up(f"{name}{self.book.next_id()}", 6), double_opt_in=not single
        )
        return answer({"data": list_row(item, call.request.base_url)}, 201)

    # What people and admins do

    def confirm(self, email: str, audience: str = "") -> list[Json]:
        rows = super().confirm(email, audience)
        with self.lock:
            person = self.book.find(email)
            assert person is not None
            person.extra |= {
                "hidden": False,
                "consent": "SUBSCRIBED",
                "consent_at": now(),
                "double_optin": True,
            }
            self._saved(person)
        return rows

    def unsubscribe(self, email: str, by: str, audience: str = "") -> list[Json]:
        rows = super().unsubscribe(email, by, audience)
        with self.lock:
            person = self.book.find(email)
            assert person is not None
            if by == "person" and audience:
                profiles.leave_list(person, rows[0]["audience_id"])
            elif by == "person":
                profiles.leave(person)
            else:
                reason = "SPAM_COMPLAINT" if by == "complaint" else "USER_SUPPRESSED"
                profiles.suppress(person, reason)
            self._saved(person)
        return rows

    def clean(self, email: str, audience: str = "") -> list[Json]:
        rows = super().clean(email, audience)
        with self.lock:
            person = self.book.find(email)
            assert person is not None
            profiles.suppress(person, "HARD_BOUNCE")
            self._saved(person)
        return rows

    def _saved(self, person: Person) -> None:
        self.book.touch(person)
        self.book.flush()

    routes: ClassVar[tuple[Route, ...]] = (
        ("GET", "/api/accounts", accounts),
        ("GET", "/api/lists", lists),
        ("POST", "/api/lists", new_list),
        ("GET", "/api/lists/{id}", one_list),
        ("GET", "/api/lists/{id}/profiles", profiles.of_list),
        ("GET", "/api/profiles", profiles.all_of_them),
        ("POST", "/api/profiles", profiles.create),
        ("GET", "/api/profiles/{id}", profiles.one),
        ("PATCH", "/api/profiles/{id}", profiles.change),
        ("POST", "/api/profile-import", profiles.bring_in),
        ("POST", "/api/profile-bulk-import-jobs", jobs.bring_in_many),
        ("GET", "/api/profile-bulk-import-jobs/{id}", jobs.import_job),
        ("GET", "/api/profile-bulk-import-jobs/{id}/import-errors", jobs.errors_of),
        ("POST", "/api/profile-subscription-bulk-create-jobs", jobs.subscribe),
        ("POST", "/api/profile-subscription-bulk-delete-jobs", jobs.unsubscribe),
        ("POST", "/api/data-privacy-deletion-jobs", jobs.erase),
        ("GET", "/api/webhooks", webhooks.all_of_them),
        ("POST", "/api/webhooks", webhooks.create),
        ("DELETE", "/api/webhooks/{id}", webhooks.delete),
        ("GET", "/api/webhook-topics", webhooks.topics),
    )
