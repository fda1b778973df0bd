"""Operations in which REST providers differ by paths and names only.

A provider declares where things are, and overrides what it does in another way. In
paths, {audience} stands for an audience's id, {account} for the sub-account and {id}
for the id of anything else, all of them quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import quote

from integrations.adapters.base import (
    Audience,
    Change,
    Field,
    Incoming,
    Reading,
    Resource,
)
from integrations.adapters.calls import RestCalls, audience
from integrations.adapters.each import probed
from integrations.adapters.errors import NotSupported, RejectedError, TargetError
from integrations.adapters.http import Params
from integrations.adapters.shapes import Row, dig, id_in
from integrations.adapters.shared import check_secret_url, check_signed, json_body

# Operations told here or in rest.py, and what a provider adds to have them.
NEEDED = {
    "changes": ("walk_path", "people_path", "turn"),
    "webhook": ("heard",),
    "add_webhook": ("hook",),
    "remove_webhook": ("hook_path",),
    "erase": ("erasing",),
}
ENGINE = (
    *("integrations.adapters.base", "integrations.adapters.counted"),
    *("integrations.adapters.either", "integrations.adapters.rest"),
    *("integrations.adapters.walks", __name__),
)


class Declared(RestCalls):
    """A provider whose simple operations follow from declarations."""

    # Who we are signed in as: names are the first filled of these, dots lead inwards.
    me_path: ClassVar[str] = ""
    identity_keys: ClassVar[tuple[str, ...]] = ("email",)
    account_keys: ClassVar[tuple[str, ...]] = ()
    nameless: ClassVar[str] = ""  # the identity, where they may not be allowed to ask
    probed: ClassVar[tuple[str, ...]] = ()  # paths of lists that a test reads
    empty_note: ClassVar[str] = ""  # told where nothing is on the first of them

    audience_path: ClassVar[str] = ""
    audience_params: ClassVar[Params] = {}
    size_key: ClassVar[str] = ""
    # Or a list that is as long as the audience is large, and how that is asked for.
    count_path: ClassVar[str] = ""
    count_by: ClassVar[str] = ""  # the parameter with the audience's id
    count_params: ClassVar[Params] = {}
    most_counted: ClassVar[int] = 25  # audiences, as each takes a call

    own_fields: ClassVar[tuple[Field, ...]] = ()
    field_path: ClassVar[str] = ""  # of the custom ones
    field_keys: ClassVar[tuple[str, str, str]] = ("id", "name", "type")  # id, label
    field_types: ClassVar[Mapping[str, str]] = {}  # others are text
    custom_prefix: ClassVar[str] = ""  # before a custom field's name in our field ids

    hook_path: ClassVar[str] = ""  # webhooks; each is at its id below
    hook_key: ClassVar[str] = ""  # what a new one is wrapped in, if it is
    events_key: ClassVar[str] = ""  # what the events of a post are wrapped in
    # The hex HMAC-SHA256 of the body, or sha256= and that; "": a secret address.
    hook_header: ClassVar[str] = ""
    makes_secret: ClassVar[bool] = False  # the provider does, and shows it once

    tags_cased: ClassVar[bool] = False  # two may differ in their case only

    erasing: ClassVar[str] = ""  # what erasing somebody does
    one_path: ClassVar[str] = ""  # of the record with an {id}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.supports -= {
            name
            for name, parts in NEEDED.items()
            if not any(_is_own(getattr(cls, part)) for part in (name, *parts))
        }

    def needs(self, operation: str) -> None:
        """Raises NotSupported where the provider has not what an operation needs."""
        if operation not in self.supports:
            raise NotSupported(operation)

    def at(self, path: str, audience_id: str = "", id: object = "") -> str:
        """A path with what its braces stand for."""
        if "{account}" in path:
            path = path.replace("{account}", self.account())
        path = path.replace("{audience}", quote(audience_id.strip(), safe=""))
        return path.replace("{id}", quote(str(id).strip(), safe=""))

    def number(self, audience_id: str) -> int:
        """An audience's id, where all are numbers. Raises TargetError for others."""
        if not (audience_id.isascii() and audience_id.isdigit()):
            noun = f"{self.label} has no such {self.audience_noun}"
            raise TargetError(f"{noun}: choose another.")
        return int(audience_id)

    # Reading the account.

    def verify(self) -> Reading:
        me: Row = {}

        def read() -> None:
            me.update(self.me())

        account: tuple[Resource, ...] = ()
        if self.nameless:
            account = (probed("account", read),)
        else:
            read()
        resources = self.resources()
        return Reading(
            identity=filled_in(me, self.identity_keys) or self.nameless,
            account_name=filled_in(me, self.account_keys),
            resources=(*account, *resources),
            notes=tuple(self.notes(resources)),
        )

    def me(self) -> Row:
        """Who we are signed in as."""
        return self.fetch("GET", self.at(self.me_path))

    def resources(self) -> tuple[Resource, ...]:
        """What the credentials may read."""
        return tuple(self.probe(named(path), self.at(path)) for path in self.probed)

    def notes(self, resources: tuple[Resource, ...]) -> Iterable[str]:
        """What else a test tells, as sentences."""
        return () if not self.empty_note or resources[0].count else (self.empty_note,)

    def audiences(self) -> list[Audience]:
        rows = self.rows(self.at(self.audience_path), self.audience_params)
        found: list[Audience] = []
        for row in rows:
            one = self.audience_of(row)
            if self.count_path and len(found) < self.most_counted:
                one = replace(one, size=self.audience_size(one.id))
            found.append(one)
        return found

    def audience_of(self, row: Row) -> Audience:
        return audience(row, row.get(self.size_key))

    def audience_size(self, audience_id: str) -> int | None:
        """The size of an audience by `count_path`."""
        path = self.at(self.count_path, audience_id)
        asked = {**self.count_params, self.count_by: audience_id, self.size_param: 1}
        return self.total_of(self.fetch("GET", path, params=asked))

    def asks(self, audience_id: str) -> bool:
        """Whether an audience has new people confirm, read once."""
        if audience_id not in self._modes:
            self._modes[audience_id] = self.mode_of(audience_id)
        return self._modes[audience_id]

    @cached_property
    def _modes(self) -> dict[str, bool]:
        return {}

    def mode_of(self, audience_id: str) -> bool:
        """What `asks` tells, as the provider has it."""
        raise NotImplementedError

    def fields(self, audience_id: str) -> list[Field]:
        if not self.field_path:
            return list(self.own_fields)
        rows = self.rows(self.at(self.field_path, audience_id))
        return [*self.own_fields, *filter(None, map(self.field_of, rows))]

    def field_of(self, row: Row) -> Field | None:
        """A custom field, None for one that is not shown."""
        id, label, kind = self.field_keys
        name = id_in(row, id)
        return Field(
            id=f"{self.custom_prefix}{name}",
            label=str(row.get(label) or name),
            type=self.field_types.get(str(row.get(kind)), "text"),
        )

    # Webhooks.

    def hook(self, url: str, audience_id: str) -> Row:
        """A new webhook, as it is posted to `hook_path`."""
        raise NotImplementedError

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        self.needs("add_webhook")
        path = self.at(self.hook_path, audience_id)
        made = self.fetch("POST", path, payload=self.hook(url, audience_id))
        new = made.get(self.hook_key, made)
        made = new[0] if isinstance(new, list) else new
        kept = {"webhook_id": id_in(made)}
        if self.makes_secret:
            kept["webhook_secret"] = id_in(made, "secret")
            self.conceal(kept["webhook_secret"])
        return kept

    def remove_webhook(self, webhook_id: str, audience_id: str) -> None:
        self.needs("remove_webhook")
        path = self.at(f"{self.hook_path}/{{id}}", audience_id, webhook_id)
        self.request("DELETE", path)

    def webhook(self, request: Incoming) -> list[Change]:
        self.needs("webhook")
        self.check_hook(request)
        events = self.events_in(self.posted(request))
        return [change for event in events for change in self.heard(event)]

    def check_hook(self, request: Incoming) -> None:
        """Raises CredentialsError unless the webhook is from the provider."""
        if not self.hook_header:
            return check_secret_url(request, self.secrets)
        given = request.headers.get(self.hook_header, "").removeprefix("sha256=")
        return check_signed(self.secrets, request.body, given)

    def posted(self, request: Incoming) -> Any:
        """What a webhook holds. Raises RejectedError for anything else."""
        return json_body(request)

    def events_in(self, body: Any) -> list[Row]:
        """The events in a webhook's body: all of a list, or the only one."""
        found = dig(body, self.events_key) if self.events_key else body
        if not isinstance(found, (dict, list)):
            raise RejectedError(f"This is not a webhook of {self.label}.")
        rows = found if isinstance(found, list) else [found]
        return [row for row in rows if isinstance(row, dict)]

    def heard(self, event: Row) -> Iterable[Change]:
        """The changes that an event tells of."""
        raise NotImplementedError

    # Erasing.

    def remove(self, row: Row) -> None:
        """Erases the person of a record."""
        self.request("DELETE", self.at(self.one_path, "", id_in(row)))

    # Tags.

    def tag_id(self, name: str) -> str:
        """The id of a tag, asked for once."""
        key = name.strip() if self.tags_cased else name.strip().lower()
        if key not in self._tag_ids:
            self._tag_ids[key] = self.tag_named(name.strip())
        return self._tag_ids[key]

    @cached_property
    def _tag_ids(self) -> dict[str, str]:
        return {}

    def tag_named(self, name: str) -> str:
        """The id of a tag, which is made where there is none of this name."""
        raise NotImplementedError


def _is_own(part: Any) -> bool:
    """Whether a part is a provider's, and not what all of them inherit."""
    if callable(part):
        return part.__module__ not in ENGINE
    return bool(part)


def named(path: str) -> str:
    """What is listed at a path, by its last part."""
    return re.sub("[_-]", " ", path.rpartition("/")[2])


def filled_in(row: Row, names: Iterable[str]) -> str:
    """The first filled of the texts under some names, whose dots lead inwards."""
    found = (dig(row, *name.split(".")) for name in names)
    return next((str(value) for value in found if value), "")
