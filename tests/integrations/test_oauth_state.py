"""What comes back from a provider counts once, in time, for who began it, and there
only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import signing
from django.test import Client

from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, Membership, Role, User
from integrations.adapters import ADAPTERS
from integrations.models import LinkAttempt, LinkedAccount
from integrations.oauth_state import LIFE, forget_old
from tests.integrations.oauth_steps import (
    CALLBACK,
    come_back,
    go,
    link_page,
    sign_in,
    signed_in,
)
from tests.integrations.oauth_world import FakeProvider, Folded, Paperplane
from tests.integrations.pages import ClientOf, text_of, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(client_of: ClientOf, alice: User, acme: Account) -> Client:
    return client_of(alice)


def refused(answer: Any, why: str, provider: FakeProvider) -> None:
    """A clear page, nothing linked, and the provider was not even asked."""
    page = text_of(answer)
    assert answer.status_code == 400
    assert "<h1>Nothing was linked</h1>" in page and why in page
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "code-" not in page
    assert not LinkedAccount.objects.exists()
    assert not provider.token_calls


def test_a_state_counts_once(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    asked = go(client, link_page(acme))
    come_back(client, code=plane.code_for(asked), state=asked["state"])
    assert LinkedAccount.objects.count() == 1
    again = come_back(client, code=plane.code_for(asked), state=asked["state"])
    assert again.status_code == 400 and "finished before" in text_of(again)
    assert LinkedAccount.objects.count() == 1
    assert len(plane.token_calls) == 1


def test_a_state_that_waits_for_an_answer_counts_once(
    client: Client,
    acme: Account,
    plane: FakeProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(ADAPTERS, "paperplane", Folded)
    asked = go(client, link_page(acme))
    first = come_back(client, code=plane.code_for(asked), state=asked["state"])
    assert "/linking/" in first["Location"]
    again = come_back(client, code=plane.code_for(asked), state=asked["state"])
    assert "finished before" in text_of(again)
    assert len(plane.token_calls) == 1


def test_somebody_else_cannot_finish_it(
    client: Client,
    client_of: ClientOf,
    acme: Account,
    plane: FakeProvider,
) -> None:
    """An account of the attacker's is not slipped to another admin of the same team."""
    adam = User.objects.create_user("adam@acme.test", "x" * 12, name="Adam")
    Membership.objects.create(account=acme, user=adam, role=Role.ADMIN)
    asked = go(client_of(adam), link_page(acme))
    code = plane.code_for(asked)
    answer = come_back(client, code=code, state=asked["state"])
    refused(answer, "begun by somebody else", plane)
    own = come_back(client_of(adam), code=code, state=asked["state"])
    assert own.status_code == 302, "and is not used up by the attempt"


def test_a_stranger_cannot_finish_it(
    client: Client,
    client_of: ClientOf,
    acme: Account,
    charlie: User,
    other: Account,
    plane: FakeProvider,
) -> None:
    asked = go(client, link_page(acme))
    code = plane.code_for(asked)
    answer = come_back(client_of(charlie), code=code, state=asked["state"])
    refused(answer, "begun by somebody else", plane)
    refused(
        come_back(Client(), code=code, state=asked["state"]), "not logged in", plane
    )


def test_who_is_no_admin_any_more_cannot_finish_it(
    client: Client, acme: Account, alice: User, plane: FakeProvider
) -> None:
    asked = go(client, link_page(acme))
    Membership.objects.filter(user=alice).update(role=Role.MARKETER)
    code = plane.code_for(asked)
    answer = come_back(client, code=code, state=asked["state"])
    refused(answer, "may not link accounts there any more", plane)
    Membership.objects.filter(user=alice).delete()
    answer = come_back(client, code=code, state=asked["state"])
    refused(answer, "may not link accounts there any more", plane)


