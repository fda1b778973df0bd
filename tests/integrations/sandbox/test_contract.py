"""The simulator's answers against Mailchimp's own description of them."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any

import pytest
import requests
from openapi_core import OpenAPI
from openapi_core.configurations import Config
from openapi_core.contrib.requests import (
    RequestsOpenAPIRequest,
    RequestsOpenAPIResponse,
)
from openapi_core.exceptions import OpenAPIError

from integrations.sandbox.testing import RunningSandbox
from tests.integrations.sandbox.helpers import (
    LEFT,
    NEWSLETTER,
    SUBSCRIBED,
    VIP,
    Api,
    member_path,
)

ROOT = Path(__file__).resolve().parents[3]
SPECS = Path(os.environ.get("CONTRACT_SPECS") or ROOT.parent / "shared" / "specs")
DESCRIPTION = SPECS / "mailchimp.openapi3.json"
HOST = "https://us6.api.mailchimp.com"

pytestmark = [
    pytest.mark.contract,
    pytest.mark.skipif(
        not DESCRIPTION.exists(),
        reason=f"{DESCRIPTION} is absent; set CONTRACT_SPECS to the folder that has it",
    ),
]
NEW = "new@shop.example"
READS = [
    "/ping",
    "/",
    "/lists",
    f"/lists/{NEWSLETTER}",
    f"/lists/{NEWSLETTER}/merge-fields",
    f"/lists/{NEWSLETTER}/merge-fields/1",
    f"/lists/{NEWSLETTER}/members?count=100",
    member_path(SUBSCRIBED),
    member_path(LEFT),
    f"{member_path(SUBSCRIBED)}/tags",
    f"/lists/{NEWSLETTER}/tag-search?name=early",
    f"/lists/{NEWSLETTER}/segments",
    f"/lists/{NEWSLETTER}/segments/101",
    f"/lists/{NEWSLETTER}/segments/101/members",
    f"/lists/{NEWSLETTER}/interest-categories",
    f"/lists/{NEWSLETTER}/webhooks",
    "/search-members?query=ada",
]
WRITES: list[tuple[str, str, Any]] = [
    ("PUT", member_path(NEW), {"email_address": NEW, "status_if_new": "pending"}),
    (
        "POST",
        f"/lists/{NEWSLETTER}/members",
        {"email_address": NEW, "status": "subscribed", "tags": ["A"]},
    ),
    ("PATCH", member_path(SUBSCRIBED), {"merge_fields": {"FNAME": "G"}}),
    (
        "POST",
        f"/lists/{NEWSLETTER}",
        {
            "members": [
                {"email_address": NEW, "status": "subscribed"},
                {"email_address": SUBSCRIBED, "status": "subscribed"},
                {"email_address": LEFT, "status": "subscribed"},
            ],
            "update_existing": True,
        },
    ),
    (
        "POST",
        f"/lists/{NEWSLETTER}/merge-fields",
        {"name": "Size", "type": "dropdown", "options": {"choices": ["S"]}},
    ),
    (
        "POST",
        f"/lists/{NEWSLETTER}/segments",
        {"name": "S", "static_segment": [SUBSCRIBED]},
    ),
    (
        "POST",
        f"/lists/{NEWSLETTER}/segments/101",
        {"members_to_add": [LEFT, "no@body.example"], "members_to_remove": []},
    ),
    (
        "POST",
        f"/lists/{NEWSLETTER}/webhooks",
        {"url": "https://hooks.example.com/", "events": {"subscribe": True}},
    ),
    (
        "POST",
        f"{member_path(SUBSCRIBED)}/tags",
        {"tags": [{"name": "B", "status": "active"}]},
    ),
    ("DELETE", member_path(SUBSCRIBED), None),
    ("POST", f"{member_path(SUBSCRIBED)}/actions/delete-permanent", None),
]
REFUSALS: list[tuple[str, str, Any]] = [
    ("GET", "/lists/none", None),
    ("GET", member_path(NEW), None),
    ("PATCH", member_path(LEFT), {"status": "subscribed"}),
    ("PUT", member_path(NEW), {"email_address": "x", "status_if_new": "pending"}),
    ("PUT", member_path(NEW), {"email_address": NEW, "status_if_new": "later"}),
]


def _moment(value: object) -> bool:
    """Mailchimp leaves times it does not know empty, whatever the format says."""
    return not value or (isinstance(value, str) and "T" in value and "+00:00" in value)


@functools.cache
def description() -> OpenAPI:
    document = json.loads(DESCRIPTION.read_text())
    document["servers"] = [{"url": f"{HOST}/3.0"}]
    config = Config(
        extra_media_type_deserializers={
            "application/problem+json": lambda body, **_: json.loads(body)
        },
        extra_format_validators={"date-time": _moment},
        # Read in full once a session; the description itself is not under test.
        spec_validator_cls=None,
    )
    return OpenAPI.from_dict(document, config=config)


def validate(api: Api, method: str, path: str, body: Any) -> requests.Response:
    """Make the call and hold its answer against the description."""
    answer = api(method, path, body)
    asked = requests.Request(method, f"{HOST}/3.0{path}", json=body).prepare()
    description().validate_response(
        RequestsOpenAPIRequest(asked), RequestsOpenAPIResponse(answer)
    )
    return answer


@pytest.mark.parametrize("path", READS)
def test_reads(api: Api, path: str) -> None:
    assert validate(api, "GET", path, None).status_code == 200


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_writes(api: Api, method: str, path: str, body: Any) -> None:
    assert validate(api, method, path, body).status_code in (200, 204)


@pytest.mark.parametrize(("method", "path", "body"), REFUSALS)
def test_refusals(api: Api, method: str, path: str, body: Any) -> None:
    assert validate(api, method, path, body).status_code in (400, 404)


def test_nothing_is_answered_that_is_not_described(api: Api) -> None:
    schema = _schema("/lists/{list_id}/members/{subscriber_hash}", "get")
    member = api("GET", member_path(LEFT)).json()
    assert set(member) <= set(schema["properties"])
    schema = _schema("/lists", "get")["properties"]["lists"]["items"]
    audience = api("GET", "/lists").json()["lists"][0]
    assert set(audience) <= set(schema["properties"])
    schema = _schema("/lists/{list_id}/merge-fields", "get")
    field = api("GET", f"/lists/{VIP}/merge-fields").json()["merge_fields"][0]
    described = schema["properties"]["merge_fields"]["items"]["properties"]
    assert set(field) == set(described)


def _schema(path: str, method: str) -> Any:
    document = json.loads(DESCRIPTION.read_text())
    answer = document["paths"][path][method]["responses"]["200"]
    return answer["content"]["application/json"]["schema"]


def test_the_check_can_fail(api: Api, sandbox: RunningSandbox) -> None:
    """A wrong type in an answer is found."""
    simulator: Any = sandbox.app.simulators["mailchimp"]
    simulator.account.audiences[NEWSLETTER].name = 7
    with pytest.raises(OpenAPIError):
        validate(api, "GET", "/lists", None)
