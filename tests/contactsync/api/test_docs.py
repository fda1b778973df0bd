"""/api/schema/ is the truth, and /api/docs/ shows it under our content policy."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client

from tests.contactsync.api.client import Api

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """As ``manage.py spectacular --fail-on-warn`` writes it."""
    file = tmp_path_factory.mktemp("schema") / "schema.json"
    call_command(
        *("spectacular", "--fail-on-warn", "--validate"),
        *("--format", "openapi-json", "--file", str(file)),
        skip_checks=True,
    )
    return json.loads(file.read_text())


def test_it_is_openapi_3_1_and_without_warnings(schema: Any) -> None:
    assert schema["openapi"].startswith("3.1")


def test_posting_a_signup_is_described(schema: Any) -> None:
    post = schema["paths"]["/api/v1/signups"]["post"]
    assert set(post["responses"]) >= {"202", "400", "401", "403", "413", "415"}
    assert set(post["responses"]) >= {"422", "429"}
    assert "Retry-After" in post["responses"]["429"]["headers"]
    assert [p["name"] for p in post["parameters"]] == ["Idempotency-Key"]
    body = schema["components"]["schemas"]["NewSignup"]
    assert set(body["properties"]) == {
        *("display", "email", "fields", "consent", "page_url", "referrer", "utm"),
        *("token", "elapsed_ms", "hp"),
    }
    assert set(body["required"]) == {"display", "email"}
    assert body["additionalProperties"] is False


def test_every_operation_says_how_it_fails_and_needs_a_key(schema: Any) -> None:
    problem = {"$ref": "#/components/schemas/Problem"}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert operation["security"] == [{"key": []}], (method, path)
            assert operation["summary"], (method, path)
            for status, answer in operation["responses"].items():
                if status >= "400":
                    content = answer["content"]["application/problem+json"]
                    assert content["schema"] == problem
            names = [p["name"] for p in operation.get("parameters", ())]
            assert ("Idempotency-Key" in names) == (method == "post"), (method, path)


def test_it_is_served_to_anybody() -> None:
    answer = Client().get("/api/schema/?format=json")
    assert answer.status_code == 200
    assert answer.json()["info"]["title"] == "contactsync API"


def test_the_docs_hold_no_inline_script_or_style() -> None:
    page = Client().get("/api/docs/").content.decode()
    assert re.findall(r"<script(?![^>]*\ssrc=)[^>]*>", page) == []
    assert "<style" not in page and "style=" not in page and "onload=" not in page
    for asset in re.findall(r'(?:src|href)="([^"]+)"', page):
        if asset.startswith("/static/"):
            assert finders.find(asset.removeprefix("/static/")), asset
        else:
            assert Client().get(asset).status_code == 200, asset


def test_errors_below_the_api_are_never_pages(api: Api) -> None:
    assert api.get("nowhere").status_code == 404
