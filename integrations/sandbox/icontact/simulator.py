"""The iContact simulator: who may call, accounts, client folders, lists, webhooks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import ClassVar

from integrations.sandbox.book import Attribute, Book, List, Person
from integrations.sandbox.booked import Call, Route
from integrations.sandbox.faults import Faults
from integrations.sandbox.icontact.contacts import Contacts
from integrations.sandbox.icontact.query import page, refused
from integrations.sandbox.messages import Json, Request, Response, json_response
from integrations.sandbox.posts import Post

ACCOUNT, FOLDER, SECOND = "1001", "2001", "2002"
VERSIONS = ("2.0", "2.1", "2.2")
EVENTS = {
    "create": ("contact_created",),
    "update": ("contact_updated",),
    "subscribe": ("contact_subscribed",),
    "confirm": ("contact_subscribed",),
    "unsubscribe": ("contact_unsubscribed",),
    "bounce": ("contact_updated",),
}
# The page "HTTP Status Codes".
ERRORS = {
    400: "Your data could not be parsed or your request contained invalid data.",
    401: "Api username invalid",
    402: "You must pay your iContact bill before we can process your request.",
    403: "You do not have permission to perform that action.",
    404: "Resource not found",
    405: "You cannot perform that method on the requested resource.",
    500: "An error occurred in iContact's code.",
    501: "You have specified an incorrect version of the iContact API.",
    503: "The system is experiencing extremely high traffic.",
    507: "You have used up all of your allotted storage.",
}
HERE = "/icp/a/{account}/c/{folder}"


class IContact(Contacts):
    """One account. A username that begins with "agency" reaches two client folders,
    the second of them empty; every other one reaches one."""

    slug: ClassVar[str] = "icontact"
    label: ClassVar[str] = "iContact"
    field_types: ClassVar[tuple[str, ...]] = (
        *("text", "number", "decimal", "date", "checkbox"),
    )

    def plant(self, book: Book) -> None:
        book.set_attribute(Attribute("birthday", "Birthday", "date"))
        book.set_attribute(Attribute("vip", "VIP", "checkbox"))
        news = book.add_list("Newsletter", "3001")
        book.add_list("VIP early access", "3002")
        for place, (email, name, status) in enumerate(
            (
                ("ada.lovelace@analytical.example", "Ada", "subscribed"),
                ("grace.hopper@compilers.example", "Grace", "subscribed"),
                ("alan.turing@bletchley.example", "Alan", "unsubscribed"),
                ("charles.babbage@engines.example", "Charles", "cleaned"),
                ("edsger.dijkstra@paths.example", "Edsger", "complained"),
                ("hedy.lamarr@spectrum.example", "Hedy", "pending"),
            )
        ):
            person = book.add(
                email,
                str(4001 + place),
                values={"firstName": name},
                extra={"status": "normal"},
            )
            book.place(person, news.id, status)
        book.add("joan.clarke@unlisted.example", "4050", extra={"status": "normal"})

    def caller(self, request: Request) -> str:
        return request.headers.get("api-username", "")

    def authorize(self, request: Request, faults: Faults) -> None:
        if request.path.rstrip("/") == "/icp/time":
            return
        given = [
            request.headers.get(f"api-{name}", "").strip()
            for name in ("appid", "username", "password")
        ]
        out = any(
            "bad" in text.lower() or text.lower() in faults.revoked for text in given
        )
        if out or not all(given) or faults.credentials != "ok":
            raise refused(401, ERRORS[401])
        if request.headers.get("api-version") not in VERSIONS:
            raise refused(501, ERRORS[501])
        self.agency = given[1].lower().startswith("agency")

    agency = False

    def problem(self, status: int) -> Response:
        return json_response({"errors": [ERRORS.get(status, "Error")]}, status)

    def not_found(self) -> Response:
        return self.problem(404)

    # Accounts and client folders

    def time(self, call: Call) -> Json:
        now = datetime.now(UTC)
        return {
            "time": now.isoformat(timespec="seconds"),
            "timestamp": int(now.timestamp()),
        }

    def _account(self) -> Json:
        return {
            "accountId": ACCOUNT,
            "companyName": "Provider sandbox",
            "email": "sandbox@icontact.example",
            "enabled": 1,
            "firstName": "Provider",
            "lastName": "Sandbox",
            "multiClientFolder": str(int(self.agency)),
            "accountType": "0",
        }

    def accounts(self, call: Call) -> Json:
        return page("accounts", [self._account()], call.query)

    def account(self, call: Call) -> Json:
        self._known(call)
        return {"account": self._account()}

    def _folders(self) -> list[Json]:
        rows: list[Json] = [{"clientFolderId": FOLDER, "logoId": None}]
        if not self.agency:
            return [{**rows[0], "emailRecipient": "sandbox@icontact.example"}]
        second = {"clientFolderId": SECOND, "logoId": None, "name": "Second client"}
        return [{**rows[0], "name": "First client"}, second]

    def folders(self, call: Call) -> Json:
        self._known(call)
        return page("clientfolders", self._folders(), call.query)

    def _known(self, call: Call) -> None:
        if call.params["account"] != ACCOUNT:
            raise refused(404, ERRORS[404])

    def is_first(self, call: Call) -> bool:
        """Whether the call is about the first client folder; 404 for unknown ones."""
        self._known(call)
        reached = [row["clientFolderId"] for row in self._folders()]
        if call.params["folder"] not in reached:
            raise refused(404, ERRORS[404])
        return call.params["folder"] == FOLDER

    # Lists, custom fields, messages

    def _list_view(self, item: List) -> Json:
        return {
            "listId": item.id,
            "name": item.name,
            "publicname": item.name,
            "description": "",
            "emailOwnerOnChange": "0",
        }

    def lists(self, call: Call) -> Json:
        rows = self.book.lists.values() if self.is_first(call) else ()
        return page("lists", [self._list_view(item) for item in rows], call.query)

    def list_read(self, call: Call) -> Json:
        return {"list": self._list_view(self._list(call))}

    def list_post(self, call: Call) -> Json:
        rows = [row for row in self._rows(call) if row.get("name")]
        made = [self.book.add_list(str(row["name"])) for row in rows]
        return {"lists": [self._list_view(item) for item in made]}

    def list_delete(self, call: Call) -> Json:
        self.book.remove_list(self._list(call))
        return {}

    def _list(self, call: Call) -> List:
        item = self.book.lists.get(call.params["list"])
        if item is None or not self.is_first(call):
            raise refused(404, ERRORS[404])
        return item

    def custom_fields(self, call: Call) -> Json:
        rows = self.book.attributes.values() if self.is_first(call) else ()
        views = [
            {
                "customFieldId": item.id,
                "privateName": item.id,
                "publicName": item.name,
                "displayToUser": 1,
                "fieldType": item.type,
            }
            for item in rows
        ]
        return page("customfields", views, call.query)

    def messages(self, call: Call) -> Json:
        message = {
            "messageId": self.confirmation,
            "messageType": "confirmation",
            "messageName": "Please confirm",
            "subject": "Please confirm your subscription",
        }
        rows = [message] if self.is_first(call) else []
        return page("messages", rows, call.query)

    # Webhooks

    def hooks(self, call: Call) -> Json:
        self.is_first(call)
        return page("webhooks", self.book.notes.get("webhooks", []), call.query)

    def hook_post(self, call: Call) -> Json:
        known = {name for names in EVENTS.values() for name in names}
        made, warnings = [], []
        for row in self._rows(call):
            if row.get("eventId") not in known or not row.get("url"):
                warnings.append("eventId and url are required fields.")
                continue
            hook = {"eventId": row["eventId"], "url": str(row["url"])}
            made.append({"webhookId": self.book.next_id(), **hook})
        self.book.notes.setdefault("webhooks", []).extend(made)
        self.book.touch_notes()
        return {"webhooks": made, **({"warnings": warnings} if warnings else {})}

    def hook_delete(self, call: Call) -> Json:
        self.is_first(call)
        hooks = self.book.notes.get("webhooks", [])
        left = [h for h in hooks if str(h["webhookId"]) != call.params["hook"]]
        if len(left) == len(hooks):
            raise refused(404, ERRORS[404])
        self.book.notes["webhooks"] = left
        self.book.touch_notes()
        return {}

    def event(self, kind: str, person: Person, list_id: str) -> list[Post]:
        """There is none for Do Not Contact, so a complaint calls nobody."""
        body: Json = {"contact": self.contact_view(person)}
        item = self.book.lists.get(list_id)
        if item is not None and kind in ("subscribe", "confirm", "unsubscribe"):
            body["list"] = self._list_view(item)
        return [
            Post(
                url=hook["url"],
                body=json.dumps([body]).encode(),
                type=hook["eventId"],
                email=person.email,
                headers={"Content-Type": "application/json"},
            )
            for hook in self.book.notes.get("webhooks", [])
            if hook["eventId"] in EVENTS.get(kind, ())
        ]

    routes: ClassVar[tuple[Route, ...]] = (
        ("GET", "/icp/time", time),
        ("GET", "/icp/a", accounts),
        ("GET", "/icp/a/{account}", account),
        ("GET", "/icp/a/{account}/c", folders),
        ("GET", f"{HERE}/lists", lists),
        ("POST", f"{HERE}/lists", list_post),
        ("GET", f"{HERE}/lists/{{list}}", list_read),
        ("DELETE", f"{HERE}/lists/{{list}}", list_delete),
        ("GET", f"{HERE}/customfields", custom_fields),
        ("GET", f"{HERE}/messages", messages),
        ("GET", f"{HERE}/contacts", Contacts.contact_list),
        ("POST", f"{HERE}/contacts", Contacts.contact_post),
        ("GET", f"{HERE}/contacts/{{contact}}", Contacts.contact_read),
        ("POST", f"{HERE}/contacts/{{contact}}", Contacts.contact_modify),
        ("PUT", f"{HERE}/contacts/{{contact}}", Contacts.contact_replace),
        ("DELETE", f"{HERE}/contacts/{{contact}}", Contacts.contact_delete),
        ("GET", f"{HERE}/contacts/{{contact}}/actions", Contacts.actions),
        ("GET", f"{HERE}/subscriptions", Contacts.subscription_list),
        ("POST", f"{HERE}/subscriptions", Contacts.subscription_post),
        ("GET", f"{HERE}/subscriptions/{{subscription}}", Contacts.subscription_read),
        (
            "POST",
            f"{HERE}/subscriptions/{{subscription}}",
            Contacts.subscription_modify,
        ),
        ("PUT", f"{HERE}/subscriptions/{{subscription}}", Contacts.subscription_move),
        ("GET", f"{HERE}/webhooks", hooks),
        ("POST", f"{HERE}/webhooks", hook_post),
        ("DELETE", f"{HERE}/webhooks/{{hook}}", hook_delete),
    )
