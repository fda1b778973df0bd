"""What the tests of the signups API post, and the rows that it leaves."""

from __future__ import annotations

from typing import Any

from contacts.models import Consent, Contact, Event
from displays.models import Display, Signup
from integrations.models import Delivery

ORIGIN = "https://shop.acme.test"


def rows() -> int:
    models: tuple[Any, ...] = (Signup, Contact, Consent, Event, Delivery)
    return sum(model.objects.count() for model in models)


def body(to: Display, **more: Any) -> dict[str, Any]:
    return {"display": str(to.pk), "email": "mira@gmail.com", **more}
