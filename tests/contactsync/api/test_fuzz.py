"""Made-up requests for every operation: what comes back is as /api/schema/ says.

Bounded and the same in every run. Half of the requests follow the schema, half break
it on purpose; half name things that are there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as bounds
from schemathesis import GenerationMode
from schemathesis.checks import (
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
)
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    status_code_conformance,
)

from connections.services import ImportSettings, import_create
from contacts.models import Contact, Suppression
from contactsync.tenancy.models import Account
from contactsync.tenancy.services import IssuedKey, api_key_issue
from contactsync.wsgi import application
from displays.models import Display, Signup
from hygiene.models import ListEntry
from integrations.adapters.declare import SubAccount
from integrations.adapters.mailchimp import Mailchimp
from integrations.models import BulkRun, LinkedAccount
from integrations.sandbox.mailchimp.seed import NEWSLETTER
from integrations.sandbox.testing import running_sandbox
from tests.connections.world import cleaned
from tests.contactsync.api.client import Api
from tests.hygiene.cleaning.world import started
from tests.integrations.world import delivery, rule_to

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
EXAMPLES = 10
API_KEY = "0" * 32 + "-us1"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def described() -> Any:
    """The schema as it is served, answered by our WSGI application in this process."""
    served = OpenApiJsonRenderer().render(SchemaGenerator().get_schema(public=True))
    loaded = schemathesis.openapi.from_dict(json.loads(served))
    loaded.app = application
    return loaded


SCHEMA = described()
OPERATIONS = [operation.ok().label for operation in SCHEMA.get_all_operations()]


@pytest.fixture
def world(
    acme: Account,
    display: Display,
    linked: LinkedAccount,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[dict[str, dict[str, str]]]:
    """Path arguments of things that are there, by the head of the path."""
    parts = {"sub_accounts"}
    monkeypatch.setattr(Mailchimp, "supports", Mailchimp.supports | parts)
    one = [SubAccount(id="1", label="One")]
    monkeypatch.setattr(Mailchimp, "sub_accounts", lambda self: one)
    settings.API_RATE_PER_KEY = settings.SIGNUP_RATE_PER_KEY = "1000000/min"
    rule = rule_to(display, linked)
    key = api_key_issue(account=acme, kind="sk", name="x")
    body = {"display": str(display.pk), "email": "mira@gmail.com"}
    Api(key.text).post("signups", body)
    row = delivery(rule, email="x@gmail.com", state="failed", reason="server")
    gone = Suppression.objects.create(account=acme, email_key="a@b.de", actor="admin")
    entry = ListEntry.objects.create(
        account=acme, kind="deny", scope="domain", value="denied.org"
    )
    run = cleaned(acme, [("mira@gmail.com", "Mira", "")])
    wanted = ImportSettings(linked_account=linked, audience_id=NEWSLETTER, consent="-")
    sent = cleaned(acme, [("mira@gmail.com", "Mira", "")])
    job = import_create(run=sent, settings=wanted)
    contact = Contact.objects.get()
    asked = {"state": "awaiting_opt_in", "asked_by": "us"}
    delivery(rule, email=contact.email, contact_id=contact.pk, **asked)
    bulk = BulkRun.objects.create(
        account=acme,
        kind="retry",
        state="planned",
        plan={"acts": {"create": 1}},
        progress={"enqueued": 1},
    )
    with running_sandbox() as sandbox:
        settings.PROVIDER_URLS = {"mailchimp": sandbox.base_url("mailchimp")}
        yield {
            "displays": {"id": str(display.pk), "rule": str(rule.pk)},
            "signups": {"id": str(Signup.objects.get().pk)},
            "contacts": {"id": str(contact.pk)},
            "linked-accounts": {"id": str(linked.pk)},
            "deliveries": {"id": str(row.pk)},
            "suppressions": {"id": str(gone.pk)},
            # What a body or a query names, where it names it at all.
            "names": {
                "sub_account": "1",
                "id": "1",
                "display": str(display.pk),
                "linked_account": str(linked.pk),
                "provider": "mailchimp",
                "audience": NEWSLETTER,
                "value": "*.rival.com",
                "reason": "We know them",
                "cleaning": str(run.pk),
                "mapping": {"first_name": "FNAME"},
                "email_column": "1",
                "first_name_column": "1",
                "last_name_column": "1",
                "file": b"Email\njo@gmail.com\n",
            },
            "hygiene/entries": {"id": str(entry.pk)},
            "hygiene/cleanings": {"id": str(started(acme).pk)},
            "imports": {"id": str(job.pk)},
            "bulk-runs": {"id": str(bulk.pk)},
        }


@pytest.fixture(autouse=True)
def one_connection(world: Any) -> Iterator[None]:
    """The application in this process works inside the test's transaction, so it must
    not put the connection away after each request. (Django's test client, which
    made the world, sees to that by itself, and puts the signals back.)"""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


def named(given: Any, names: dict[str, str]) -> None:
    """Let a body or a query name what is there, where it names such a thing."""
    if isinstance(given, dict):
        given.update({name: names[name] for name in names if name in given})
        if "credentials" in given:
            given["credentials"] = {"api_key": API_KEY}


def tried(
    operation: Any,
    mode: GenerationMode,
    arguments: dict[str, str],
    names: dict[str, str],
    key: str,
) -> set[int]:
    """Make up requests and check each answer; the statuses that came back."""
    statuses: set[int] = set()

    @bounds(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=operation.as_strategy(
            generation_mode=mode, path_parameters=arguments or None
        )
    )
    def ask(case: Any) -> None:
        if mode.is_positive:
            named(case.body, names)
            if operation.label.endswith("/entries/import"):
                case.body = "a.org"
            asked = {key: value for key, value in names.items() if key != "file"}
            named(case.query, asked)
        headers = {"Authorization": f"Bearer {key}"}
        statuses.add(case.call_and_validate(headers=headers, checks=CHECKS).status_code)

    ask()
    return statuses


@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_as_described(
    label: str, world: dict[str, dict[str, str]], secret_key: IssuedKey
) -> None:
    method, path = label.split(" ", 1)
    parts = path.split("/")
    there = world.get("/".join(parts[3:5])) or world.get(parts[3], {})
    known = {name: value for name, value in there.items() if f"{{{name}}}" in path}
    # A run can be started, or paused, or undone: one thing at a time.
    state = {"pause": "running", "resume": "paused", "undo": "done"}.get(parts[-1])
    BulkRun.objects.filter(state="planned").update(state=state or "planned")
    statuses = set()
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        for arguments in [{}, known] if known else [{}]:
            statuses |= tried(
                SCHEMA[path][method], mode, arguments, world["names"], secret_key.text
            )
    # Or else nothing but refusals would have been tried.
    assert statuses & {200, 201, 202, 204}
    assert statuses & {400, 401, 404, 422}
