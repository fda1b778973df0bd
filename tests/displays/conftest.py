"""A sandbox to read audiences from, a rule, and the API as its callers reach it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache

from contactsync.tenancy.services import IssuedKey
from displays.models import Display, SyncRule
from displays.services import RuleSettings, rule_create
from integrations.models import LinkedAccount
from integrations.sandbox.testing import RunningSandbox, running_sandbox
from tests.contactsync.api.client import Api
from tests.displays.rules import NEWSLETTER
from tests.displays.signups import rows


@pytest.fixture(scope="module")
def _running() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


@pytest.fixture
def sandbox(_running: RunningSandbox, settings: Any) -> RunningSandbox:
    cache.clear()
    _running.reset()
    _running.faults()
    settings.PROVIDER_URLS = {"mailchimp": _running.base_url("mailchimp")}
    return _running


@pytest.fixture
def rule(display: Display, linked: LinkedAccount) -> SyncRule:
    return rule_create(
        display=display,
        settings=RuleSettings(
            linked_account=linked,
            audience_id=NEWSLETTER,
            audience_label="Newsletter",
            mapping={"first_name": "FNAME"},
            tags=["spring"],
            double_opt_in=True,
        ),
    )


@pytest.fixture
def shop(publishable_key: IssuedKey) -> Api:
    """The API as a web page calls it."""
    return Api(publishable_key.text)


@pytest.fixture
def server(secret_key: IssuedKey) -> Api:
    return Api(secret_key.text)


@pytest.fixture
def nothing_written(db: None) -> Iterator[None]:
    yield
    assert rows() == 0
