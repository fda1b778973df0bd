"""Calling the REST API as a program does."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

V1 = "/api/v1"
PROBLEM = "application/problem+json"


class Api:
    """The API with one key; without one when ``key`` is empty.

    Every answer is checked for what all answers have in common.
    """

    def __init__(self, key: str = "") -> None:
        self.key = key
        self.client = Client()

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        **headers: str,
    ) -> Any:
        """``body``: bytes as they are, anything else as JSON. ``headers`` by name."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.key:
            named.setdefault("authorization", f"Bearer {self.key}")
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.client.generic(
            method,
            path if path.startswith("/") else f"{V1}/{path}",
            b"" if body is None else data,
            content_type=content_type if body is not None else "",
            headers=named,
        )
        if answer.status_code >= 400:
            check_problem(answer)
        return answer

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("POST", path, body, **headers)

    def patch(self, path: str, body: Any) -> Any:
        return self.call("PATCH", path, body)

    def put(self, path: str, body: Any) -> Any:
        return self.call("PUT", path, body)

    def delete(self, path: str) -> Any:
        return self.call("DELETE", path)


def check_problem(answer: Any) -> None:
    """Every error is RFC 9457 problem+json with a list of field errors."""
    assert answer["Content-Type"] == PROBLEM, answer.content[:300]
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["title"] and body["detail"] and body["type"].startswith("about:blank")
    for error in body["errors"]:
        assert set(error) == {"field", "code", "detail"}
        assert error["detail"]


def fields_of(answer: Any) -> dict[str, str]:
    """A problem's errors as field -> code."""
    return {error["field"]: error["code"] for error in answer.json()["errors"]}
