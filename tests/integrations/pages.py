"""Pages of an account, as a test asks for them and reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.test import Client
from django.urls import reverse

from contactsync.tenancy.models import Account, User

ClientOf = Callable[[User], Client]


def url(name: str, account: Account, *args: object) -> str:
    return reverse(name, args=[account.slug, *args])


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())