def test_it_ends_after_ten_minutes(
    client: Client,
    acme: Account,
    plane: FakeProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = go(client, link_page(acme))
    later = signing.time.time() + LIFE.total_seconds() + 1
    with monkeypatch.context() as clock:
        clock.setattr(signing.time, "time", lambda: later)
        code = plane.code_for(asked)
        answer = come_back(client, code=code, state=asked["state"])
    refused(answer, "longer than ten minutes", plane)


def test_it_ends_in_the_data_base_too(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    asked = go(client, link_page(acme))
    LinkAttempt.objects.update(expires_at=now() - timedelta(seconds=1))
    code = plane.code_for(asked)
    refused(come_back(client, code=code, state=asked["state"]), "has ended", plane)
    assert forget_old() == 1 and not LinkAttempt.objects.exists()


TAMPERED = {
    "none": lambda state: "",
    "another": lambda state: ("y" if state[0] == "x" else "x") + state[1:],
    "without its signature": lambda state: state.split(":")[0],
    "signed for something else": lambda state: signing.TimestampSigner().sign(
        state.split(":")[0]
    ),
    "very long": lambda state: state * 500,
    "with a NUL": lambda state: state + "\0",
}


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED.keys())
def test_a_tampered_state_is_refused(
    client: Client, acme: Account, plane: FakeProvider, change: Any
) -> None:
    asked = go(client, link_page(acme))
    answer = come_back(client, code=plane.code_for(asked), state=change(asked["state"]))
    refused(answer, "does not belong to anything begun here", plane)
    assert LinkAttempt.objects.get().taken_at is None


def test_one_provider_cannot_answer_for_another(
    client: Client,
    acme: Account,
    plane: FakeProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Evil(Paperplane):
        slug = "evil"
        label = "Evil"

    monkeypatch.setitem(ADAPTERS, "evil", Evil)
    asked = go(client, link_page(acme))
    answer = client.get(
        "/oauth/callback/evil/",
        {"code": plane.code_for(asked), "state": asked["state"]},
    )
    refused(answer, "begun with another provider", plane)


def test_a_code_of_somebody_else_s_visit_is_refused_by_the_proof(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    """Code injection: the verifier is ours, and the provider checks it."""
    mine = go(client, link_page(acme))
    stolen = plane.code_for({**mine, "code_challenge": "of-another-visit"})
    answer = come_back(client, code=stolen, state=mine["state"])
    assert "Bad proof." in text_of(client.get(answer["Location"]))
    assert not LinkedAccount.objects.exists()


def test_it_never_leads_anywhere_else(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    evil = "https://evil.test/"
    more = {"next": evil, "redirect_uri": evil, "return_to": evil}
    asked = go(client, f"{link_page(acme)}?next={evil}", **more)
    assert asked["redirect_uri"].endswith(CALLBACK) and "evil" not in str(asked)
    answer = come_back(client, code=plane.code_for(asked), state=asked["state"], **more)
    assert answer["Location"].startswith("/a/acme-outdoor/")


@pytest.mark.parametrize("method", ["post", "head", "put"])
def test_only_a_get_is_an_answer(
    client: Client, acme: Account, plane: FakeProvider, method: str
) -> None:
    asked = go(client, link_page(acme))
    query = f"?code={plane.code_for(asked)}&state={asked['state']}"
    assert getattr(client, method)(CALLBACK + query).status_code == 405
    assert not LinkedAccount.objects.exists()


def test_leaving_takes_a_post_with_the_token_of_our_own_form(
    alice: User, acme: Account, plane: FakeProvider
) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(
        alice, backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    body = {"way": "sign-in", "environment": "live"}
    assert strict.post(link_page(acme), body).status_code == 403
    answer = strict.get(link_page(acme), body)
    assert answer.status_code == 200 and "Refresh" not in answer
    assert not LinkAttempt.objects.exists()


def test_a_marketer_cannot_leave(
    client_of: ClientOf, bob: User, acme: Account, plane: FakeProvider
) -> None:
    answer = client_of(bob).post(link_page(acme), {"way": "sign-in"})
    assert answer.status_code == 403 and not LinkAttempt.objects.exists()


def test_a_question_is_for_who_began_it_and_there_only(
    client: Client,
    client_of: ClientOf,
    acme: Account,
    alice: User,
    other: Account,
    charlie: User,
    plane: FakeProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(ADAPTERS, "paperplane", Folded)
    sign_in(client, plane, link_page(acme))
    attempt = LinkAttempt.objects.get()
    adam = User.objects.create_user("adam@acme.test", "x" * 12, name="Adam")
    Membership.objects.create(account=acme, user=adam, role=Role.ADMIN)
    Membership.objects.create(account=other, user=alice, role=Role.ADMIN)
    for user, account, status in (
        (adam, acme, 302),
        (charlie, other, 404),
        (alice, other, 404),
    ):
        page = url("link_question", account, attempt.pk)
        assert client_of(user).get(page).status_code == status
        assert client_of(user).post(page, {"part": "f1"}).status_code == status
    assert not LinkedAccount.objects.exists()
    page = url("link_question", acme, attempt.pk)
    assert client_of(charlie).post(page, {"part": "f1"}).status_code == 404
    assert client.get(page).status_code == 200


def test_who_has_not_come_back_has_nothing_to_answer(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    go(client, link_page(acme))
    page = url("link_question", acme, LinkAttempt.objects.get().pk)
    answer = client.post(page, {"part": "f1"}, follow=True)
    assert "That has ended," in text_of(answer)


def test_what_waits_is_sealed_for_its_row(
    client: Client,
    acme: Account,
    plane: FakeProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(ADAPTERS, "paperplane", Folded)
    asked = go(client, link_page(acme))
    row = LinkAttempt.objects.get()
    assert asked["state"].split(":")[0] not in str(vars(row))
    assert row.contents()["verifier"] not in row.sealed
    come_back(client, code=plane.code_for(asked), state=asked["state"])
    row.refresh_from_db()
    token = row.contents()["access"]["secrets"]["access_token"]
    assert token in plane.access and token not in str(vars(row))


def test_a_stranger_s_account_is_not_reconnected(
    client_of: ClientOf,
    charlie: User,
    other: Account,
    acme: Account,
    plane: FakeProvider,
) -> None:
    linked = signed_in(acme, plane)
    for account in (acme, other):
        page = url("linked_account_reconnect", account, linked.pk)
        answer = client_of(charlie).post(page, {"way": "sign-in"})
        assert answer.status_code == 404
    assert not LinkAttempt.objects.exists()
