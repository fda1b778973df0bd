"""Finding things in iContact: the client folder, contacts, where they stand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

from integrations.adapters.base import Subscription
from integrations.adapters.calls import RestCalls
from integrations.adapters.consent import LEFT
from integrations.adapters.declare import SubAccount
from integrations.adapters.each import forms, key_of
from integrations.adapters.errors import TargetError
from integrations.adapters.http import Params
from integrations.adapters.icontact.wire import number_of, standing
from integrations.adapters.shapes import Row, id_in, rows_in, unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What iContact has of an address; `contact` is {} when it has none."""

    contact: Row
    place: Row | None
    standing: Subscription

    @property
    def id(self) -> str:
        return str(self.contact.get("contactId", ""))


class IContactFolder(RestCalls):
    """The reading that everything else starts with."""

    def sub_accounts(self) -> list[SubAccount]:
        """Every client folder of every account that is enabled, as "account/folder"."""
        found = []
        for account in self.rows("/icp/a/"):
            if str(account.get("enabled", 1)) != "1":
                continue
            who = account.get("companyName") or account.get("email") or "iContact"
            own = str(account["accountId"])
            folders = f"/icp/a/{quote(own, safe='')}/c/"
            for folder in self.rows(folders):
                number = str(folder["clientFolderId"])
                name = folder.get("name") or f"client folder {number}"
                found.append(SubAccount(id=f"{own}/{number}", label=f"{who}: {name}"))
        return found

    @cached_property
    def folder(self) -> str:
        """The path of the client folder: the chosen one, or the only one there is."""
        chosen = self.secrets.get("sub_account", "")
        if not chosen:
            reached = self.sub_accounts()
            if len(reached) != 1:
                raise TargetError(
                    f"This iContact log-in reaches {len(reached)} client folders: "
                    "choose the one to use."
                )
            chosen = reached[0].id
        account, _, number = chosen.partition("/")
        if not (account.isdecimal() and number.isdecimal()):
            raise TargetError("This is not an iContact client folder: choose it again.")
        return f"/icp/a/{account}/c/{number}"

    size_param, page_size = "limit", 500  # the maximum, by its forum; it gives 20
    place_param, first_place = "offset", 0
    total_keys = ("total",)

    def listed(self, body: Row, name: str) -> list[Row]:
        """Accounts and folders are named in the answer only."""
        named = "accounts" if "accounts" in body else "clientfolders"
        return super().listed(body, name or named)

    def following(self, body: Row, rows: list[Row], place: Any) -> int | None:
        reached: int = place + len(rows)
        total = int(body.get("total") or reached + (len(rows) == self.page_size))
        if not rows and reached < total:
            raise unreadable(self.label)
        return reached if reached < total else None

    def people(self, email: str) -> list[Row]:
        """The contacts with this address, whatever their status: one for each form
        of it, or none."""
        found: list[Row] = []
        for spelling in forms(email):
            params: Params = {
                "status": "total",
                "email": spelling,
                "limit": self.page_size,
            }
            body = self.fetch("GET", f"{self.folder}/contacts", params=params)
            found += rows_in(body, "contacts")
        # A * in an address is a wildcard to iContact.
        return [row for row in found if key_of(str(row.get("email"))) == key_of(email)]

    def look_up(self, email: str, audience_id: str) -> Known:
        """What there is of an address; of one person's several the one that left."""
        found = self.look_up_all(email, audience_id)
        return max(found, key=lambda known: known.standing.status in LEFT)

    def look_up_all(self, email: str, audience_id: str) -> list[Known]:
        found = []
        for contact in self.people(email) or [{}]:
            place = None
            if contact:
                params: Params = {"contactId": id_in(contact, "contactId")}
                path = f"{self.folder}/subscriptions"
                places = self.rows(path, params)
                on_list = (p for p in places if str(p["listId"]) == audience_id)
                place = next(on_list, None)
            now = standing(email, contact, place)
            found.append(Known(contact=contact, place=place, standing=now))
        return found

    def require_audience(self, audience_id: str) -> None:
        """Raises TargetError when the list is not there."""
        self.fetch("GET", f"{self.folder}/lists/{quote(audience_id, safe='')}")

    @cached_property
    def confirmation(self) -> int | str | None:
        """The id of the message that asks to confirm: the one entered, else the
        newest; None when the folder has none."""
        entered = self.secrets.get("confirmation_message", "").strip()
        if entered:
            return number_of(entered)
        numbers = [int(item["messageId"]) for item in self.confirmations()]
        return max(numbers, default=None)

    def confirmations(self) -> list[Row]:
        """The messages of the folder that ask people to confirm."""
        params: Params = {"messageType": "confirmation"}
        return list(self.rows(f"{self.folder}/messages", params))
