"""The MessageMedia simulator: who may call, its seed, opt-outs."""

from __future__ import annotations

import base64
import re
from typing import ClassVar
from urllib.parse import unquote

from integrations.sandbox.book import Attribute, Book, Person
from integrations.sandbox.booked import Call, Route
from integrations.sandbox.faults import Faults
from integrations.sandbox.messagemedia.callbacks import Callbacks
from integrations.sandbox.messagemedia.contacts import Contacts, identifier
from integrations.sandbox.messagemedia.words import answer, message, refused
from integrations.sandbox.messages import Json, Request, Response, json_response

API = "/api/v1/contacts"
NUMBERS = "/v1/number_authorisation"
HOOKS = "/v1/webhooks/messages"
KEYS = "/v1/iam/signature_keys"
NO_LOGIN = "Invalid authentication credentials"
WORD = re.compile(r"[\x21-\x7e]{8,}")


class MessageMedia(Callbacks):
    """One account, which any API key and secret of eight characters open."""

    slug: ClassVar[str] = "messagemedia"
    label: ClassVar[str] = "Sinch MessageMedia"
    field_types: ClassVar[tuple[str, ...]] = (
        *("TEXT", "DATE", "NUMBER", "PHONE", "URL", "ZIP_CODE", "NAME", "EMAIL"),
    )

    def plant(self, book: Book) -> None:
        for tag, name, kind in (
            ("email", "E-mail", "EMAIL"),
            ("size", "Size", "TEXT"),
        ):
            book.set_attribute(
                Attribute(
                    identifier(tag),
                    name,
                    kind,
                    extra={"merge_tag": tag, "max_length": 60},
                )
            )
        news = book.add_list("Newsletter", identifier("news"))
        book.add_list("VIP early access", identifier("vip"))
        blocked = []
        for place, (email, name, status) in enumerate(
            (
                ("ada.lovelace@analytical.example", "Ada", "subscribed"),
                ("grace.hopper@compilers.example", "Grace", "subscribed"),
                ("alan.turing@bletchley.example", "Alan", "unsubscribed"),
                ("edsger.dijkstra@paths.example", "Edsger", "blocked"),
            )
        ):
            number = f"+6149157000{place + 1}"
            state = "UNSUBSCRIBED" if status == "unsubscribed" else "SUBSCRIBED"
            channel = {"channelId": number, "type": "SMS", "subscriptionState": state}
            person = book.add(
                email,
                identifier(email),
                values={"firstName": name},
                extra={"channels": [channel], "custom": {identifier("email"): email}},
            )
            if status == "blocked":
                blocked.append(number)
                status = "unsubscribed"
            book.place(person, news.id, status)
        book.notes["blacklist"] = blocked
        book.touch_notes()

    def caller(self, request: Request) -> str:
        return request.headers.get("authorization", "")

    def authorize(self, request: Request, faults: Faults) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            key, _, secret = base64.b64decode(token).decode().partition(":")
        except ValueError:
            key = secret = ""
        words = (key, secret)
        good = scheme.lower() == "basic" and all(WORD.fullmatch(w) for w in words)
        out = any("bad" in w.lower() or w.lower() in faults.revoked for w in words)
        if good and not out and faults.credentials == "ok":
            return
        if request.path.startswith(NUMBERS):
            raise message(403, NO_LOGIN)
        raise refused(401) if request.path.startswith(API) else message(401, NO_LOGIN)

    def problem(self, status: int) -> Response:
        return answer(status)

    def not_found(self) -> Response:
        return answer(404)

    # Opt-outs

    def blocked_list(self, call: Call) -> Json:
        numbers = self.blacklist
        start = int(call.query.get("token", "0"))
        body: Json = {
            "uri": f"{NUMBERS}/mt/blacklist",
            "numbers": numbers[start : start + 100],
        }
        if start + 100 < len(numbers):
            token = str(start + 100)
            uri = f"{NUMBERS}/mt/blacklist?token={token}"
            body["pagination"] = {"page": token, "next_uri": uri}
        return body

    def block(self, call: Call) -> Response:
        body = call.json()
        numbers = body.get("numbers") if isinstance(body, dict) else None
        if not isinstance(numbers, list) or not 1 <= len(numbers) <= 10:
            raise message(400, "Bad Request", "/numbers: 1 to 10 numbers")
        fresh = [number for number in map(_plus, numbers) if not self._is_out(number)]
        for number in fresh:
            self.stop(number, "api")
        answered = {"uri": f"{NUMBERS}/mt/blacklist", "numbers": numbers}
        return json_response(answered, 201 if fresh else 200)

    def unblock(self, call: Call) -> Response:
        number = _plus(unquote(call.params["number"]))
        if not self._is_out(number):
            raise message(404, "Not found")
        self.blacklist.remove(number)
        self.book.touch_notes()
        person = self.owner(number)
        for key in list(person.places) if person else ():
            assert person is not None
            self.put_on(person, key)
        return Response(
            body=b"The number has been successfully deleted.", content_type="text/plain"
        )

    def authorised(self, call: Call) -> Json:
        asked = unquote(call.params["numbers"])
        return {
            "uri": f"{NUMBERS}/is_authorised/{asked}",
            "numbers": [
                {
                    "number": number.lstrip("+"),
                    "authorised": not self._is_out(_plus(number)),
                }
                for number in asked.split(",")
            ],
        }

    def _is_out(self, number: str) -> bool:
        return number in self.blacklist

    def stop(self, number: str, by: str) -> None:
        """The number goes on the blacklist."""
        if number not in self.blacklist:
            self.blacklist.append(number)
            self.book.touch_notes()
        person = self.owner(number)
        for key in list(person.places) if person else ():
            assert person is not None
            self.book.place(person, key, "unsubscribed", left_by=by)

    def happened(self, kind: str, person: Person, list_id: str = "") -> None:
        """Whoever leaves does it with a STOP."""
        if kind in ("unsubscribe", "complaint"):
            for channel in person.extra["channels"]:
                self.stop(channel["channelId"], person.places[list_id].left_by)
        super().happened(kind, person, list_id)

    routes: ClassVar[tuple[Route, ...]] = (
        ("GET", f"{API}/contacts", Contacts.contact_list),
        ("POST", f"{API}/contacts", Contacts.contact_create),
        ("GET", f"{API}/contacts/{{contact}}", Contacts.contact_read),
        ("PATCH", f"{API}/contacts/{{contact}}", Contacts.contact_update),
        ("DELETE", f"{API}/contacts/{{contact}}", Contacts.contact_delete),
        ("GET", f"{API}/lists", Contacts.lists),
        ("POST", f"{API}/lists", Contacts.list_create),
        ("GET", f"{API}/lists/{{list}}", Contacts.list_read),
        ("DELETE", f"{API}/lists/{{list}}", Contacts.list_delete),
        ("PATCH", f"{API}/lists/{{list}}/contacts", Contacts.list_members),
        ("POST", f"{API}/lists/{{list}}/contacts/{{contact}}", Contacts.member_add),
        (
            "DELETE",
            f"{API}/lists/{{list}}/contacts/{{contact}}",
            Contacts.member_remove,
        ),
        ("GET", f"{API}/custom-fields", Contacts.custom_fields),
        ("POST", f"{API}/custom-fields", Contacts.field_create),
        ("GET", f"{NUMBERS}/mt/blacklist", blocked_list),
        ("POST", f"{NUMBERS}/mt/blacklist", block),
        ("DELETE", f"{NUMBERS}/mt/blacklist/{{number}}", unblock),
        ("GET", f"{NUMBERS}/is_authorised/{{numbers}}", authorised),
        ("GET", HOOKS, Callbacks.hooks),
        ("POST", HOOKS, Callbacks.hook_create),
        ("PATCH", f"{HOOKS}/{{hook}}", Callbacks.hook_update),
        ("DELETE", f"{HOOKS}/{{hook}}", Callbacks.hook_delete),
        ("GET", f"{KEYS}/enabled", Callbacks.key_enabled),
        ("PATCH", f"{KEYS}/enabled", Callbacks.key_enable),
        ("DELETE", f"{KEYS}/enabled", Callbacks.key_disable),
        ("GET", KEYS, Callbacks.key_list),
        ("POST", KEYS, Callbacks.key_create),
        ("GET", f"{KEYS}/{{key}}", Callbacks.key_read),
        ("DELETE", f"{KEYS}/{{key}}", Callbacks.key_delete),
    )


def _plus(number: object) -> str:
    return f"+{str(number).lstrip('+')}"
