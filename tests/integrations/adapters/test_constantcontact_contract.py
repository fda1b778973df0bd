"""Every request to Constant Contact, in every branch, against its description."""

from __future__ import annotations

from integrations.adapters.base import Contact, Options
from integrations.adapters.constantcontact import ConstantContact
from tests.integrations.adapters import constantcontact_world as world
from tests.integrations.adapters.constantcontact_world import (
    A1,
    ADDING,
    API,
    DAY,
    LEFT,
    LIST,
    MISSING,
    NEW,
    OLD,
    SIGN_UP,
    SIZE,
    TAGGING,
    TAGS,
    activity,
    contact,
    get,
    look,
    page,
    post,
    problem,
    put,
    signed_up,
    uid,
)
from tests.integrations.conformance import Operation
from tests.integrations.contract import AdapterContract, Description, described

FULL = Contact(
    email=NEW,
    fields={
        "first_name": "José",
        "last_name": "Ruiz",
        "job_title": "Chef",
        "company_name": "Food",
        "phone_number": "+1 555 0100",
        "birthday": "12/24",
        "anniversary": "2020-02-01",
        "street_address.street": "1 Main St",
        "street_address.postal_code": 30308,
        SIZE: ["S", "M"],
        DAY: "08/01/2026",
    },
)
# The cursor comes in the link to the next page ("Get Tags", "Paginated Output" in the
# API guide) and is not described as a parameter.
PAGED = ("/contact_lists", "/contact_tags", "/contact_custom_fields")


def one(name: str, person: Contact, options: Options, *steps: object) -> Operation:
    return Operation(
        name=f"upsert, {name}",
        run=lambda adapter: _tolerant(adapter, person, options),
        steps=steps,  # type: ignore[arg-type]
    )


def _tolerant(adapter: ConstantContact, person: Contact, options: Options) -> object:
    try:
        return adapter.upsert([person], A1, options)
    except Exception as error:  # the list that is gone
        assert "not found" in str(error)
        return None


LEAVER = Contact(email=LEFT, signed_up_at=world.AFTER)
BRANCHES = (
    one(
        "full",
        FULL,
        Options(),
        look(),
        signed_up(NEW),
        look(contact(NEW, "explicit", A1)),
    ),
    one(
        "pending, added to the list",
        FULL,
        Options(),
        look(contact(NEW, "pending_confirmation")),
        post(ADDING, activity()),
    ),
    one(
        "left, asked again",
        LEAVER,
        Options(reconfirm=True),
        look(world.left()),
        put(f"{API}/contacts/resubscribe/{uid(LEFT)}"),
    ),
    one(
        "list gone",
        FULL,
        Options(),
        look(),
        post(SIGN_UP, problem("contacts.api.bad", "No such list."), 400),
        get(LIST, MISSING, status=404),
    ),
    one(
        "tags over two pages",
        Contact(email=OLD, tags=("popup",)),
        Options(),
        look(contact(OLD, "explicit", A1)),
        signed_up(OLD, "updated"),
        get(TAGS, page("tags", following="/v3/contact_tags?limit=500&cursor=c2")),
        get(TAGS, page("tags", world.POPUP)),
        post(TAGGING, activity()),
    ),
    Operation(
        name="changes of an empty list",
        run=lambda adapter: adapter.changes(A1, ""),
        steps=(look(), get(LIST, world.WEEKLY)),
    ),
    *(
        Operation(
            name=f"changes, {cursor}",
            run=lambda adapter, cursor=cursor: adapter.changes(A1, cursor),
            steps=(look(world.left()),),
        )
        for cursor in (
            '[1, "2026-08-01T10:00:00Z", "2026-08-01T11:00:00Z", ""]',
            '[0, "", "2026-08-01T11:00:00Z", "cursor=c2"]',
        )
    ),
)


class TestConstantContactContract(AdapterContract):
    adapter = ConstantContact
    secrets = world.SECRETS
    operations = world.OPERATIONS + BRANCHES
    descriptions = (
        Description(
            name="constantcontact.openapi3.json",
            server=API,
            beyond={("GET", path): ("cursor",) for path in PAGED},
            requests_beyond={
                ("GET", "/contacts"): "status and include take several values with "
                "commas; their form is described as one value of a format named csv"
            },
        ),
    )


def test_contacts_are_looked_up_with_described_parameters() -> None:
    """What `requests_beyond` leaves out."""
    route = described("constantcontact.openapi3.json")["paths"]["/contacts"]["get"]
    known = {parameter["name"] for parameter in route["parameters"]}
    used: set[str] = set()
    for operation in TestConstantContactContract.operations:
        with world.playing(*operation.steps) as mock:
            operation.run(world.adapter())
            for number, call in enumerate(mock.calls):
                if call.request.method == "GET" and "/contacts?" in call.request.url:
                    used |= set(world.query(mock, number))
    assert used - {"cursor"} <= known
    assert {"email", "status", "include", "lists", "updated_after"} <= used
