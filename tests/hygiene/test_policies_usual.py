"""What counts where nobody has chosen: the installation's mode of the wide list."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from contactsync.tenancy.models import Account, User
from contactsync.tenancy.services import IssuedKey
from displays.models import Display
from hygiene import facts, watch
from hygiene.case import DomainList, Facts
from hygiene.forms import initial_of
from hygiene.models import HygienePolicy
from hygiene.policies import choices_for, policies, policy_for
from hygiene.policy import DEFAULT, Mode
from hygiene.services import Author, PolicySettings, check, policy_save, settings_of
from tests.contactsync.api.client import Api

pytestmark = pytest.mark.django_db
MODES = ("off", "flag", "on")


@pytest.fixture
def by(alice: User) -> Author:
    return Author(user=alice, label="Alice Adams")


@pytest.fixture
def api(secret_key: IssuedKey) -> Api:
    return Api(secret_key.text)


@pytest.fixture
def wide_list() -> Any:
    old = facts.swap(
        Facts(disposable=(DomainList("wide@1", frozenset({"burn.com"}), wide=True),))
    )
    yield
    facts.swap(old)


@pytest.mark.parametrize("mode", MODES)
def test_without_a_choice_it_is_the_installation_s(
    acme: Account, display: Display, settings: Any, mode: str, wide_list: None
) -> None:
    settings.HYGIENE_WIDE = mode
    assert policy_for(acme.pk).wide_disposable == Mode(mode)
    assert (policy_for(acme.pk) is DEFAULT) == (mode == "off")
    HygienePolicy.objects.create(account=acme, modes={"role": "flag"})
    HygienePolicy.objects.create(account=acme, display_id=display.pk)
    policies.clear()
    for policy in (policy_for(acme.pk), policy_for(acme.pk, display.pk), None):
        verdict = check("mira.lang@burn.com", policy=policy)
        assert verdict.accepted == (mode != "on")
        assert [each.rule for each in verdict.also] == (
            ["wide-domain"] if mode == "flag" else []
        )
    assert watch.wide() == (mode != "off")


@pytest.mark.parametrize("usual", MODES)
@pytest.mark.parametrize("chosen", MODES)
def test_an_account_may_choose_each(
    acme: Account, by: Author, settings: Any, usual: str, chosen: str
) -> None:
    settings.HYGIENE_WIDE = usual
    wanted = PolicySettings(modes={}, wide_disposable=chosen)
    policy_save(account=acme, settings=wanted, by=by)
    assert policy_for(acme.pk).wide_disposable == Mode(chosen)
    shown = initial_of(settings_of(acme), inherits=False)
    assert shown["wide_disposable"] == chosen


@pytest.mark.parametrize("usual", MODES)
@pytest.mark.parametrize("account", [*MODES, ""])
@pytest.mark.parametrize("own", [*MODES, ""])
def test_a_display_may_choose_each(
    acme: Account,
    display: Display,
    by: Author,
    settings: Any,
    usual: str,
    account: str,
    own: str,
) -> None:
    settings.HYGIENE_WIDE = usual
    for mode, pk in ((account, None), (own, display.pk)):
        wanted = PolicySettings(modes={}, wide_disposable=mode)
        policy_save(account=acme, settings=wanted, by=by, display_id=pk)
    found = choices_for(acme.pk, display.pk).policy.wide_disposable
    assert found == Mode(own or account or usual)


@pytest.mark.parametrize("usual", MODES)
def test_the_page_and_the_api_show_what_is_done(
    acme: Account, api: Api, alice: User, client_of: Any, settings: Any, usual: str
) -> None:
    settings.HYGIENE_WIDE = usual
    assert api.get("hygiene/policy").json()["wide_disposable"] == usual
    page = client_of(alice).get(reverse("hygiene_policy", args=[acme.slug]))
    assert page.context["form"].initial["wide_disposable"] == usual
    for mode in MODES:
        told = api.put("hygiene/policy", {"wide_disposable": mode}).json()
        assert told["wide_disposable"] == mode
    assert api.put("hygiene/policy", {}).json()["wide_disposable"] == usual
