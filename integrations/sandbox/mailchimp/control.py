"""The control operations on the Mailchimp account: what people and admins do."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable

from integrations.sandbox.base import Simulator
from integrations.sandbox.faults import ControlError
from integrations.sandbox.mailchimp import lists, notify, problems
from integrations.sandbox.mailchimp.members import put_away
from integrations.sandbox.mailchimp.rules import ADMIN_LEFT, PERSON_LEFT, Event
from integrations.sandbox.mailchimp.seed import new_audience
from integrations.sandbox.mailchimp.state import Account, Audience, Member, now
from integrations.sandbox.mailchimp.validation import FIELD_TYPES
from integrations.sandbox.messages import Json
from integrations.sandbox.posts import Postman

PERSON_IP = "198.51.100.23"
FOUND_NOBODY = "No audience has this address in a state where that is possible."


class Controls(Simulator):
    """Half of the simulator: everything that does not come over the provider's API."""

    account: Account
    postman: Postman
    events: list[Event]

    def audiences(self) -> list[Json]:
        with self.lock:
            return [
                {
                    "id": item.id,
                    "name": item.name,
                    "double_opt_in": item.double_optin,
                    "fields": [
                        {
                            "tag": f.tag,
                            "name": f.name,
                            "type": f.type,
                            "required": f.required,
                            "options": f.options.get("choices", []),
                        }
                        for f in item.fields
                    ],
                    "members": dict(Counter(m.status for m in item.members.values())),
                }
                for item in self.account.audiences.values()
            ]

    def members(self, email: str = "", audience: str = "") -> list[Json]:
        with self.lock:
            return [
                _view(owner, member)
                for owner in self._owners(audience)
                for member in owner.members.values()
                if not email or member.email.lower() == email.lower()
            ]

    def confirm(self, email: str, audience: str = "") -> list[Json]:
        def change(owner: Audience, member: Member) -> None:
            member.status = "subscribed"
            member.timestamp_opt = member.last_changed = now()
            member.ip_opt = PERSON_IP
            member.left_by = member.left_reason = ""
            self.events.append(Event("subscribe", "user", owner, member))

        return self._each(email, audience, ("pending",), change)

    def unsubscribe(self, email: str, by: str, audience: str = "") -> list[Json]:
        if by not in ("person", "admin"):
            raise ControlError("by", "by is person or admin.")

        def change(owner: Audience, member: Member) -> None:
            member.status, member.left_by = "unsubscribed", by
            member.left_reason = PERSON_LEFT if by == "person" else ADMIN_LEFT
            member.last_changed = now()
            extra = {"action": "unsub", "reason": "manual"}
            source = "user" if by == "person" else "admin"
            self.events.append(Event("unsubscribe", source, owner, member, extra))

        return self._each(email, audience, ("subscribed", "pending"), change)

    def clean(self, email: str, audience: str = "") -> list[Json]:
        def change(owner: Audience, member: Member) -> None:
            member.status, member.last_changed = "cleaned", now()
            self.events.append(
                Event("cleaned", "admin", owner, member, {"reason": "hard"})
            )

        return self._each(email, audience, ("subscribed", "pending"), change)

    def delete(self, email: str, permanent: bool, audience: str = "") -> list[Json]:
        def change(owner: Audience, member: Member) -> None:
            extra = {"action": "delete", "reason": "manual"}
            self.events.append(Event("unsubscribe", "admin", owner, member, extra))
            if permanent:
                owner.forgotten.add(member.id)
                self.account.touch(owner)
                self.account.drop(owner, member)
                member.status = "deleted"
            else:
                put_away(owner, member)

        live = ("subscribed", "unsubscribed", "pending", "cleaned", "transactional")
        return self._each(
            email, audience, (*live, "archived") if permanent else live, change
        )

    def add_field(self, audience: str, field: Json) -> Json:
        kind = field.get("type", "text")
        if kind not in FIELD_TYPES:
            raise ControlError("type", f"type is one of {', '.join(FIELD_TYPES)}.")
        given = {**field, "tag": field["tag"].upper(), "type": kind}
        if "options" in field:
            given["options"] = {"choices": field["options"]}
        with self.lock:
            owner = self._owners(audience, must=True)[0]
            try:
                item = lists.put_field(self.account, owner, given)
            except problems.Problem as problem:
                raise ControlError("tag", problem.errors[0]["message"]) from None  # type: ignore[index]
            self.account.flush()
            return {**item.document(), "audience": owner.id}

    def add_audience(self, name: str, double_optin: bool) -> Json:
        with self.lock:
            owner = new_audience(self.account, secrets.token_hex(5), name, double_optin)
            self.account.touch(owner)
            self.account.flush()
            return {"id": owner.id, "name": name, "double_opt_in": double_optin}

    def remove_audience(self, audience: str) -> None:
        with self.lock:
            self.account.drop_audience(self._owners(audience, must=True)[0])
            self.account.flush()

    def after(self) -> None:
        with self.lock:
            events = list(self.events)
            self.events.clear()
            jobs = notify.calls(events)
        self.postman.submit(jobs)

    def _owners(self, audience: str, *, must: bool = False) -> list[Audience]:
        """The audience of that id or name, or all when none is named."""
        everything = list(self.account.audiences.values())
        if not audience and not must:
            return everything
        found = [item for item in everything if audience in (item.id, item.name)]
        if not found:
            raise ControlError("audience", f"There is no audience {audience!r}.", 404)
        return found

    def _each(
        self,
        email: str,
        audience: str,
        statuses: tuple[str, ...],
        change: Callable[[Audience, Member], None],
    ) -> list[Json]:
        done = []
        with self.lock:
            for owner in self._owners(audience):
                member = owner.find(email)
                if member is None or member.status not in statuses:
                    continue
                change(owner, member)
                if member.status != "deleted":
                    self.account.touch(owner, member)
                done.append(_view(owner, member))
            self.account.flush()
        if not done:
            raise ControlError("email", FOUND_NOBODY, 404)
        self.after()
        return done


def _view(owner: Audience, member: Member) -> Json:
    return {
        "email": member.email,
        "status": member.status,
        "audience": owner.name,
        "audience_id": owner.id,
        "fields": dict(member.merge),
        "tags": [owner.segments[k].name for k in member.tags if k in owner.segments],
        "changed_at": member.last_changed,
        "asked_at": member.timestamp_signup,
        "confirmed_at": member.timestamp_opt,
        "opt_in_mails": member.opt_in_mails,
        "left_by": member.left_by,
    }
