"""Every request to Klaviyo, in every branch, against Klaviyo's own description."""

from __future__ import annotations

from integrations.adapters.base import Contact, Options
from integrations.adapters.klaviyo import Klaviyo
from tests.integrations.adapters import klaviyo_world as world
from tests.integrations.adapters.klaviyo_world import (
    ASK,
    IMPORT,
    IMPORTS,
    MEMBERS,
    NEW,
    OLD,
    PROFILES,
    SUBSCRIBE,
    get,
    import_error,
    import_job,
    look,
    page,
    post,
    profile,
)
from tests.integrations.conformance import Operation
from tests.integrations.contract import AdapterContract, Description

FULL = Contact(
    email=NEW,
    fields={
        "first_name": "José",
        "phone_number": "+15005550006",
        "image": "https://x.example/me.png",
        "location.zip": 30308,
        "location.timezone": "Europe/Rome",
        "Sizes": ["S", "M"],
        "VIP": True,
        "Visits": 3,
    },
)
BRANCHES = (
    Operation(
        name="upsert of one, double opt-in",
        run=lambda adapter: adapter.upsert([FULL], "a1", Options()),
        steps=(*look(**ASK), post(IMPORT, world.IMPORTED, 201), post(SUBSCRIBE)),
    ),
    Operation(
        name="upsert of one who is there",
        run=lambda adapter: adapter.upsert([FULL], "a1", Options()),
        steps=(
            *look(profile(NEW), aside=None),
            post(IMPORT, {"data": profile(NEW)}, 200),
        ),
    ),
    Operation(
        name="upsert of several, full",
        run=lambda adapter: adapter.upsert(
            [FULL, Contact(email=OLD, fields={"Size": "S"})], "a1", Options()
        ),
        steps=(*look(), post(IMPORTS, import_job("queued")), post(SUBSCRIBE)),
    ),
    Operation(
        name="poll with errors over two pages",
        run=lambda adapter: adapter.poll("add:job1", [NEW, OLD], "a1"),
        steps=(
            get(f"{IMPORTS}/job1", import_job(failed=2)),
            get(f"{IMPORTS}/job1/import-errors", page(import_error(OLD), cursor="c2")),
            get(f"{IMPORTS}/job1/import-errors", page(import_error(NEW))),
            get(MEMBERS, page()),
            get(PROFILES, page()),
        ),
    ),
    *(
        Operation(
            name=f"changes, turn {turn}",
            run=lambda adapter, turn=turn: adapter.changes(
                "a1", f'[{turn}, "2026-08-01T10:00:00Z", "", ""]'
            ),
            steps=(get(url, page()),),
        )
        for turn, url in enumerate((PROFILES, PROFILES, PROFILES, MEMBERS))
    ),
)


class TestKlaviyoContract(AdapterContract):
    adapter = Klaviyo
    secrets = world.SECRETS
    operations = world.OPERATIONS + BRANCHES
    descriptions = (Description(name="klaviyo.json", server=world.HOME),)
