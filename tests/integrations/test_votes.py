"""Votes for providers that are missing."""

from __future__ import annotations

import pytest
from django.urls import reverse

from contactsync.tenancy.models import Account, AuditEntry, User
from integrations.models import ProviderVote
from integrations.votes import MAX_VOTES, VoteError, provider_vote, voted, wishes
from tests.integrations.pages import ClientOf, text_of, url

pytestmark = pytest.mark.django_db


def test_one_vote_per_account_and_service(acme: Account, other: Account) -> None:
    assert provider_vote(acme, " Acme  Mail ") == 1
    assert provider_vote(acme, "acme-mail") == 1
    assert provider_vote(other, "AcmeMail") == 2
    assert provider_vote(acme, "Ztool") == 1
    assert [(wish.accounts) for wish in wishes()] == [2, 1]
    assert voted(acme) == ["Acme Mail", "Ztool"]
    assert voted(other) == ["AcmeMail"]


@pytest.mark.parametrize("name", ["", "x", "--", "y" * 81])
def test_a_name_is_needed(acme: Account, name: str) -> None:
    with pytest.raises(VoteError, match="2 to 80"):
        provider_vote(acme, name)


def test_what_can_be_linked_is_not_voted_for(acme: Account) -> None:
    for name in ("MailChimp", "mail chimp", "webhook"):
        with pytest.raises(VoteError, match="already"):
            provider_vote(acme, name)
    assert not ProviderVote.objects.exists()


def test_votes_are_limited(acme: Account) -> None:
    for number in range(MAX_VOTES):
        provider_vote(acme, f"service {number}")
    with pytest.raises(VoteError, match="used up"):
        provider_vote(acme, "one more")
    assert provider_vote(acme, "service 1") == 1


def test_from_the_directory(
    client_of: ClientOf, bob: User, vera: User, acme: Account
) -> None:
    page = text_of(client_of(bob).get(url("linked_accounts", acme) + "?q=Zmail"))
    assert "No service matches “Zmail”" in page and 'value="Zmail"' in page
    client = client_of(bob)
    page = text_of(
        client.post(url("provider_vote", acme), {"name": "Zmail"}, follow=True)
    )
    assert "Your vote is counted." in page and "You asked for Zmail." in page
    page = text_of(client.post(url("provider_vote", acme), {"name": ""}, follow=True))
    assert "Enter the name of the service" in page
    assert AuditEntry.objects.filter(action="provider.vote", subject="Zmail").exists()
    page = text_of(client_of(vera).get(url("linked_accounts", acme)))
    assert "Ask for it" not in page


def test_staff_see_what_is_wanted(
    client_of: ClientOf, bob: User, acme: Account
) -> None:
    provider_vote(acme, "Z<mail>")
    assert client_of(bob).get(reverse("staff_wishes")).status_code == 404
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    page = text_of(client_of(User.objects.get(pk=bob.pk)).get(reverse("staff_wishes")))
    assert "Z&lt;mail&gt;" in page
