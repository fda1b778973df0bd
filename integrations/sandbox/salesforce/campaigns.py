"""Campaigns of the simulated organisation: a place on one is a membership."""

from __future__ import annotations

from collections.abc import Iterator

from integrations.sandbox.book import List, Person
from integrations.sandbox.messages import Json
from integrations.sandbox.salesforce import words
from integrations.sandbox.salesforce.records import Records

CAMPAIGN = ("Id", "Name", "IsActive", "NumberOfLeads", "NumberOfContacts")
MEMBER = ("Id", "CampaignId", "LeadId", "ContactId", "Status")


class Campaigns(Records):
    """Lists beside the two objects."""

    def campaign_lists(self) -> Iterator[List]:
        for item in self.book.lists.values():
            if item.extra.get("kind") == "campaign":
                yield item

    def campaigns(self) -> list[Json]:
        found = []
        for item in self.campaign_lists():
            kinds = [person.extra["thing"] for person, _ in self.book.on(item.id)]
            found.append(
                {
                    "Id": item.id,
                    "Name": item.name,
                    "IsActive": True,
                    "NumberOfLeads": kinds.count("Lead"),
                    "NumberOfContacts": kinds.count("Contact"),
                }
            )
        return found

    def members_of(self) -> Iterator[tuple[List, Person, str]]:
        """Campaign, person and the id of the membership."""
        for item in self.campaign_lists():
            for person, _ in self.book.on(item.id):
                yield item, person, person.extra["members"][item.id]

    def memberships(self) -> list[Json]:
        return [
            {
                "Id": key,
                "CampaignId": item.id,
                "LeadId": person.id if person.extra["thing"] == "Lead" else None,
                "ContactId": person.id if person.extra["thing"] != "Lead" else None,
                "Status": "Sent",
            }
            for item, person, key in self.members_of()
        ]

    def join(self, values: Json) -> tuple[str, list[Json]]:
        """The id of a new membership, or what is wrong with it."""
        key = str(values.get("LeadId") or values.get("ContactId"))
        thing = "Lead" if values.get("LeadId") else "Contact"
        person = self.record(key, thing)
        item = self.book.lists.get(str(values.get("CampaignId")))
        if item is None or item.extra.get("kind") != "campaign" or person is None:
            text = "invalid cross reference id"
            return "", [words.row("INVALID_CROSS_REFERENCE_KEY", text)]
        if item.id in person.places:
            text = "Already a campaign member."
            return "", [words.row("DUPLICATE_VALUE", text)]
        number = f"00v5e{self.book.next_id():010d}EAA"
        person.extra.setdefault("members", {})[item.id] = number
        self.book.place(person, item.id, "subscribed")
        return number, []

    def leave(self, key: str) -> bool:
        """Whether there was such a membership, which is now gone."""
        for item, person, number in list(self.members_of()):
            if number == key:
                del person.places[item.id]
                self.book.touch(person)
                return True
        return False
