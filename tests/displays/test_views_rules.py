"""The Sync Integrations card: rules are made, changed and removed in the browser."""

from __future__ import annotations

import pytest

from contactsync.tenancy.models import Account, AuditEntry, User
from displays.models import Display, SyncRule
from displays.services import SAVED, RuleSettings, rule_update
from integrations.entries import shown_of
from integrations.models import LinkedAccount
from integrations.services import linked_account_create, linked_account_unlink
from tests.displays.rules import NEWSLETTER, form_of, sign_up
from tests.integrations.pages import ClientOf, text_of, url

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sandbox")]


def test_saving_says_the_sentence_and_makes_the_rule(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
) -> None:
    client = client_of(bob)
    answer = client.post(
        url("rule_new", acme, display.pk), form_of(linked, reconfirm="on"), follow=True
    )
    page = text_of(answer)
    assert SAVED.replace("'", "&#x27;") in page
    assert "Every signup · 1 field mapped" in page
    assert ">Syncing</span>" in page
    made = SyncRule.objects.get(display=display)
    target = made.target
    assert (target.audience_id, target.audience_label) == (NEWSLETTER, "Newsletter")
    assert shown_of(target.mapping) == {"first_name": "FNAME"}
    assert target.tags == ["spring", "popup"]
    assert (target.double_opt_in, target.update_existing) == (False, True)
    assert target.reconfirm is True
    entry = AuditEntry.objects.get(account=acme)
    assert entry.action == "sync_rule.create"
    assert entry.detail["rule"] == str(made.pk)


def test_a_saved_rule_gets_the_displays_signups(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
) -> None:
    client_of(bob).post(url("rule_new", acme, display.pk), form_of(linked))
    sign_up(display, "ada@acme.test")
    page = text_of(client_of(bob).get(url("display_settings", acme, display.pk)))
    assert '<b class="num">1</b><span>waiting</span>' in page


WRONG = [
    ({"audience": ""}, "Choose the audience that signups go to."),
    ({"audience": "gone"}, "not in Mailchimp any more"),
    ({"linked_account": "nonsense"}, "Choose the account signups go to."),
    ({"match": "all"}, "Fill in a condition, or choose Every signup."),
    ({"map:phone": "FNAME"}, "First name goes to the same merge field."),
    ({"map:phone": "NOPE"}, "This merge field is not there any more."),
    ({"tags": "x" * 101}, "At most 50 tags"),
    ({"tags": "a\x00b"}, "cannot be stored"),
]


@pytest.mark.parametrize(("change", "sentence"), WRONG)
def test_what_is_wrong_is_said_and_kept(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
    change: dict[str, str],
    sentence: str,
) -> None:
    page = url("rule_new", acme, display.pk)
    answer = client_of(bob).post(page, form_of(linked, **change))
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert "The rule was not saved" in text_of(answer)
    assert not SyncRule.objects.filter(display=display).exists()


def test_a_stale_rule_overwrites_nothing(
    client_of: ClientOf,
    alice: User,
    bob: User,
    acme: Account,
    display: Display,
    rule: SyncRule,
    linked: LinkedAccount,
) -> None:
    page = url("rule_edit", acme, display.pk, rule.pk)
    client_of(bob).post(page, form_of(linked, tags="bob"))
    mine = form_of(linked, tags="alice")
    client = client_of(alice)
    answer = client.post(page, mine)
    assert answer.status_code == 409
    seen = text_of(answer)
    assert "Bob Brown changed this rule" in seen
    assert 'value="alice"' in seen
    rule.target.refresh_from_db()
    assert rule.target.tags == ["bob"]
    again = client.post(page, mine)
    assert again.status_code == 409
    forced = client.post(page, {**mine, "do": "overwrite", "newer": "2"})
    assert forced.status_code == 302
    rule.target.refresh_from_db()
    assert rule.target.tags == ["alice"]


def test_overwriting_what_was_not_seen_is_refused(
    client_of: ClientOf,
    alice: User,
    acme: Account,
    display: Display,
    rule: SyncRule,
    linked: LinkedAccount,
) -> None:
    settings = RuleSettings(linked_account=linked, audience_id=NEWSLETTER)
    rule_update(rule=rule, settings=settings, version=1)
    rule_update(rule=rule, settings=settings, version=2)
    page = url("rule_edit", acme, display.pk, rule.pk)
    forced = form_of(linked, do="overwrite", newer="2")
    answer = client_of(alice).post(page, forced)
    assert answer.status_code == 409
    assert "Somebody else changed this rule" in text_of(answer)


