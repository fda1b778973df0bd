from __future__ import annotations

import pytest

from contactsync.tenancy.services import IssuedKey
from tests.contactsync.api.client import Api


@pytest.fixture
def api(secret_key: IssuedKey) -> Api:
    return Api(secret_key.text)
