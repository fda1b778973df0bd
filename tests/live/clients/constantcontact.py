"""A story at the simulated Constant Contact, told with Constant Contact's own client.

Run by test_clients.py with the interpreter that has the client: the URL of the provider
is the argument, what was seen is printed as JSON.
"""

from __future__ import annotations

import json
import sys

from constant_contact_api_client import (  # type: ignore[import-not-found]
    AccountServicesApi,
    ApiClient,
    Configuration,
    ContactListsApi,
    ContactsApi,
    ContactsCustomFieldsApi,
    CreateOrUpdateContactRequest,
    UpdateContactRequest,
)
from constant_contact_api_client.exceptions import (  # type: ignore[import-not-found]
    ApiException,
)

EMAIL = "marie.curie@radium.example"


def refused(error: ApiException) -> list[object]:
    found = json.loads(error.body)
    first = found[0] if isinstance(found, list) else found
    return [error.status, first["error_key"]]


def story(url: str) -> dict[str, object]:
    client = ApiClient(Configuration(host=f"{url}/v3", access_token="a-good-token"))
    people, lists = ContactsApi(client), ContactListsApi(client)
    seen: dict[str, object] = {}
    seen["account"] = AccountServicesApi(client).get_account_details().organization_name
    found = lists.get_all_lists(limit=50).lists
    seen["lists"] = sorted(item.name for item in found)
    newsletter = next(item.list_id for item in found if item.name == "Newsletter")
    fields = ContactsCustomFieldsApi(client).get_all_custom_fields().custom_fields
    seen["fields"] = sorted(field.label for field in fields)

    def sign_up(name: str, email: str = EMAIL) -> str:
        body = CreateOrUpdateContactRequest(
            email_address=email, first_name=name, list_memberships=[newsletter]
        )
        return str(people.create_or_update_contact(body).action)

    seen["made"], seen["again"] = sign_up("Marie"), sign_up("M.")
    [known] = people.get_all_contacts(
        email=EMAIL, status="all", include="list_memberships"
    ).contacts
    seen["known"] = [
        known.first_name,
        known.email_address.permission_to_send,
        [str(item) for item in known.list_memberships] == [str(newsletter)],
    ]
    leave = UpdateContactRequest.from_dict(
        {
            "email_address": {"address": EMAIL, "permission_to_send": "unsubscribed"},
            "update_source": "Contact",
        }
    )
    left = people.update_contact(known.contact_id, leave)
    seen["left"] = left.email_address.permission_to_send
    people.delete_contact(known.contact_id)
    for name, call in (
        ("unknown", lambda: people.get_contact_by_id("not-an-id")),
        ("refused", lambda: sign_up("Marie", "not an address")),
    ):
        try:
            call()
        except ApiException as error:
            seen[name] = refused(error)
    bad = ApiClient(Configuration(host=f"{url}/v3", access_token="a-bad-token"))
    try:
        ContactListsApi(bad).get_all_lists()
    except ApiException as error:
        seen["bad token"] = refused(error)
    return seen


if __name__ == "__main__":
    print(json.dumps(story(sys.argv[1])))
