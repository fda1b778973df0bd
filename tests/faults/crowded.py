"""A tenant with a very long queue, and how long others wait beside it."""

from __future__ import annotations

import contextlib
import statistics
import time
from dataclasses import dataclass

import psycopg2

from tests.faults.product import Product
from tests.faults.stub import AUDIENCE, Stub

ARRIVES = 120.0  # seconds after which a signup is taken for lost


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant and its linked account; the stub knows it by ``api_key``."""

    name: str
    key: str
    api_key: str
    linked: str
    display: str


def tenant(product: Product, name: str) -> Tenant:
    key = product.keys[name]
    api_key = f"{name.lower():0>32}-us1".replace("_", "0")
    linked = product.link(name, api_key, key=key)
    display = product.display(linked, AUDIENCE, key=key)
    return Tenant(name, key, api_key, linked, display)


def forget(product: Product) -> None:
    """Leave no delivery of an earlier test behind."""
    assert product.database
    with contextlib.closing(psycopg2.connect(product.database.url)) as session:
        session.cursor().execute("TRUNCATE integrations_delivery")
        session.commit()


def fill(product: Product, tenant: Tenant, count: int, prefix: str = "many") -> None:
    """So many due rows of one tenant, written by the data base itself."""
    assert product.database
    with contextlib.closing(psycopg2.connect(product.database.url)) as session:
        cursor = session.cursor()
        cursor.execute(
            """INSERT INTO integrations_delivery (account_id, linked_account_id,
                target_id, origin, contact_id, signup_id, payload, state, reason,
                detail, due, attempts, remote_id, created_at, changed_at)
            SELECT t.account_id, t.linked_account_id, t.id, 'rule', gen_random_uuid(),
                gen_random_uuid(), jsonb_build_object('email',
                    %s || n || '@gmail.com', 'fields',
                    jsonb_build_object('first_name', 'Mira'), 'at', now()),
                'pending', '', '', now(), 0, '', now(), now()
            FROM integrations_target t, generate_series(1, %s) n
            WHERE t.linked_account_id = %s""",
            [prefix, count, tenant.linked],
        )
        assert cursor.rowcount == count
        session.commit()
        session.autocommit = True
        cursor.execute("ANALYZE integrations_delivery")


def delay(product: Product, stub: Stub, tenant: Tenant, name: str) -> float:
    """Seconds from posting one signup until the provider has it."""
    email = f"{name}.{tenant.name}@gmail.com".lower()
    began = time.monotonic()
    status, answer = product.call(
        "POST",
        "signups",
        {"display": tenant.display, "email": email, "fields": {"first_name": "Ada"}},
        key=tenant.key,
    )
    assert (status, answer["status"]) == (202, "accepted"), answer
    while email not in stub.arrived:
        assert time.monotonic() - began < ARRIVES, f"{email} did not arrive"
        time.sleep(0.005)
    return stub.arrived[email] - began


def delays(
    product: Product, stub: Stub, tenant: Tenant, name: str, count: int
) -> list[float]:
    """The delays of so many signups, one after the other, sorted."""
    found = []
    for number in range(count):
        found.append(delay(product, stub, tenant, f"{name}.person{number}"))
        time.sleep(0.3)
    return sorted(found)


def told(what: str, found: list[float]) -> str:
    """ "idle: 0.05 s, at most 0.09 s"."""
    return f"{what}: {statistics.median(found):.2f} s, at most {max(found):.2f} s"
