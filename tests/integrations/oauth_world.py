"""A provider with OAuth 2 that answers as the test says, on a loopback port."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from integrations.adapters.base import (
    Audience,
    Contact,
    Options,
    Outcome,
    OutcomeState,
    Reading,
    Resource,
)
from integrations.adapters.declare import Credential, OAuth2, SubAccount
from integrations.adapters.http import HttpAdapter

API_KEY = "paper-key-0123456789"


class Paperplane(HttpAdapter):
    slug = "paperplane"
    label = "Paperplane"
    kind = "esp"
    batch_size = 10
    glyph = "P"
    requirements = ("You are an owner of the Paperplane account.",)
    notice = "Paperplane mails people itself when they are added."
    docs_url = "https://paperplane.test/help"
    credentials: ClassVar[tuple[Credential, ...]] = (
        Credential(name="api_key", label="API key"),
    )
    oauth: ClassVar[OAuth2 | None] = OAuth2(
        authorize_url="https://login.paperplane.test/oauth/authorize",
        token_url="https://api.paperplane.test/oauth/token",
        revoke_url="https://api.paperplane.test/oauth/revoke",
        scopes=("people:read", "people:write"),
    )

    @property
    def home(self) -> str:
        return "https://api.paperplane.test"

    def headers(self) -> dict[str, str]:
        token = self.secrets.get("access_token") or self.secrets.get("api_key", "")
        return {"Authorization": f"Bearer {token}"}

    def verify(self) -> Reading:
        me = self.fetch("GET", "/me")
        people = Resource(name="people", readable=True, writable=True)
        return Reading(
            identity=me["email"], account_name=me["name"], resources=(people,)
        )

    def audiences(self) -> list[Audience]:
        rows = self.fetch("GET", "/lists")["lists"]
        return [Audience(id=row["id"], label=row["name"]) for row in rows]

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        emails = [contact.email for contact in contacts]
        folder = self.secrets.get("sub_account", "")
        self.request("POST", "/people", payload={"emails": emails, "folder": folder})
        return [Outcome(state=OutcomeState.SYNCED) for _ in contacts]


class Folded(Paperplane):
    """With parts to choose from."""

    sub_account_noun = "client folder"

    def sub_accounts(self) -> list[SubAccount]:
        rows = self.fetch("GET", "/folders")["folders"]
        return [SubAccount(id=row["id"], label=row["name"]) for row in rows]


class FakeProvider:
    """What there is at the provider, what it answers, and what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.me = {"email": "owner@acme.test", "name": "Acme at Paperplane"}
        self.folders = [{"id": "f1", "name": "Shop"}, {"id": "f2", "name": "Blog"}]
        self.lists = [{"id": "8f21c0news", "name": "Newsletter"}]
        self.keys = {API_KEY}
        self.access: set[str] = set()
        self.refresh: set[str] = set()
        self.codes: dict[str, dict[str, str]] = {}
        self.rotates = True
        self.expires_in: object = 3600
        self.grants: str | None = "people:read people:write"
        self.more: dict[str, Any] = {}
        self.token_fault: tuple[int, object] | None = None
        self.api_fault: tuple[int, object] | None = None
        self.token_seconds = 0.0
        self.token_calls: list[tuple[dict[str, str], dict[str, str]]] = []
        self.returned: list[tuple[dict[str, str], dict[str, str]]] = []
        self.sent: list[list[str]] = []
        self.folder_of: dict[str, str] = {}
        self.asked: list[str] = []
        self._made = 0
        self._lock = threading.Lock()

    def code_for(self, query: dict[str, str]) -> str:
        with self._lock:
            self._made += 1
            code = f"code-{self._made}-secret"
            self.codes[code] = query
        return code

    def issue(self) -> dict[str, Any]:
        with self._lock:
            self._made += 1
            access = f"access-{self._made}-secret"
            refresh = f"refresh-{self._made}-secret"
            self.access.add(access)
            answer: dict[str, Any] = {"access_token": access, "token_type": "bearer"}
            if self.expires_in is not None:
                answer["expires_in"] = self.expires_in
            if self.rotates or not self.refresh:
                self.refresh.add(refresh)
                answer["refresh_token"] = refresh
            if self.grants is not None:
                answer["scope"] = self.grants
            return {**answer, **self.more}

    def expire(self) -> None:
        """Every access token's time is over."""
        self.access.clear()

    def revoke(self) -> None:
        """The person disconnects us there."""
        self.access.clear()
        self.refresh.clear()

    def token(
        self, headers: dict[str, str], form: dict[str, str]
    ) -> tuple[int, object]:
        self.token_calls.append((headers, form))
        time.sleep(self.token_seconds)
        if self.token_fault:
            return self.token_fault
        if form["grant_type"] == "refresh_token":
            held = form["refresh_token"]
            with self._lock:
                known = held in self.refresh
                if known and self.rotates:
                    self.refresh.discard(held)
            return (200, self.issue()) if known else (400, {"error": "invalid_grant"})
        begun = self.codes.pop(form["code"], None)
        if begun is None or begun["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant", "error_description": "Bad code."}
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if begun.get("code_challenge", proof) != proof:
            return 400, {"error": "invalid_grant", "error_description": "Bad proof."}
        return 200, self.issue()

    def api(self, method: str, path: str, body: Any, bearer: str) -> tuple[int, object]:
        self.asked.append(f"{method} {path}")
        if self.api_fault:
            return self.api_fault
        if bearer not in self.access | self.keys:
            return 401, {"message": "The token is not valid."}
        if path == "/people":
            self.sent.append(body["emails"])
            self.folder_of.update(dict.fromkeys(body["emails"], body["folder"]))
            return 200, {}
        answers = {
            "/me": self.me,
            "/folders": {"folders": self.folders},
            "/lists": {"lists": self.lists},
        }
        return 200, answers[path]