def test_switch_and_remove(
    client_of: ClientOf, bob: User, acme: Account, display: Display, rule: SyncRule
) -> None:
    client = client_of(bob)
    switch = url("rule_toggle", acme, display.pk, rule.pk)
    page = text_of(client.post(switch, {"enabled": "off"}, follow=True))
    assert 'aria-checked="false"' in page
    assert ">Off</span>" in page
    rule.refresh_from_db()
    assert rule.enabled is False
    client.post(switch, {"enabled": "on"})
    rule.refresh_from_db()
    assert rule.enabled is True
    removed = text_of(
        client.post(url("rule_delete", acme, display.pk, rule.pk), follow=True)
    )
    assert "Nobody is unsubscribed" in removed
    assert "No sync rule yet" in removed
    edit = client.get(url("rule_edit", acme, display.pk, rule.pk))
    assert edit.status_code == 404
    actions = AuditEntry.objects.filter(account=acme).values_list("action", flat=True)
    assert sorted(actions) == [
        "sync_rule.disable",
        "sync_rule.enable",
        "sync_rule.remove",
    ]


def test_badges_say_what_holds_a_rule(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    rule: SyncRule,
    linked: LinkedAccount,
) -> None:
    client = client_of(bob)
    page = url("display_settings", acme, display.pk)

    def badge_after(**state: str) -> str:
        LinkedAccount.objects.filter(pk=linked.pk).update(**state)
        return text_of(client.get(page))

    assert ">Reconnect</span>" in badge_after(status="broken", reason="auth.revoked")
    assert ">Paused</span>" in badge_after(status="paused")
    assert ">Syncing</span>" in badge_after(status="connected")
    rule.target.held_reason = "target.missing"
    rule.target.held_detail = "The audience is gone."
    rule.target.save()
    assert ">Needs attention</span>" in text_of(client.get(page))
    assert "The audience is gone." in text_of(client.get(page))
    linked_account_unlink(linked)
    assert ">Unlinked</span>" in text_of(client.get(page))
    editor = text_of(client.get(url("rule_edit", acme, display.pk, rule.pk)))
    assert "Link an account first" in editor


@pytest.mark.parametrize("name", ["rule_edit", "rule_toggle", "rule_delete"])
def test_roles_and_strangers(
    client_of: ClientOf,
    vera: User,
    charlie: User,
    acme: Account,
    other: Account,
    display: Display,
    rule: SyncRule,
    name: str,
) -> None:
    page = url(name, acme, display.pk, rule.pk)
    assert client_of(vera).post(page).status_code == 403
    stranger = client_of(charlie)
    assert stranger.post(page).status_code == 404
    assert stranger.post(url(name, other, display.pk, rule.pk)).status_code == 404
    rule.refresh_from_db()
    assert (rule.enabled, rule.removed_at, rule.version) == (True, None, 1)


def test_a_rule_of_another_display_is_not_found(
    client_of: ClientOf, bob: User, acme: Account, display: Display, rule: SyncRule
) -> None:
    twin = Display.objects.create(account=acme, name="Twin")
    page = url("rule_edit", acme, twin.pk, rule.pk)
    assert client_of(bob).get(page).status_code == 404


def test_another_tenants_account_cannot_be_chosen(
    client_of: ClientOf, bob: User, acme: Account, other: Account, display: Display
) -> None:
    foreign = linked_account_create(
        account=other,
        provider="mailchimp",
        label="Foreign",
        credentials={"api_key": "0123456789abcdef0123456789abcdef-us21"},
    )
    answer = client_of(bob).post(url("rule_new", acme, display.pk), form_of(foreign))
    assert answer.status_code == 422
    assert "Foreign" not in text_of(answer)
    assert not SyncRule.objects.exists()


def test_a_viewer_reads_the_rules(
    client_of: ClientOf, vera: User, acme: Account, display: Display, rule: SyncRule
) -> None:
    page = text_of(client_of(vera).get(url("display_settings", acme, display.pk)))
    assert "Newsletter" in page
    assert "Every signup · 1 field mapped · double opt-in" in page
    assert url("rule_edit", acme, display.pk, rule.pk) not in page
    assert "Ask a marketer or an admin to change rules." in page
