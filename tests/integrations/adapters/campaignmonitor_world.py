"""Campaign Monitor's answers, as its pages show them, and every request we make."""

from __future__ import annotations

from typing import Any

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.campaignmonitor import CampaignMonitor
from integrations.adapters.errors import Reason
from tests.integrations.conformance import Leaver, Operation, Step

API = "https://api.createsend.com/api/v3.3"
LIST = f"{API}/lists/a1"
PEOPLE_URL = f"{API}/subscribers/a1.json"
IMPORT_URL = f"{API}/subscribers/a1/import.json"
SECRETS = {
    "access_token": "AlbVXEjVXEjVXEjVXEjVXEjVXEjVXEjVXEjVXEjVXEg==",
    "sub_account": "c1",
}
NEW, OLD, BAD, LEFT = "new@x.org", "old@x.org", "bad@x", "left@x.org"


def problem(code: int, message: str) -> dict[str, Any]:
    return {"Code": code, "Message": message}


UNAUTHORIZED = problem(100, "Invalid API Key")
FORBIDDEN = problem(403, "This resource is for agencies only")
MISSING = problem(404, "We couldn't find the resource you're looking for.")
REFUSED = problem(1, "Invalid Email Address")
NOT_THERE = problem(203, "Subscriber not in list or has already been removed.")


def subscriber(email: str, state: str = "Active", **more: Any) -> dict[str, Any]:
    return {
        "EmailAddress": email,
        "Name": "Mary",
        "Date": "2026-08-01 10:28:00",
        "ListJoinedDate": "2026-07-01 10:28:00",
        "State": state,
        "CustomFields": [
            {"Key": "website", "Value": "https://example.com"},
            {"Key": "likes", "Value": "Tea"},
            {"Key": "likes", "Value": "Jam"},
            {"Key": "subscription date", "Value": ""},
        ],
        "ReadsEmailWith": "",
        **more,
    }


def page(*rows: Any, pages: int = 1) -> dict[str, Any]:
    return {
        "Results": list(rows),
        "ResultsOrderedBy": "date",
        "OrderDirection": "asc",
        "PageNumber": 1,
        "PageSize": 1000,
        "RecordsOnThisPage": len(rows),
        "TotalNumberOfRecords": len(rows),
        "NumberOfPages": pages,
    }


def imported(*failures: Any, existing: int = 0) -> dict[str, Any]:
    return {
        "FailureDetails": list(failures),
        "TotalUniqueEmailsSubmitted": 3,
        "TotalExistingSubscribers": existing,
        "TotalNewSubscribers": 1,
        "DuplicateEmailsInSubmission": [],
    }


def failure(email: str, code: int, message: str) -> dict[str, Any]:
    return {"EmailAddress": email, **problem(code, message)}


def list_details(confirmed: bool) -> Step:
    return Step(
        method="GET",
        url=f"{LIST}.json",
        answer={"ConfirmedOptIn": confirmed, "Title": "Newsletter", "ListID": "a1"},
    )


PLAIN, CONFIRMED = list_details(False), list_details(True)
DONE = Step(method="POST", url=IMPORT_URL, status=201, answer=imported())


def partly(*failures: Any) -> Step:
    body = problem(210, "Subscriber Import had some failures")
    answer = {"ResultData": imported(*failures, existing=1), **body}
    return Step(method="POST", url=IMPORT_URL, status=400, answer=answer)


def find(email: str, state: str = "Active") -> Step:
    return Step(method="GET", url=PEOPLE_URL, answer=subscriber(email, state))


NOBODY = Step(method="GET", url=PEOPLE_URL, status=400, answer=NOT_THERE)


def add(email: str) -> Step:
    return Step(method="POST", url=PEOPLE_URL, status=201, answer=email)


CLIENTS = Step(
    method="GET",
    url=f"{API}/clients.json",
    answer=[
        {"ClientID": "c1", "Name": "Client One"},
        {"ClientID": "c2", "Name": "Client Two"},
    ],
)
LISTS = Step(
    method="GET",
    url=f"{API}/clients/c1/lists.json",
    answer=[{"ListID": "a1", "Name": "Newsletter"}],
)
STATS = Step(
    method="GET", url=f"{LIST}/stats.json", answer={"TotalActiveSubscribers": 42}
)
FIELDS = Step(
    method="GET",
    url=f"{LIST}/customfields.json",
    answer=[
        {
            "FieldName": "website",
            "Key": "[website]",
            "DataType": "Text",
            "FieldOptions": [],
            "VisibleInPreferenceCenter": True,
        },
        {
            "FieldName": "likes",
            "Key": "[likes]",
            "DataType": "MultiSelectMany",
            "FieldOptions": ["Tea", "Jam"],
            "VisibleInPreferenceCenter": True,
        },
    ],
)
PEOPLE = (
    Contact(email=NEW, fields={"Name": "Mary", "[likes]": ["Tea", "Jam"]}),
    Contact(email=BAD),
    Contact(email=LEFT),
)


def operation(name: str, run: Any, *steps: Step) -> Operation:
    return Operation(name=name, run=run, steps=steps)


def upsert(name: str, people: Any, options: Options, *steps: Step) -> Operation:
    return operation(
        f"upsert of {name}", lambda a: a.upsert(people, "a1", options), *steps
    )


def erase(adapter: CampaignMonitor) -> Any:
    adapter.secrets.pop("sub_account")
    return adapter.erase(OLD)


