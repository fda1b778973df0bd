"""Signing in to the simulated HubSpot and Salesforce with OAuth 2."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from integrations.adapters import ADAPTERS
from integrations.adapters.errors import CredentialsError, Reason
from integrations.sandbox.testing import RunningSandbox

BACK = "https://app.example.net/oauth/callback"


def path_of(url: str) -> str:
    """A declared address, as it follows what stands for the provider's host."""
    return urlsplit(url.format(domain="login")).path


def tokens(sandbox: RunningSandbox, slug: str) -> dict[str, Any]:
    """What the token endpoint gives after somebody said yes."""
    oauth = ADAPTERS[slug].oauth
    assert oauth is not None
    asked = {
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": BACK,
        "scope": oauth.separator.join(oauth.scopes),
        "state": "s",
    }
    base = sandbox.base_url(slug)
    with requests.Session() as session:
        session.trust_env = False
        said = session.post(
            base + path_of(oauth.authorize_url),
            data={**asked, "decision": "allow"},
            allow_redirects=False,
            timeout=10,
        )
        code = parse_qs(urlsplit(said.headers["Location"]).query)["code"][0]
        answer = session.post(
            base + path_of(oauth.token_url),
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": BACK,
                "client_id": "app",
                "client_secret": "secret",
            },
            timeout=10,
        )
        return answer.json()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("slug", "given"),
    [("hubspot", "expires_in"), ("salesforce", "instance_url")],
)
def test_a_token_works_until_it_is_revoked(
    sandbox: RunningSandbox, slug: str, given: str
) -> None:
    answer = tokens(sandbox, slug)
    assert given in answer
    secrets = {"access_token": answer["access_token"]}
    adapter = ADAPTERS[slug](secrets, base_url=sandbox.base_url(slug))
    assert adapter.verify().identity
    sandbox.control("POST", f"{slug}/tokens", {"action": "revoke"})
    with pytest.raises(CredentialsError):
        adapter.verify()


def test_hubspot_s_tokens_expire(sandbox: RunningSandbox) -> None:
    secrets = {"access_token": tokens(sandbox, "hubspot")["access_token"]}
    base = sandbox.base_url("hubspot")
    adapter = ADAPTERS["hubspot"](secrets, base_url=base)
    sandbox.control("POST", "hubspot/tokens", {"action": "expire"})
    with pytest.raises(CredentialsError) as caught:
        adapter.verify()
    assert caught.value.reason is Reason.AUTH_EXPIRED


def test_only_salesforce_s_own_hosts_are_kept(sandbox: RunningSandbox) -> None:
    answer = tokens(sandbox, "salesforce")
    assert answer["instance_url"].startswith("http://127.0.0.1")
    assert ADAPTERS["salesforce"].from_token(answer) == {}
