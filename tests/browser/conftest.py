"""Chromium against the real site. Any console message fails the test: that is how a
style, script or request that the Content-Security-Policy forbids is noticed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
)

from contactsync.tenancy.models import User

# Playwright's synchronous API runs an event loop, in which Django refuses to work.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

expect.set_options(timeout=30_000)  # two browsers share a small machine

HERE = Path(__file__).parent
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOAD_FAILED = "Failed to load resource: the server responded with a status of "
AXE = Axe().axe_script
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser_type_launch_args(
    browser_type_launch_args: dict[str, Any],
) -> dict[str, Any]:
    return {
        **browser_type_launch_args,
        "executable_path": os.environ.get("CHROMIUM", "/usr/bin/chromium"),
        "args": [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    }


@pytest.fixture
def browser_context_args(
    browser_context_args: dict[str, Any], live_server: Any
) -> dict[str, Any]:
    return {
        **browser_context_args,
        "base_url": live_server.url,
        "viewport": DESK,
        "reduced_motion": "reduce",
    }


class Console:
    """What the pages of a test said; ``allow`` names what the test expects."""

    def __init__(self) -> None:
        self.said: list[str] = []
        # A form with errors answers 422, and Chromium notes that by itself.
        self.allowed = [re.escape(f"{LOAD_FAILED}422")]

    def allow(self, pattern: str) -> None:
        """``pattern`` is a regular expression that matches somewhere in the text."""
        self.allowed.append(pattern)

    def allow_status(self, status: int) -> None:
        """A page or request is expected to answer ``status``."""
        self.allow(re.escape(f"{LOAD_FAILED}{status}"))

    def watch(self, context: BrowserContext) -> BrowserContext:
        context.on("console", self._note)
        context.on("weberror", lambda error: self.said.append(f"error: {error.error}"))
        return context

    def _note(self, message: ConsoleMessage) -> None:
        # Verbose is Chromium's advice to authors, for instance on password forms.
        if message.type != "verbose" and not message.text.startswith("[DOM]"):
            self.said.append(f"{message.type}: {message.text}")

    @property
    def unexpected(self) -> list[str]:
        return [
            text
            for text in self.said
            if not any(re.search(pattern, text) for pattern in self.allowed)
        ]


@pytest.fixture
def console() -> Iterator[Console]:
    """Checked at the end of every browser test, whatever contexts it made."""
    found = Console()
    yield found
    assert found.unexpected == []


@pytest.fixture
def context(context: BrowserContext, console: Console) -> BrowserContext:
    return console.watch(context)


@pytest.fixture
def no_js(
    browser: Browser, browser_context_args: dict[str, Any], console: Console
) -> Iterator[Page]:
    """A page of a browser without JavaScript."""
    args = {**browser_context_args, "java_script_enabled": False}
    context = console.watch(browser.new_context(**args))
    yield context.new_page()
    context.close()


@pytest.fixture
def login(live_server: Any) -> Callable[[Page, User], None]:
    """``login(page, user)``: by the session cookie, without the form."""

    def with_cookie(page: Page, user: User) -> None:
        client = Client()
        client.force_login(user, backend=BACKEND)
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        page.context.add_cookies(
            [
                {
                    "name": settings.SESSION_COOKIE_NAME,
                    "value": session,
                    "url": live_server.url,
                }
            ]
        )

    return with_cookie


def violations(page: Page) -> list[str]:
    """One line for every rule that is broken: its name, why, and where."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    # The whole report has each element that is well, too: seconds on the way here.
    found = page.evaluate(
        "options => axe.run(document, options).then(report => report.violations)",
        {"runOnly": RULES, "resultTypes": ["violations"]},
    )
    return [
        f"{rule['id']} ({rule['help']}): "
        + "; ".join(str(node["target"]) for node in rule["nodes"])
        for rule in found
    ]


@pytest.fixture
def axe() -> Callable[[Page], None]:
    """``axe(page)``: no violation in light, dark and at 390 px, nothing sideways."""

    def check(page: Page) -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert violations(page) == [], f"{page.url} in {scheme}"
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(PHONE)
        assert violations(page) == [], f"{page.url} at 390 px"
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"], f"{page.url} is {wide} px wide at 390 px"
        page.set_viewport_size(DESK)

    return check
