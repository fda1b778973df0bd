"""Every curl line of docs/sandbox.md does what it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import requests

from integrations.sandbox.control import INDEX
from integrations.sandbox.testing import RunningSandbox

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "sandbox.md").read_text()


def test_the_curl_lines_work(sandbox: RunningSandbox) -> None:
    page = PAGE.replace("http://127.0.0.1:8901", sandbox.url)
    lines = re.findall(r"^curl .*$", page, re.MULTILINE)
    assert len(lines) > 15
    for line in lines:
        words = shlex.split(
            line.replace("$C", f"{sandbox.url}/_control"), comments=True
        )
        options = dict(zip(words[1:], words[2:], strict=False))
        (url,) = (word for word in words if word.startswith("http"))
        user = options.get("-u")
        answer = requests.request(
            options.get("-X", "GET"),
            url,
            data=options.get("-d"),
            auth=tuple(user.split(":")) if user else None,  # type: ignore[arg-type]
            timeout=10,
        )
        assert answer.status_code == 200, (line, answer.text)


def test_every_control_call_is_documented() -> None:
    for call in INDEX:
        method, _, path = call.partition(" ")
        path = path.removeprefix("/_control").partition("?")[0]
        path = path.replace("{slug}", "mailchimp")
        flag = "" if method == "GET" else rf"-X {method} "
        pattern = rf'curl {flag}"?\$C{re.escape(path)}(?=[\s"?])'
        assert re.search(pattern, PAGE), call
