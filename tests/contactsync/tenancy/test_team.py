from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from contactsync.lib.clock import now
from contactsync.tenancy.models import (
    Account,
    AuditEntry,
    Invitation,
    Membership,
    Role,
    User,
)
from contactsync.tenancy.services import invitation_create
from tests.conftest import PASSWORD

ClientOf = Callable[[User], Client]


def url(name: str, account: Account, *args: object) -> str:
    return reverse(name, args=[account.slug, *args])


def membership(account: Account, user: User) -> Membership:
    return Membership.objects.get(account=account, user=user)


def actions(account: Account) -> list[str]:
    entries = AuditEntry.objects.for_account(account).order_by("id")
    return list(entries.values_list("action", flat=True))


def invite(client: Client, account: Account, email: str, role: int) -> str:
    """Ask ``email`` to join; the path of the link that the page shows."""
    answer = client.post(
        url("team_invite", account), {"email": email, "role": role}, follow=True
    )
    assert answer.status_code == 200
    found = re.search(r"/invitations/[\w-]+/", answer.content.decode())
    assert found
    return found[0]


def test_members_are_listed_with_their_roles(
    acme: Account, alice: User, bob: User, vera: User, client_of: ClientOf
) -> None:
    page = client_of(vera).get(url("team", acme)).content.decode()
    for words in ("Alice Adams", "Bob Brown", "Vera Vogt", "Marketer", "Ask an admin"):
        assert words in page
    assert "Send invitation" not in page


@pytest.mark.parametrize(
    "name", ["team_invite", "team_role", "team_remove", "invitation_withdraw"]
)
def test_marketers_cannot_change_the_team(
    name: str, acme: Account, alice: User, bob: User, client_of: ClientOf
) -> None:
    invitation, _ = invitation_create(
        account=acme, email="new@acme.test", role=Role.VIEWER, by=alice
    )
    args = {
        "team_invite": [],
        "invitation_withdraw": [invitation.pk],
    }.get(name, [membership(acme, alice).pk])
    answer = client_of(bob).post(
        url(name, acme, *args), {"role": Role.VIEWER, "email": "x@acme.test"}
    )
    assert answer.status_code == 403
    assert "Ask an admin" in answer.content.decode()
    assert membership(acme, alice).role == Role.OWNER
    assert Invitation.objects.count() == 1
    assert actions(acme) == []


def test_strangers_see_nothing(
    acme: Account, charlie: User, other: Account, alice: User, client_of: ClientOf
) -> None:
    stranger = client_of(charlie)
    assert stranger.get(url("team", acme)).status_code == 404
    own = membership(acme, alice).pk
    answer = stranger.post(url("team_remove", other, own))
    assert answer.status_code == 404
    assert Membership.objects.filter(pk=own).exists()


def test_a_role_is_changed_and_written_down(
    acme: Account, alice: User, bob: User, client_of: ClientOf
) -> None:
    pk = membership(acme, bob).pk
    answer = client_of(alice).post(
        url("team_role", acme, pk), {"role": Role.ADMIN}, follow=True
    )
    assert "Bob Brown is now Admin." in answer.content.decode()
    assert membership(acme, bob).role == Role.ADMIN
    entry = AuditEntry.objects.for_account(acme).get()
    assert (entry.action, entry.subject) == ("member.role_changed", bob.email)
    assert entry.actor == alice
    assert entry.detail == {"before": "Marketer", "after": "Admin"}
    assert entry.ip == "127.0.0.1"


def test_the_last_owner_stays(acme: Account, alice: User, client_of: ClientOf) -> None:
    client, pk = client_of(alice), membership(acme, alice).pk
    for name, args, data in (
        ("team_role", [pk], {"role": Role.VIEWER}),
        ("team_remove", [pk], {}),
        ("team_leave", [], {}),
    ):
        answer = client.post(url(name, acme, *args), data, follow=True)
        assert "keeps at least one owner" in answer.content.decode(), name
    assert membership(acme, alice).role == Role.OWNER
    assert actions(acme) == []


def test_an_owner_may_leave_when_there_is_another(
    acme: Account, alice: User, bob: User, client_of: ClientOf
) -> None:
    Membership.objects.filter(user=bob).update(role=Role.OWNER)
    client_of(alice).post(url("team_leave", acme))
    assert not Membership.objects.filter(user=alice).exists()
    assert actions(acme) == ["member.left"]


def test_admins_cannot_touch_owners_nor_make_them(
    acme: Account, alice: User, bob: User, vera: User, client_of: ClientOf
) -> None:
    Membership.objects.filter(user=bob).update(role=Role.ADMIN)
    admin = client_of(bob)
    owner = membership(acme, alice).pk
    viewer = membership(acme, vera).pk
    attempts = (
        ("team_role", owner, {"role": Role.VIEWER}),
        ("team_remove", owner, {}),
        ("team_role", viewer, {"role": Role.OWNER}),
    )
    for name, pk, data in attempts:
        assert admin.post(url(name, acme, pk), data).status_code == 403
    answer = admin.post(
        url("team_invite", acme), {"email": "x@acme.test", "role": Role.OWNER}
    )
    assert answer.status_code == 422
    assert membership(acme, alice).role == Role.OWNER
    assert membership(acme, vera).role == Role.VIEWER
    assert not Invitation.objects.exists()


