"""The Mailchimp simulator: who may call, which call it is, and its controls."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import ClassVar

from integrations.sandbox.faults import Faults
from integrations.sandbox.mailchimp import (
    lists,
    members,
    problems,
    render,
    segments,
    webhooks,
)
from integrations.sandbox.mailchimp.control import Controls
from integrations.sandbox.mailchimp.rules import Call, Event
from integrations.sandbox.mailchimp.seed import plant
from integrations.sandbox.mailchimp.state import Account
from integrations.sandbox.messages import Json, Request, Response, json_response
from integrations.sandbox.oauth import OAuthServer
from integrations.sandbox.posts import Postman
from integrations.sandbox.store import Store

VERSION = "/3.0"
_KEY = re.compile(r"[0-9A-Za-z]{10,}-[a-z]{2}\d{1,3}")

Handler = Callable[[Call], Json | Response]

_LIST = "/lists/{list_id}"
_MEMBER = "/lists/{list_id}/members/{slot}"
_SEGMENT = "/lists/{list_id}/segments/{segment_id}"
ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/ping", lists.ping),
    ("GET", "/", lists.root),
    ("GET", "/search-members", lists.search_members),
    ("GET", "/lists", lists.listing),
    ("GET", _LIST, lists.read),
    ("POST", _LIST, lists.batch),
    ("GET", f"{_LIST}/merge-fields", lists.fields),
    ("POST", f"{_LIST}/merge-fields", lists.add_field),
    ("GET", f"{_LIST}/merge-fields/{{merge_id}}", lists.field),
    ("GET", f"{_LIST}/tag-search", lists.tag_search),
    ("GET", f"{_LIST}/interest-categories", lists.interest_categories),
    ("GET", f"{_LIST}/members", members.listing),
    ("POST", f"{_LIST}/members", members.add),
    ("GET", _MEMBER, members.read),
    ("PUT", _MEMBER, members.put),
    ("PATCH", _MEMBER, members.patch),
    ("DELETE", _MEMBER, members.archive),
    ("POST", f"{_MEMBER}/actions/delete-permanent", members.erase),
    ("GET", f"{_MEMBER}/tags", members.tags),
    ("POST", f"{_MEMBER}/tags", members.change_tags),
    ("GET", f"{_LIST}/segments", segments.listing),
    ("POST", f"{_LIST}/segments", segments.create),
    ("GET", _SEGMENT, segments.read),
    ("POST", _SEGMENT, segments.change),
    ("DELETE", _SEGMENT, segments.delete),
    ("GET", f"{_SEGMENT}/members", segments.members),
    ("POST", f"{_SEGMENT}/members", segments.add_member),
    ("DELETE", f"{_SEGMENT}/members/{{slot}}", segments.remove_member),
    ("GET", f"{_LIST}/webhooks", webhooks.listing),
    ("POST", f"{_LIST}/webhooks", webhooks.add),
    ("GET", f"{_LIST}/webhooks/{{webhook_id}}", webhooks.read),
    ("PATCH", f"{_LIST}/webhooks/{{webhook_id}}", webhooks.change),
    ("DELETE", f"{_LIST}/webhooks/{{webhook_id}}", webhooks.delete),
)


def _compiled(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))


_MATCHERS = [(method, _compiled(path), handler) for method, path, handler in ROUTES]


def route(method: str, path: str) -> tuple[Handler, dict[str, str]]:
    """The handler of a path below the version. Raises Problem (404, 405)."""
    path = path.rstrip("/") or "/"
    others = []
    for candidate, pattern, handler in _MATCHERS:
        match = pattern.fullmatch(path)
        if match and candidate == method:
            return handler, match.groupdict()
        if match:
            others.append(candidate)
    raise problems.not_allowed(others) if others else problems.not_found()


def api_key(request: Request) -> str:
    """The key of a Basic (any user) or Bearer Authorization header, or ""."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        decoded = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return decoded.partition(":")[2]


class Mailchimp(Controls):
    """One account, which any well-formed key opens."""

    slug: ClassVar[str] = "mailchimp"
    label: ClassVar[str] = "Mailchimp"
    simultaneous: ClassVar[int] = 10

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.postman = Postman()
        self.events: list[Event] = []
        self.account = Account(self.slug, store)
        if not self.account.audiences:
            plant(self.account)
            self.account.flush()

    def sign_in(self, store: Store) -> OAuthServer:
        return OAuthServer(
            self.slug,
            self.label,
            store,
            authorize="/oauth2/authorize",
            token="/oauth2/token",
            lifetime=0,  # its tokens do not expire
            refreshes=False,
        )

    def reset(self) -> None:
        with self.lock:
            self.store.clear(self.slug)
            self.account = Account(self.slug, self.store)
            plant(self.account)
            self.account.flush()
            self.requests.clear()
            self.postman.delivered.clear()
            self.clear_faults()

    def deliveries(self) -> list[Json]:
        return list(self.postman.delivered)

    def caller(self, request: Request) -> str:
        return api_key(request)

    def problem(self, status: int) -> Response:
        return problems.by_status(status).response()

    def before(self, request: Request, faults: Faults) -> Response | None:
        path = request.path.removeprefix(VERSION)
        if request.method == "POST" and path.rstrip("/").endswith("/webhooks"):
            try:
                self._authorize(request, faults)
                webhooks.check_reachable(request)
            except problems.Problem as problem:
                return problem.response()
        return None

    def dispatch(self, request: Request, faults: Faults) -> Response:
        try:
            return self._dispatch(request, faults)
        except problems.Problem as problem:
            return problem.response()
        finally:
            self.account.flush()

    def _dispatch(self, request: Request, faults: Faults) -> Response:
        if request.path == "/oauth2/metadata":
            return self._metadata(request)
        version, slash, rest = request.path.lstrip("/").partition("/")
        if f"/{version}" != VERSION:
            raise problems.not_found()
        self._authorize(request, faults)
        handler, params = route(request.method, slash + rest or "/")
        call = Call(
            account=self.account,
            request=request,
            faults=faults,
            dial=self.dial,
            base=request.base_url + VERSION,
            events=self.events,
            params=params,
        )
        answer = handler(call)
        if isinstance(answer, Response):
            return answer
        query = request.query
        answer = render.select(
            answer, query.get("fields", ""), query.get("exclude_fields", "")
        )
        return json_response(answer)

    def _authorize(self, request: Request, faults: Faults) -> None:
        if not request.headers.get("authorization"):
            raise problems.key_missing()
        key = api_key(request)
        if faults.credentials == "disabled":
            raise problems.key_disabled()
        broken = faults.credentials == "broken" or key.lower() in faults.revoked
        if broken or not (_KEY.fullmatch(key) or self._signed_in(key)):
            raise problems.by_status(401)

    def _signed_in(self, token: str) -> bool:
        return self.oauth is not None and self.oauth.standing(token) == "ok"

    def _metadata(self, request: Request) -> Response:
        """Where the account of an OAuth token lives: host login.mailchimp.com."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in ("oauth", "bearer") or not self._signed_in(token):
            return json_response({"error": "invalid_token"}, 401)
        return json_response({"dc": "us6", "api_endpoint": request.base_url})
