"""Webhooks of the simulated account, and the keys that sign them."""

from __future__ import annotations

import base64
import json
import uuid
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from integrations.sandbox.book import Person, now
from integrations.sandbox.booked import Call
from integrations.sandbox.messagemedia.contacts import Contacts
from integrations.sandbox.messagemedia.words import message
from integrations.sandbox.messages import Json, Response, json_response
from integrations.sandbox.posts import Post

DIGESTS: dict[str, type[Any]] = {
    "SHA224": hashes.SHA224,
    "SHA256": hashes.SHA256,
    "SHA512": hashes.SHA512,
}
EVENTS = (
    *("RECEIVED_SMS", "OPT_OUT_SMS", "RECEIVED_MMS", "ENROUTE_DR", "EXPIRED_DR"),
    *("REJECTED_DR", "FAILED_DR", "DELIVERED_DR", "SUBMITTED_DR"),
)


class Callbacks(Contacts):
    """The part of the simulator that calls others."""

    # Webhooks

    def hooks(self, call: Call) -> Json:
        return {"page": 0, "pageSize": 100, "pageData": self._hooks()}

    def _hooks(self) -> list[Json]:
        found: list[Json] = self.book.notes.setdefault("webhooks", [])
        return found

    def hook_create(self, call: Call) -> Response:
        body = call.json()
        body = body if isinstance(body, dict) else {}
        events = body.get("events") or []
        known = all(event in EVENTS for event in events)
        named = all(
            body.get(name) for name in ("url", "method", "encoding", "template")
        )
        if not named or not events or not known:
            raise message(400, "Something went wrong. Please try again later.")
        if "content-type" in {name.lower() for name in body.get("headers") or {}}:
            raise message(400, "headers may not have a Content-Type")
        if any(h["url"] == body["url"] for h in self._hooks()):
            text = "A webhook with the given url and method already exists."
            raise message(409, text)
        hook = {**body, "id": str(uuid.uuid4())}
        self._hooks().append(hook)
        self.book.touch_notes()
        return json_response(hook, 201)

    def hook_delete(self, call: Call) -> Response:
        hook = self._hook(call)
        self._hooks().remove(hook)
        self.book.touch_notes()
        return Response(status=204)

    def hook_update(self, call: Call) -> Json:
        hook = self._hook(call)
        body = call.json()
        hook |= body if isinstance(body, dict) else {}
        self.book.touch_notes()
        return hook

    def _hook(self, call: Call) -> Json:
        for hook in self._hooks():
            if hook["id"] == call.params["hook"]:
                return hook
        raise message(404, "Not found")

    def event(self, kind: str, person: Person, list_id: str) -> list[Post]:
        if kind not in ("unsubscribe", "complaint"):
            return []
        channels = person.extra["channels"]
        words = {
            "$sourceAddress": channels[0]["channelId"] if channels else "",
            "$destinationAddress": "+61491593156",
            "$receivedTimestamp": now(),
            "$notificationId": str(uuid.uuid4()),
            "$accountId": "Sandbox7000",
            "$moContent": "STOP",
        }
        return [
            self._post(hook, _filled(hook["template"], words), person.email)
            for hook in self._hooks()
            if "OPT_OUT_SMS" in hook["events"]
        ]

    def _post(self, hook: Json, text: str, email: str) -> Post:
        date = format_datetime(datetime.now(UTC), usegmt=True)
        headers = {"Content-Type": "application/json", "Date": date}
        headers |= {str(k): str(v) for k, v in (hook.get("headers") or {}).items()}
        key = next((k for k in self._keys() if k["enabled"]), None)
        if key is not None:
            parts = urlsplit(hook["url"])
            query = f"?{parts.query}" if parts.query else ""
            line = f"POST {parts.path or '/'}{query} HTTP/1.1"
            signed = self._secret(key).sign(
                f"{line}{date}{text}".encode(),
                padding.PKCS1v15(),
                DIGESTS[key["digest"]](),
            )
            headers |= {
                "X-MessageMedia-Signature": base64.b64encode(signed).decode(),
                "X-MessageMedia-Digest-Type": key["digest"].replace("SHA", "SHA-"),
                "X-MessageMedia-Cipher-Type": "RSA",
                "X-MessageMedia-Key-Id": key["key_id"],
            }
        return Post(
            url=hook["url"],
            body=text.encode(),
            type="OPT_OUT_SMS",
            email=email,
            headers=headers,
        )

    # Signature keys

    def _keys(self) -> list[Json]:
        found: list[Json] = self.book.notes.setdefault("keys", [])
        return found

    def _secret(self, key: Json) -> rsa.RSAPrivateKey:
        loaded = serialization.load_pem_private_key(key["private"].encode(), None)
        assert isinstance(loaded, rsa.RSAPrivateKey)
        return loaded

    def key_list(self, call: Call) -> Response:
        views: Any = [_key_view(key) for key in self._keys()]
        return json_response(views)

    def key_create(self, call: Call) -> Response:
        body = call.json()
        body = body if isinstance(body, dict) else {}
        for name, known in (("cipher", ("RSA",)), ("digest", tuple(DIGESTS))):
            if body.get(name) not in known:
                raise message(
                    400, "Bad Request", f"/{name}: [{body.get(name)}] is invalid"
                )
        private = rsa.generate_private_key(public_exponent=65537, key_size=1024)
        public = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        pem = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        key = {
            "key_id": str(uuid.uuid4()),
            "cipher": "RSA",
            "digest": body["digest"],
            "created": now(),
            "enabled": False,
            "private": pem.decode(),
        }
        self._keys().append(key)
        self.book.touch_notes()
        shown = {**_key_view(key), "public_key": base64.b64encode(public).decode()}
        return json_response(shown, 201)

    def key_enabled(self, call: Call) -> Json:
        for key in self._keys():
            if key["enabled"]:
                return _key_view(key)
        raise message(404, "Currently no key is enabled")

    def key_enable(self, call: Call) -> Json:
        body = call.json()
        wanted = body.get("key_id") if isinstance(body, dict) else None
        if wanted is None:
            raise message(400, "Bad Request", "/key_id: Key id cannot be null")
        key = self._key(str(wanted))
        for other in self._keys():
            other["enabled"] = other is key
        self.book.touch_notes()
        return _key_view(key)

    def key_disable(self, call: Call) -> Response:
        for key in self._keys():
            key["enabled"] = False
        self.book.touch_notes()
        return Response(status=204)

    def key_read(self, call: Call) -> Json:
        return _key_view(self._key(call.params["key"]))

    def key_delete(self, call: Call) -> Response:
        self._keys().remove(self._key(call.params["key"]))
        self.book.touch_notes()
        return Response(status=204)

    def _key(self, key_id: str) -> Json:
        for key in self._keys():
            if key["key_id"] == key_id:
                return key
        raise message(404, "Entity not found")


def _key_view(key: Json) -> Json:
    return {name: value for name, value in key.items() if name != "private"}


def _filled(template: str, words: dict[str, str]) -> str:
    """A template with its variables; an unknown one stays as it is."""
    for name, value in words.items():
        template = template.replace(name, json.dumps(value)[1:-1])
    return template