def test_a_removed_member_is_out(
    acme: Account, alice: User, bob: User, client_of: ClientOf
) -> None:
    client_of(alice).post(url("team_remove", acme, membership(acme, bob).pk))
    assert client_of(bob).get(url("team", acme)).status_code == 404
    assert actions(acme) == ["member.removed"]


def test_an_invitation_is_mailed_and_its_link_shown_once(
    acme: Account, alice: User, client_of: ClientOf
) -> None:
    client = client_of(alice)
    link = invite(client, acme, "Dora@Acme.test", Role.MARKETER)
    assert [letter.to for letter in mail.outbox] == [["dora@acme.test"]]
    assert link in mail.outbox[0].body
    again = client.get(url("team", acme)).content.decode()
    assert "dora@acme.test" in again and link not in again
    assert link.split("/")[2] not in Invitation.objects.get().token_hash
    assert actions(acme) == ["invitation.created"]


def test_inviting_again_replaces_the_first_invitation(
    acme: Account, alice: User, client_of: ClientOf
) -> None:
    client = client_of(alice)
    first = invite(client, acme, "dora@acme.test", Role.VIEWER)
    second = invite(client, acme, "dora@acme.test", Role.ADMIN)
    assert Invitation.objects.get().role == Role.ADMIN
    assert Client().get(first).status_code == 410
    assert Client().get(second).status_code == 200


def test_members_are_not_invited_again(
    acme: Account, alice: User, bob: User, client_of: ClientOf
) -> None:
    answer = client_of(alice).post(
        url("team_invite", acme), {"email": bob.email, "role": Role.ADMIN}
    )
    assert answer.status_code == 422
    assert "on the team already" in answer.content.decode()
    assert not mail.outbox


def test_a_person_with_a_log_in_joins(
    acme: Account, alice: User, charlie: User, client_of: ClientOf
) -> None:
    link = invite(client_of(alice), acme, charlie.email, Role.MARKETER)
    client = client_of(charlie)
    assert "Join Acme Outdoor" in client.get(link).content.decode()
    assert not Membership.objects.filter(user=charlie).exists()
    answer = client.post(link)
    assert answer.headers["Location"] == reverse("home", args=[acme.slug])
    assert membership(acme, charlie).role == Role.MARKETER
    assert actions(acme) == ["invitation.created", "member.joined"]


def test_a_link_works_once(
    acme: Account, alice: User, charlie: User, client_of: ClientOf
) -> None:
    link = invite(client_of(alice), acme, charlie.email, Role.MARKETER)
    client = client_of(charlie)
    client.post(link)
    Membership.objects.filter(account=acme, user=charlie).delete()
    answer = client.post(link)
    assert answer.status_code == 410
    assert "used already" in answer.content.decode()
    assert not Membership.objects.filter(user=charlie).exists()


def test_a_link_ends(
    acme: Account, alice: User, charlie: User, client_of: ClientOf
) -> None:
    link = invite(client_of(alice), acme, charlie.email, Role.MARKETER)
    Invitation.objects.update(expires_at=now() - timedelta(seconds=1))
    answer = client_of(charlie).post(link)
    assert answer.status_code == 410
    assert "expired" in answer.content.decode()
    assert not Membership.objects.filter(user=charlie).exists()


def test_the_address_must_be_the_invited_one(
    acme: Account, alice: User, charlie: User, client_of: ClientOf
) -> None:
    link = invite(client_of(alice), acme, "dora@acme.test", Role.MARKETER)
    client = client_of(charlie)
    page = client.get(link).content.decode()
    assert "for another address" in page and "Log out and go on" in page
    assert client.post(link).status_code == 403
    assert not Membership.objects.filter(user=charlie).exists()


def test_a_withdrawn_invitation_is_dead(
    acme: Account, alice: User, charlie: User, client_of: ClientOf
) -> None:
    link = invite(client_of(alice), acme, charlie.email, Role.MARKETER)
    pk = Invitation.objects.get().pk
    client_of(alice).post(url("invitation_withdraw", acme, pk))
    assert client_of(charlie).post(link).status_code == 410
    assert actions(acme) == ["invitation.created", "invitation.withdrawn"]


def test_an_invited_person_signs_up_and_joins_without_an_account_of_their_own(
    acme: Account, alice: User, client_of: ClientOf
) -> None:
    link = invite(client_of(alice), acme, "dora@acme.test", Role.MARKETER)
    client = Client()
    page = client.get(link).content.decode()
    found = re.search(r'href="(/accounts/signup/[^"]+)"', page)
    assert found
    form = client.get(found[1].replace("&amp;", "&")).content.decode()
    assert 'value="dora@acme.test"' in form
    answer = client.post(
        reverse("account_signup"),
        {"email": "dora@acme.test", "password1": PASSWORD, "next": link},
    )
    assert answer.headers["Location"] == link
    client.post(link)
    dora = User.objects.get(email="dora@acme.test")
    joined = Membership.objects.filter(user=dora).values_list("account__slug", "role")
    assert list(joined) == [("acme-outdoor", Role.MARKETER)]
