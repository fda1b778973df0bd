"""The calls with which people sign in and unlink, against HubSpot's own description."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import responses

from integrations import oauth
from integrations.adapters.hubspot import HubSpot
from tests.integrations.adapters.hubspot_world import API
from tests.integrations.contract import Contract

APP = oauth.App(client_id="the-app", client_secret="app-secret-0123456789")
HELD = {"access_token": "an-access-token", "refresh_token": "a-refresh-token"}
ANSWER = {
    **{"access_token": "CJSP5qf1KhICAQEYs-gDIIGOBii1hQI", "token_type": "bearer"},
    **{"refresh_token": "6f18f21e-a743-4509-b7fd-1a5e632fffa1", "expires_in": 1800},
    **{"hub_id": 62515, "user_id": 293199, "scopes": ["oauth"]},
    "token_use": "access_token",
}
TOKEN, REVOKE = "/oauth/v3/token", "/oauth/v3/token/revoke"
CALLS: dict[str, tuple[str, Callable[[], object]]] = {
    "code": (TOKEN, lambda: oauth.exchanged(HubSpot, APP, {}, "a-code", "v" * 43)),
    "refresh": (TOKEN, lambda: oauth.renewed(HubSpot, APP, HELD)),
    "revoke": (REVOKE, lambda: oauth.revoked(HubSpot, APP, HELD)),
}


@pytest.mark.contract
@pytest.mark.parametrize("name", CALLS)
def test_fits_the_description(name: str, settings: object) -> None:
    settings.PROVIDER_URLS = {}  # type: ignore[attr-defined]
    path, call = CALLS[name]
    contract = Contract("hubspot-oauth-v3.json", API)
    with responses.RequestsMock() as mock:
        mock.add("POST", f"{API}{path}", json=ANSWER if path == TOKEN else None)
        call()
        [made] = [item.request for item in mock.calls]
    assert contract.check_request(made) == ("POST", path)
    if path == TOKEN:
        contract.check_answer(made, 200, ANSWER)
