"""A provider's OAuth 2: the page where people say yes, and the token endpoint.

RFC 6749 (authorization code, refresh), RFC 7636 (PKCE, S256 only), RFC 7009 is left
out. Any client id and secret are taken; a code works once, for ten minutes.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit

from integrations.sandbox.markup import ICON, STYLE, document
from integrations.sandbox.messages import Json, Request, Response, json_response
from integrations.sandbox.store import Store

CODE_SECONDS = 600
PREFIX = "sandbox-"  # of tokens made here; simulators take others by their shape


class OAuthServer:
    """One simulated provider's. Paths are the provider's own.

    `extra` gives what the provider's token answer holds beside the tokens. `rotates`: a
    refresh token works once. `lifetime`: seconds of an access token, 0 for ever.
    Tokens are kept apart from the account, so that a reset signs nobody out.
    """

    def __init__(
        self,
        slug: str,
        label: str,
        store: Store,
        *,
        authorize: str,
        token: str,
        lifetime: int = 3600,
        rotates: bool = True,
        refreshes: bool = True,
        pkce: bool = False,
        extra: Callable[[Request], Json] = lambda request: {},
    ) -> None:
        self.label = label
        self.authorize = authorize
        self.token = token
        self.lifetime = lifetime
        self.rotates = rotates
        self.refreshes = refreshes
        self.pkce = pkce
        self.extra = extra
        self._slug = f"{slug}:oauth"
        self._store = store
        self._codes: dict[str, Json] = {}
        self._tokens: dict[str, Json] = {
            key: body for kind, key, body in store.load(self._slug)
        }

    def answer(self, request: Request) -> Response | None:
        """The answer when the request is for one of the two paths, else None."""
        path = request.path.rstrip("/")
        if path == self.authorize and request.method in ("GET", "HEAD"):
            return self._page(request)
        if path == self.authorize and request.method == "POST":
            return self._decided(request)
        if path == self.token and request.method == "POST":
            return self._token(request)
        return None

    def standing(self, token: str) -> str:
        """Of an access token made here: ok, expired, or unknown (revoked)."""
        held = self._tokens.get(token)
        if held is None or held["kind"] != "access":
            return "unknown"
        return "expired" if 0 < held["until"] < time.time() else "ok"

    def accepts(self, token: str) -> bool:
        """Whether a token may be used: made here and alive, or made up elsewhere."""
        return not token.startswith(PREFIX) or self.standing(token) == "ok"

    def revoke_all(self) -> None:
        """The person disconnects the app at the provider."""
        self._keep(dict.fromkeys(self._tokens))

    def expire_all(self) -> None:
        """Every access token's time is over; refresh tokens live on."""
        past = time.time() - 1
        self._keep(
            {
                key: {**held, "until": past}
                for key, held in self._tokens.items()
                if held["kind"] == "access"
            }
        )

    def _page(self, request: Request) -> Response:
        query = request.query
        problem = self._problem(query)
        if problem:
            body = f'<main class="page"><h1>{escape(self.label)}</h1><p>{problem}</p>'
            return _html(self.label, body + "</main>", query, 400)
        fields = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
            for name, value in query.items()
        )
        scopes = escape(query.get("scope", "")) or "its usual permissions"
        body = (
            f'<main class="page"><h1>{escape(self.label)} (simulated)</h1>'
            f"<p>contactsync asks for access to this {escape(self.label)} account:"
            f" {scopes}.</p>"
            f'<form method="post">{fields}<p>'
            '<button name="decision" value="allow">Allow</button> '
            '<button name="decision" value="deny">Deny</button></p></form></main>'
        )
        return _html(self.label, body, query, 200)

    def _problem(self, query: Mapping[str, str]) -> str:
        if query.get("response_type") != "code":
            return "response_type must be code."
        if urlsplit(query.get("redirect_uri", "")).scheme not in ("http", "https"):
            return "redirect_uri must be a whole address."
        if not query.get("client_id"):
            return "client_id is missing."
        if self.pkce and query.get("code_challenge_method") != "S256":
            return "PKCE is required: code_challenge_method must be S256."
        return ""

    def _decided(self, request: Request) -> Response:
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        problem = self._problem(form)
        if problem:
            return json_response({"error": "invalid_request"}, 400)
        back: dict[str, str] = {"error": "access_denied"}
        if form.get("decision") == "allow":
            code = PREFIX + secrets.token_urlsafe(24)
            self._codes[code] = {**form, "until": time.time() + CODE_SECONDS}
            back = {"code": code}
        if "state" in form:
            back["state"] = form["state"]
        mark = "&" if urlsplit(form["redirect_uri"]).query else "?"
        place = f"{form['redirect_uri']}{mark}{urlencode(back)}"
        return Response(status=302, headers=[("Location", place)])

    def _token(self, request: Request) -> Response:
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        if not form.get("client_id") and "authorization" not in request.headers:
            return json_response({"error": "invalid_client"}, 401)
        if form.get("grant_type") == "authorization_code":
            code = self._codes.pop(form.get("code", ""), None)
            if code is None or not _same(code, form):
                return json_response({"error": "invalid_grant"}, 400)
            return self._issue(request, str(code.get("scope", "")))
        if form.get("grant_type") == "refresh_token" and self.refreshes:
            key = form.get("refresh_token", "")
            held = self._tokens.get(key)
            if held is None or held["kind"] != "refresh":
                return json_response({"error": "invalid_grant"}, 400)
            if self.rotates:
                self._keep({key: None})
            return self._issue(request, held["scope"], "" if self.rotates else key)
        return json_response({"error": "unsupported_grant_type"}, 400)

    def _issue(self, request: Request, scope: str, refresh: str = "") -> Response:
        access = PREFIX + secrets.token_urlsafe(24)
        until = time.time() + self.lifetime if self.lifetime else 0
        made: dict[str, Json | None] = {
            access: {"kind": "access", "scope": scope, "until": until}
        }
        answer: Json = {"access_token": access, "token_type": "bearer"}
        if self.lifetime:
            answer["expires_in"] = self.lifetime
        if self.refreshes:
            refresh = refresh or PREFIX + secrets.token_urlsafe(24)
            made[refresh] = {"kind": "refresh", "scope": scope, "until": 0}
            answer["refresh_token"] = refresh
        if scope:
            answer["scope"] = scope
        self._keep(made)
        no_store = [("Cache-Control", "no-store")]
        return json_response({**answer, **self.extra(request)}, headers=no_store)

    def _keep(self, changes: Mapping[str, Json | None]) -> None:
        for key, held in changes.items():
            if held is None:
                self._tokens.pop(key, None)
            else:
                self._tokens[key] = held
        self._store.save(
            self._slug, [("token", key, held) for key, held in changes.items()]
        )


def _same(code: Json, form: Mapping[str, str]) -> bool:
    """Whether a code is used by whom it was made for, in time."""
    if code["until"] < time.time() or code["redirect_uri"] != form.get("redirect_uri"):
        return False
    if "code_challenge" not in code:
        return True
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    given = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return secrets.compare_digest(given, str(code["code_challenge"]))


def _html(label: str, body: str, query: Mapping[str, str], status: int) -> Response:
    # A form's redirect counts as its action, so the way back is allowed by name.
    parts = urlsplit(query.get("redirect_uri", ""))
    back = f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
    policy = (
        "default-src 'none'; style-src 'self'; img-src 'self';"
        f" form-action 'self' {back}; base-uri 'none'; frame-ancestors 'none'"
    )
    return Response(
        status=status,
        body=document(f"{label}: allow access", body, STYLE, ICON).encode(),
        content_type="text/html; charset=utf-8",
        headers=[
            ("Content-Security-Policy", policy),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "same-origin"),
        ],
    )
