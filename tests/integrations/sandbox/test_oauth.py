"""The simulated sign-in of providers."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from integrations.adapters.errors import CredentialsError
from integrations.adapters.mailchimp import Mailchimp
from integrations.sandbox.messages import Request, Response
from integrations.sandbox.oauth import OAuthServer
from integrations.sandbox.store import Store
from integrations.sandbox.testing import ControlRefused, RunningSandbox

BACK = "http://localhost:8000/oauth/callback/toy/?x=1"
VERIFIER = "v" * 64
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest())
    .decode()
    .rstrip("=")
)
ASKED = {
    "response_type": "code",
    "client_id": "app",
    "redirect_uri": BACK,
    "state": "s<1>",
    "scope": "read write",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture
def server() -> OAuthServer:
    return OAuthServer(
        "toy",
        "Toy",
        Store(),
        authorize="/oauth/authorize",
        token="/oauth/token",
        pkce=True,
        extra=lambda request: {"instance_url": request.base_url},
    )


def ask(server: OAuthServer, method: str, path: str, **form: str) -> Response:
    body = urlencode(form) if method == "POST" else ""
    answer = server.answer(
        Request(
            method=method,
            path=path,
            query=form if method == "GET" else {},
            headers={"content-type": "application/x-www-form-urlencoded"},
            body=body.encode(),
            base_url="http://127.0.0.1:9/toy",
            remote_addr="127.0.0.1",
        )
    )
    assert answer is not None
    return answer


def token(server: OAuthServer, **form: str) -> tuple[int, dict[str, str]]:
    answer = ask(server, "POST", "/oauth/token", client_id="app", **form)
    return answer.status, json.loads(answer.body)


def allowed(server: OAuthServer, decision: str = "allow") -> dict[str, list[str]]:
    answer = ask(server, "POST", "/oauth/authorize", **ASKED, decision=decision)
    assert answer.status == 302
    place = dict(answer.headers)["Location"]
    assert place.startswith(BACK)
    return parse_qs(urlsplit(place).query)


def grant(server: OAuthServer) -> dict[str, str]:
    code = allowed(server)["code"][0]
    status, answer = token(
        server,
        grant_type="authorization_code",
        code=code,
        redirect_uri=BACK,
        code_verifier=VERIFIER,
    )
    assert status == 200
    return answer


def test_the_page_asks_and_keeps_everything_escaped(server: OAuthServer) -> None:
    page = ask(server, "GET", "/oauth/authorize", **ASKED)
    assert page.status == 200
    assert b"read write" in page.body and b"s&lt;1&gt;" in page.body
    assert "http://localhost:8000" in dict(page.headers)["Content-Security-Policy"]
    for name in ("response_type", "client_id", "redirect_uri", "code_challenge_method"):
        asked = {**ASKED, name: ""}
        assert ask(server, "GET", "/oauth/authorize", **asked).status == 400


def test_no_is_told(server: OAuthServer) -> None:
    back = allowed(server, "deny")
    assert (back["error"], back["state"]) == (["access_denied"], ["s<1>"])


def test_a_code_works_once_for_who_asked(server: OAuthServer) -> None:
    for wrong in ({"redirect_uri": "http://evil.example/"}, {"code_verifier": "x"}):
        form = {
            "grant_type": "authorization_code",
            "code": allowed(server)["code"][0],
            "redirect_uri": BACK,
            "code_verifier": VERIFIER,
            **wrong,
        }
        assert token(server, **form) == (400, {"error": "invalid_grant"})
    answer = grant(server)
    assert server.accepts(answer["access_token"])
    assert answer["instance_url"] == "http://127.0.0.1:9/toy"


def test_a_rotating_refresh_token_works_once(server: OAuthServer) -> None:
    first = grant(server)
    status, second = token(
        server, grant_type="refresh_token", refresh_token=first["refresh_token"]
    )
    assert status == 200 and second["refresh_token"] != first["refresh_token"]
    again = token(
        server, grant_type="refresh_token", refresh_token=first["refresh_token"]
    )
    assert again == (400, {"error": "invalid_grant"})


def test_tokens_expire_and_are_revoked(server: OAuthServer) -> None:
    answer = grant(server)
    server.expire_all()
    assert server.standing(answer["access_token"]) == "expired"
    status, fresh = token(
        server, grant_type="refresh_token", refresh_token=answer["refresh_token"]
    )
    assert status == 200 and server.accepts(fresh["access_token"])
    server.revoke_all()
    assert not server.accepts(fresh["access_token"])
    assert server.accepts("a-token-of-a-test"), "made up elsewhere"


def test_tokens_outlive_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite3")
    paths = {"authorize": "/oauth/authorize", "token": "/oauth/token"}
    held = grant(OAuthServer("toy", "Toy", store, **paths))
    again = OAuthServer("toy", "Toy", store, **paths)
    assert again.accepts(held["access_token"])
    store.close()


def test_mailchimp_signs_people_in(sandbox: RunningSandbox) -> None:
    base = sandbox.base_url("mailchimp")
    page = requests.post(
        f"{base}/oauth2/authorize",
        {**ASKED, "decision": "allow"},
        allow_redirects=False,
        timeout=10,
    )
    code = parse_qs(urlsplit(page.headers["Location"]).query)["code"][0]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
        "client_id": "app",
    }
    answer = requests.post(f"{base}/oauth2/token", form, timeout=10).json()
    assert "refresh_token" not in answer
    held = {"access_token": answer["access_token"]}
    assert Mailchimp(held, base_url=base).discover() == {"dc": "us6"}
    linked = Mailchimp({**held, "dc": "us6"}, base_url=base)
    assert linked.verify().account_name
    sandbox.control("POST", "mailchimp/tokens", {"action": "revoke"})
    with pytest.raises(CredentialsError):
        linked.verify()
    with pytest.raises(ControlRefused):
        sandbox.control("POST", "mailchimp/tokens", {"action": "steal"})