def handler_of(provider: FakeProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/oauth/authorize":
                self.authorize(dict(parse_qsl(parts.query)))
            elif parts.path == "/favicon.ico":
                self.answer(204, b"")
            else:
                self.reply(*provider.api("GET", parts.path, None, self.bearer))

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            if self.path == "/oauth/token":
                headers = {k.lower(): v for k, v in self.headers.items()}
                form = dict(parse_qsl(body.decode()))
                self.reply(*provider.token(headers, form))
            elif self.path == "/oauth/revoke":
                form = dict(parse_qsl(body.decode()))
                provider.returned.append((dict(self.headers), form))
                self.reply(*(provider.token_fault or (200, {})))
            else:
                sent = json.loads(body)
                self.reply(*provider.api("POST", self.path, sent, self.bearer))

        @property
        def bearer(self) -> str:
            return self.headers.get("Authorization", "").removeprefix("Bearer ")

        def authorize(self, query: dict[str, str]) -> None:
            """A page with both answers, as links."""
            code = urlencode(
                {"code": provider.code_for(query), "state": query["state"]}
            )
            no = urlencode({"error": "access_denied", "state": query["state"]})
            back = query["redirect_uri"]
            page = (
                '<!doctype html><html lang="en"><title>Paperplane</title><main>'
                f"<h1>Paperplane asks</h1><p>{query.get('scope', '')}</p>"
                f'<a href="{back}?{code}">Allow</a> <a href="{back}?{no}">Deny</a>'
                "</main></html>"
            )
            self.answer(200, page.encode(), "text/html; charset=utf-8")

        def reply(self, status: int, body: object) -> None:
            text = body if isinstance(body, str) else json.dumps(body)
            self.answer(status, text.encode())

        def answer(
            self, status: int, body: bytes, kind: str = "application/json"
        ) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Tests are quiet."""

    return Handler


@contextmanager
def running_provider() -> Iterator[FakeProvider]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    provider = FakeProvider(f"http://127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass = handler_of(provider)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