READING = (
    operation("verify", CampaignMonitor.verify, CLIENTS, LISTS),
    operation("sub_accounts", CampaignMonitor.sub_accounts, CLIENTS),
    operation("audiences", CampaignMonitor.audiences, LISTS, PLAIN, STATS),
    operation("fields", lambda a: a.fields("a1"), FIELDS),
    operation("subscriptions", lambda a: a.subscriptions([OLD], "a1"), find(OLD)),
    operation(
        "changes",
        lambda a: a.changes("a1", ""),
        Step(method="GET", url=f"{LIST}/active.json", answer=page(subscriber(OLD))),
    ),
)
WRITING = (
    upsert(
        "several",
        PEOPLE,
        Options(),
        PLAIN,
        partly(
            failure(BAD, 1, "Invalid Email Address"),
            failure(LEFT, 208, "Is Unconfirmed"),
        ),
    ),
    upsert("several, all well", PEOPLE, Options(), PLAIN, DONE),
    upsert(
        "some where the list asks",
        PEOPLE[:1],
        Options(),
        CONFIRMED,
        NOBODY,
        add(NEW),
    ),
    operation(
        "add_webhook",
        lambda a: a.add_webhook("https://x.example/hook?secret=s", "a1"),
        Step(
            method="POST",
            url=f"{LIST}/webhooks.json",
            status=201,
            answer="6a783d359bd44ef62c6ca0d3eda4412a",
        ),
    ),
    operation(
        "remove_webhook",
        lambda a: a.remove_webhook("6a783d359bd44ef62c6ca0d3eda4412a", "a1"),
        Step(
            method="DELETE",
            url=f"{LIST}/webhooks/6a783d359bd44ef62c6ca0d3eda4412a.json",
        ),
    ),
    operation(
        "unsubscribe",
        lambda a: a.unsubscribe([OLD], "a1"),
        Step(method="POST", url=f"{API}/subscribers/a1/unsubscribe.json"),
    ),
    operation(
        "erase",
        erase,
        Step(
            method="GET",
            url=f"{API}/clients.json",
            answer=[{"ClientID": "c1", "Name": "Client One"}],
        ),
        Step(
            method="GET",
            url=f"{API}/clients/c1/listsforemail.json",
            answer=[
                {
                    "ListID": "a1",
                    "ListName": "Newsletter",
                    "SubscriberState": "Active",
                    "DateSubscriberAdded": "2026-07-01 10:28:00",
                }
            ],
        ),
        Step(method="DELETE", url=PEOPLE_URL),
    ),
)
OPERATIONS = READING + WRITING

# Recorded from the official client, its requests and the answers in its fixtures.
CLIENT = "https://github.com/campaignmonitor/createsend-python/blob/master"
DAY = "(read 2026-11-22)"
LISTS_OF, SUBSCRIBERS = (
    f"{CLIENT}/lib/createsend/list.py {DAY}",
    f"{CLIENT}/lib/createsend/subscriber.py {DAY}",
)
CLIENTS_OF = f"{CLIENT}/lib/createsend/client.py {DAY}"
ONE, ALL = "/api/v3.3/subscribers/{listid}", "/api/v3.3/lists/{listid}"
DOCUMENTED = {
    ("GET", "/api/v3.3/clients.json"): f"{CLIENT}/lib/createsend/createsend.py {DAY}",
    ("GET", "/api/v3.3/clients/{clientid}/lists.json"): CLIENTS_OF,
    ("GET", "/api/v3.3/clients/{clientid}/listsforemail.json"): CLIENTS_OF,
    ("GET", f"{ALL}/stats.json"): LISTS_OF,
    ("GET", f"{ALL}/customfields.json"): LISTS_OF,
    ("GET", f"{ALL}/active.json"): LISTS_OF,
    ("GET", f"{ALL}.json"): LISTS_OF,
    ("POST", f"{ALL}/webhooks.json"): LISTS_OF,
    ("DELETE", f"{ALL}/webhooks/{{webhookid}}.json"): LISTS_OF,
    ("GET", f"{ONE}.json"): SUBSCRIBERS,
    ("POST", f"{ONE}/import.json"): SUBSCRIBERS,
    ("POST", f"{ONE}/unsubscribe.json"): SUBSCRIBERS,
    ("POST", f"{ONE}.json"): SUBSCRIBERS,
    ("DELETE", f"{ONE}.json"): SUBSCRIBERS,
}


def leaver(
    status: str, reason: Reason, *steps: Step, never: tuple[str, ...] = ()
) -> Leaver:
    return Leaver(
        status=status,
        reason=reason,
        state=OutcomeState.REJECTED,
        steps=steps,
        never=('"Resubscribe": true', *never),
    )


# By the import, which refuses them, and where the list asks, where nothing is written.
LEAVERS = tuple(
    leaver(status, reason, PLAIN, partly(failure(LEFT, code, "Is not active")))
    for status, reason, code in (
        ("unsubscribed", Reason.UNSUBSCRIBED, 206),
        ("archived", Reason.UNSUBSCRIBED, 205),
        ("bounced", Reason.BOUNCED, 207),
        ("complained", Reason.COMPLIANCE, 204),
    )
) + tuple(
    leaver(status, reason, CONFIRMED, find(LEFT, state), never=("Resubscribe",))
    for status, reason, state in (
        ("unsubscribed", Reason.UNSUBSCRIBED, "Unsubscribed"),
        ("archived", Reason.UNSUBSCRIBED, "Deleted"),
        ("bounced", Reason.BOUNCED, "Bounced"),
    )
)
