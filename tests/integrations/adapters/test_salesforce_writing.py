"""Writing leads and contacts, and walking through what changed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    TargetError,
)
from integrations.adapters.salesforce import Salesforce
from tests.integrations.adapters import salesforce_world as world
from tests.integrations.adapters.salesforce_world import (
    AT,
    ELSEWHERE,
    IDS,
    JOINED,
    LEFT,
    NEW,
    OLD,
    PEOPLE,
    QUERY,
    QUERY_ALL,
    SECRETS,
    found,
    lookup,
    problem,
    record,
    rows,
    run,
    saved,
    unsaved,
)
from tests.integrations.conformance import (
    Step,
    wire,
)

SYNCED, REJECTED, SKIPPED, RETRY = (
    OutcomeState.SYNCED,
    OutcomeState.REJECTED,
    OutcomeState.SKIPPED,
    OutcomeState.RETRY,
)


class TestWriting:
    def upsert(self, *steps: Step, **more: Any) -> tuple[Any, list[Any]]:
        people = more.pop("people", PEOPLE[1:])
        return run(steps, lambda a: a.upsert(people, "Lead", Options(**more)))

    def test_records(self) -> None:
        day, moment = date(2026, 8, 1), datetime(2026, 8, 1, 12, tzinfo=UTC)
        values = {"A": ["x", "y"], "B": day, "C": moment, "D": 7, "E": "", "Id": "0"}
        people = [Contact(email=" New@X.org", fields=values), *PEOPLE[1:]]
        outcomes, sent = self.upsert(
            lookup(record(OLD)),
            ELSEWHERE,
            rows("PATCH", saved(OLD)),
            rows("POST", saved(NEW)),
            people=people,
        )
        assert [o.state for o in outcomes] == [SYNCED, SYNCED]
        assert outcomes[0].remote_id == IDS[NEW]
        assert sent[2] == {
            "allOrNone": False,
            "records": [
                {
                    "attributes": {"type": "Lead"},
                    "Id": IDS[OLD],
                    "LastName": "Ray",
                    "Company": "X",
                }
            ],
        }
        assert sent[3]["records"] == [
            {
                "attributes": {"type": "Lead"},
                "Email": NEW,
                "A": "x;y",
                "B": "2026-08-01",
                "C": "2026-08-01T12:00:00.000+00:00",
                "D": 7,
            }
        ]

    def test_one_address_twice_is_one_record(self) -> None:
        twice = [
            Contact(email=NEW, fields={"LastName": "A", "Company": "X"}),
            Contact(email=NEW.upper(), fields={"LastName": "B", "Company": " "}),
        ]
        outcomes, sent = self.upsert(
            lookup(), ELSEWHERE, rows("POST", saved(NEW)), people=twice
        )
        assert [o.state for o in outcomes] == [SYNCED, SYNCED]
        [row] = sent[2]["records"]
        assert (row["LastName"], row["Company"]) == ("B", "X")

    def test_nothing_to_say_is_not_said(self) -> None:
        people = [Contact(email=OLD)]
        outcomes, _ = self.upsert(lookup(record(OLD)), people=people)
        assert (outcomes[0].state, outcomes[0].remote_id) == (SYNCED, IDS[OLD])

    def test_new_ones_only(self) -> None:
        outcomes, _ = self.upsert(lookup(record(OLD)), update_existing=False)
        assert (outcomes[0].state, outcomes[0].reason) == (SKIPPED, Reason.EXISTING)

    def test_a_converted_lead_is_left_alone(self) -> None:
        outcomes, _ = self.upsert(lookup(record(OLD, IsConverted=True)))
        assert outcomes[0].state is SKIPPED
        assert "converted" in outcomes[0].detail

    def test_the_oldest_of_several_that_is_no_converted_lead(self) -> None:
        several = (record(OLD, Id="x" * 18, IsConverted=True), record(OLD), record(OLD))
        outcomes, sent = self.upsert(lookup(*several), rows("PATCH", saved(OLD)))
        assert sent[1]["records"][0]["Id"] == IDS[OLD]
        assert "3 records have this address" in outcomes[0].detail

    def test_who_opted_out_under_the_other_kind_is_marked(self) -> None:
        outcomes, sent = self.upsert(
            lookup(),
            lookup(record(LEFT, HasOptedOutOfEmail=True)),
            rows("POST", saved(LEFT)),
            people=[Contact(email=LEFT, fields={"LastName": "Ray"})],
        )
        assert "FROM Contact" in sent[1]
        assert sent[2]["records"][0]["HasOptedOutOfEmail"] is True
        assert "marked as opted out" in outcomes[0].detail

    def test_the_other_kind_need_not_be_there(self) -> None:
        hidden = Step(method="GET", url=QUERY, status=404, answer=world.MISSING)
        outcomes, _ = self.upsert(
            lookup(), hidden, rows("POST", saved(NEW)), people=PEOPLE[:1]
        )
        assert outcomes[0].state is SYNCED

    def test_an_object_hidden_from_the_user(self) -> None:
        words = problem("INVALID_TYPE", "sObject type 'Contact' is not supported.")
        hidden = Step(method="GET", url=QUERY, status=400, answer=words)
        steps = (lookup(), hidden, rows("POST", saved(NEW)))
        outcomes, _ = self.upsert(*steps, people=PEOPLE[:1])
        assert outcomes[0].state is SYNCED
        with pytest.raises(TargetError):
            self.upsert(hidden, people=PEOPLE[:1])

    def test_no_spelling_of_a_protected_field_is_written(self) -> None:
        fields = {"LastName": "Ray", "hasoptedoutofemail": False, "ATTRIBUTES": "x"}
        who = Contact(email=OLD, fields=fields)
        opted_out = record(OLD, HasOptedOutOfEmail=True)
        steps = (lookup(opted_out), rows("PATCH", saved(OLD)))
        _, sent = self.upsert(*steps, people=[who])
        assert set(sent[1]["records"][0]) == {"attributes", "Id", "LastName"}

    @pytest.mark.parametrize(
        ("code", "state", "reason"),
        [
            ("REQUIRED_FIELD_MISSING", REJECTED, Reason.REQUIRED_FIELD),
            ("INVALID_EMAIL_ADDRESS", REJECTED, Reason.ADDRESS_INVALID),
            ("DUPLICATES_DETECTED", REJECTED, Reason.DUPLICATE),
            (
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                REJECTED,
                Reason.OPTION_MISSING,
            ),
            ("STRING_TOO_LONG", REJECTED, Reason.FIELD_TYPE),
            ("FIELD_CUSTOM_VALIDATION_EXCEPTION", REJECTED, Reason.REFUSED),
            ("UNABLE_TO_LOCK_ROW", RETRY, Reason.SERVER),
            ("STORAGE_LIMIT_EXCEEDED", RETRY, Reason.QUOTA),
        ],
    )
    def test_each_refusal_has_its_reason(
        self, code: str, state: OutcomeState, reason: Reason
    ) -> None:
        refused = unsaved(code, "Required fields are missing: [Company]", "Company")
        outcomes, _ = self.upsert(lookup(record(OLD)), rows("PATCH", refused))
        assert (outcomes[0].state, outcomes[0].reason) == (state, reason)
        assert outcomes[0].detail == "Required fields are missing: [Company]"

    def test_a_code_in_the_words_of_another_refusal_means_nothing(self) -> None:
        words = "A trigger failed; first error: UNABLE_TO_LOCK_ROW: unable to lock"
        refused = unsaved("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", words)
        outcomes, _ = self.upsert(lookup(record(OLD)), rows("PATCH", refused))
        assert (outcomes[0].state, outcomes[0].reason) == (REJECTED, Reason.REFUSED)

    def test_unsubscribing_marks_every_record_that_is_not(self) -> None:
        twice = record(OLD, Id="00Q5e00001AbCdHEAV")
        outcomes, sent = run(
            (
                lookup(record(OLD), twice, record(LEFT, HasOptedOutOfEmail=True)),
                rows("PATCH", saved(OLD), unsaved("FIELD_INTEGRITY_EXCEPTION", "No")),
            ),
            lambda a: a.unsubscribe([OLD, LEFT, NEW], "Contact"),
        )
        assert [o.state for o in outcomes] == [REJECTED, SYNCED, SKIPPED]
        assert [row["HasOptedOutOfEmail"] for row in sent[1]["records"]] == [True, True]

    def test_erasing_says_what_was_kept(self) -> None:
        kept = unsaved("DELETE_FAILED", "They are on a case.")
        receipt, sent = run(
            (
                lookup(record(OLD)),
                lookup(record(LEFT, Email=OLD)),
                rows("DELETE", saved(OLD), kept),
            ),
            lambda a: a.erase(OLD),
        )
        assert (receipt.ok, receipt.note) == (False, "Not deleted: They are on a case.")
        assert sent[2] == {"ids": [f"{IDS[OLD]},{IDS[LEFT]}"], "allOrNone": ["false"]}
        receipt, _ = run((lookup(), lookup()), lambda a: a.erase(OLD))
        assert receipt.ok


class TestChanges:
    def walk(self, cursor: str, *steps: Step) -> tuple[Any, list[Any]]:
        return run(steps, lambda a: a.changes("Lead", cursor))

    def page(self, *records: Any) -> Step:
        return Step(method="GET", url=QUERY_ALL, answer=found(*records))

    def test_the_first_walk_is_whole_and_goes_on_from_before_it_began(self) -> None:
        one = record(OLD, LastName="Ray", Phone=None, Owner={"Name": "x"})
        page, sent = self.walk("", self.page(one))
        assert sent == [
            "SELECT FIELDS(ALL) FROM Lead WHERE Email != null "
            "ORDER BY SystemModstamp, Id LIMIT 200"
        ]
        assert (page.complete, page.more) == (True, False)
        [change] = page.changes
        assert (change.email, change.status) == (OLD, "subscribed")
        assert change.fields == {"LastName": "Ray"}
        turn, since, began, place = json.loads(page.cursor)
        assert (turn, began, place) == (0, "", "")
        # Ten minutes that a transaction lasts, and ten for the two clocks.
        ago = datetime.now(UTC) - datetime.fromisoformat(since)
        assert timedelta(minutes=20) <= ago < timedelta(minutes=21)
        again, sent = self.walk(page.cursor, self.page(one))
        assert f"Email != null AND SystemModstamp >= {since} ORDER" in sent[0]
        assert (again.complete, again.more) == (False, False)

    def test_a_full_page_goes_on_behind_its_last_record(self) -> None:
        page, _ = self.walk("", self.page(*[record(OLD)] * 200))
        assert page.more
        began = json.loads(page.cursor)[2]
        assert json.loads(page.cursor) == [0, "", began, f"{AT} {IDS[OLD]}"]
        last, sent = self.walk(page.cursor, self.page())
        at = "2026-08-01T10:00:00Z"
        assert (
            f"AND (SystemModstamp > {at} OR (SystemModstamp = {at} AND "
            f"Id > '{IDS[OLD]}'))"
        ) in sent[0]
        assert (last.complete, last.more) == (True, False)
        assert json.loads(last.cursor) == [0, began, "", ""]

    def test_a_deleted_record_is_no_deleted_person_while_another_is_there(self) -> None:
        gone = [record(LEFT, IsDeleted=True), record(OLD, IsDeleted=True)]
        cursor = f'[0, "{AT}", "", ""]'
        page, sent = self.walk(cursor, self.page(*gone), lookup(record(OLD)))
        assert [(c.email, c.kind) for c in page.changes] == [(LEFT, "delete")]
        assert not page.complete
        assert f"Email IN ('{LEFT}', '{OLD}')" in sent[1]

    @pytest.mark.parametrize(
        "cursor",
        [
            "x",
            '["Lead", "", "", true]',
            '[1, "", "", ""]',
            '[0, "soon", "", ""]',
            f'[0, "", "{AT}", "soon {IDS[OLD]}"]',
            f'[0, "", "{AT}", "{AT} \' OR Id != \'"]',
            '[0, "", "", 1]',
        ],
    )
    def test_a_foreign_cursor_has_expired(self, cursor: str) -> None:
        with wire(), pytest.raises(RejectedError) as caught:
            Salesforce(SECRETS).changes("Lead", cursor)
        assert caught.value.reason is Reason.CURSOR_EXPIRED


class TestCampaigns:
    def test_they_are_audiences_for_who_may_see_them(self) -> None:
        [operation] = [o for o in world.OPERATIONS if o.name == "audiences"]
        found, _ = run(operation.steps, Salesforce.audiences)
        assert [(a.id, a.label, a.size) for a in found][2:] == [
            (JOINED, "Spring fair (campaign)", 5)
        ]
        hidden = problem("INVALID_TYPE", "sObject type 'Campaign' is not supported.")
        steps = (
            *operation.steps[:2],
            Step(method="GET", url=QUERY, status=400, answer=hidden),
        )
        found, _ = run(steps, Salesforce.audiences)
        assert [a.id for a in found] == ["Lead", "Contact"]

    def test_contacts_join_as_contacts_and_everybody_else_as_a_lead(self) -> None:
        outcomes, sent = run(
            (
                lookup(record(OLD, HasOptedOutOfEmail=True)),
                lookup(),
                ELSEWHERE,
                rows("POST", saved(NEW)),
                lookup(),
                rows("POST", saved(NEW), unsaved("DUPLICATE_VALUE", "Already")),
            ),
            lambda a: a.upsert(PEOPLE, JOINED, Options()),
        )
        assert [o.state for o in outcomes] == [SYNCED, SYNCED]
        assert outcomes[0].remote_id == IDS[NEW]
        assert "Unsubscribed" in outcomes[1].detail
        assert "left as it was" in outcomes[1].detail
        assert "FROM Contact" in sent[0]
        joined = [
            {k: v for k, v in row.items() if k != "attributes"}
            for row in sent[5]["records"]
        ]
        campaign = world.CAMPAIGN["Id"]
        assert joined == [
            {"CampaignId": campaign, "ContactId": IDS[OLD]},
            {"CampaignId": campaign, "LeadId": IDS[NEW]},
        ]

    def test_who_is_there_already_joins_and_is_left_as_they_are(self) -> None:
        joined = rows("POST", saved(OLD))
        outcomes, sent = run(
            (lookup(), lookup(record(OLD)), lookup(), joined),
            lambda a: a.upsert(PEOPLE[1:2], JOINED, Options(update_existing=False)),
        )
        assert outcomes[0].state is SYNCED
        assert sent[3]["records"][0]["LeadId"] == world.IDS[OLD]

    def test_a_rule_that_leaves_contacts_alone_says_who_left(self) -> None:
        left = record(OLD, HasOptedOutOfEmail=True)
        outcomes, _ = run(
            (lookup(left), lookup(), rows("POST", saved(OLD))),
            lambda a: a.upsert(PEOPLE[1:], JOINED, Options(update_existing=False)),
        )
        assert outcomes[0].state is SYNCED
        assert "Unsubscribed" in outcomes[0].detail

    def test_who_is_a_member_already_is_not_added_again(self) -> None:
        outcomes, _ = run(
            (lookup(record(OLD)), lookup(world.member(OLD, contact=True))),
            lambda a: a.upsert(PEOPLE[1:], JOINED, Options()),
        )
        assert outcomes[0].state is SYNCED

    def test_who_could_not_join_is_not_said_to_have(self) -> None:
        refused = unsaved("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        steps = (lookup(record(OLD)), lookup(), rows("POST", refused))

        def join(adapter: Salesforce) -> list[Any]:
            return adapter.upsert(PEOPLE[1:], JOINED, Options())

        outcomes, sent = run((*steps, lookup(world.CAMPAIGN)), join)
        assert outcomes[0].state is REJECTED
        assert sent[3] == f"SELECT Id FROM Campaign WHERE Id = '{JOINED[9:]}'"
        with pytest.raises(TargetError):
            run((*steps, lookup()), join)

    def test_members_and_others(self) -> None:
        found, _ = run(
            (lookup(), lookup(record(OLD), record(LEFT)), lookup(world.member(OLD))),
            lambda a: a.subscriptions([OLD, LEFT, NEW], JOINED),
        )
        assert [s.status for s in found] == ["subscribed", "absent", "absent"]

    def test_every_walk_is_a_whole_one(self) -> None:
        [operation] = [o for o in world.OPERATIONS if o.name == "changes of a campaign"]
        page, sent = run(operation.steps, operation.run)
        assert [(c.email, c.status) for c in page.changes] == [
            (OLD, "subscribed"),
            (LEFT, "unsubscribed"),
        ]
        assert (page.complete, page.more) == (True, False)
        assert page.cursor == ""
        many = lookup(*[world.member(OLD)] * 200)
        page, _ = run((many, lookup()), lambda a: a.changes(JOINED, page.cursor))
        assert page.more
        _, sent = run((lookup(),), lambda a: a.changes(JOINED, page.cursor))
        assert f"AND Id > '{world.member(OLD)['Id']}' ORDER" in sent[0]
        for foreign in ('["Lead", ""]', '[""]', "[\"' OR Id != '\"]"):
            with wire(), pytest.raises(RejectedError) as caught:
                Salesforce(SECRETS).changes(JOINED, foreign)
            assert caught.value.reason is Reason.CURSOR_EXPIRED

    @pytest.mark.parametrize("audience", ["campaign:", "campaign:' OR Id != '"])
    def test_only_record_ids_name_one(self, audience: str) -> None:
        with wire(), pytest.raises(TargetError):
            Salesforce(SECRETS).upsert(PEOPLE, audience, Options())
