"""What is entered: choices, optional values, addresses; in forms and over the API."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from django.test import Client

from contactsync.tenancy.models import Account, User
from contactsync.tenancy.services import IssuedKey
from integrations.adapters import ADAPTERS
from integrations.adapters.declare import Credential, OAuth2
from integrations.models import LinkAttempt, LinkedAccount
from integrations.providers import how_of
from tests.contactsync.api.client import Api, fields_of
from tests.integrations.oauth_steps import go, link_page, sign_in, signed_in
from tests.integrations.oauth_world import API_KEY, FakeProvider, Paperplane
from tests.integrations.pages import ClientOf, text_of, url

pytestmark = pytest.mark.django_db


class Regional(Paperplane):
    """A key, and things that are no secret."""

    oauth: ClassVar[OAuth2 | None] = None
    credentials: ClassVar[tuple[Credential, ...]] = (
        Credential(name="api_key", label="API key"),
        Credential(
            name="region",
            label="Region",
            secret=False,
            options={"us": "United States", "eu": "Europe"},
        ),
        Credential(
            name="site",
            label="Site address",
            secret=False,
            required=False,
            placeholder="https://shop.example",
        ),
    )


class Shop(Paperplane):
    """Where one signs in depends on the shop."""

    credentials: ClassVar[tuple[Credential, ...]] = (
        Credential(name="shop", label="Shop name", secret=False, required=False),
    )
    oauth: ClassVar[OAuth2 | None] = OAuth2(
        authorize_url="https://{shop}.paperplane.test/oauth/authorize",
        token_url="https://{shop}.paperplane.test/oauth/token",
    )


GOOD = {"api_key": API_KEY, "region": "eu", "site": "https://acme.example/shop"}


def form(**given: str) -> dict[str, str]:
    entered = {f"credential-{name}": value for name, value in given.items()}
    return {**entered, "environment": "live"}


@pytest.fixture
def client(client_of: ClientOf, alice: User, acme: Account) -> Client:
    return client_of(alice)


@pytest.fixture
def api(secret_key: IssuedKey) -> Api:
    return Api(secret_key.text)


@pytest.fixture
def regional(plane: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ADAPTERS, "paperplane", Regional)


BAD = {
    "no choice": ("region", {"region": ""}, "required"),
    "a choice that is none": ("region", {"region": "mars"}, "invalid"),
    "no address": ("site", {"site": "shop"}, "invalid"),
    "an address of another kind": ("site", {"site": "ftp://acme.example"}, "invalid"),
    "an address without a host": ("site", {"site": "https:///x"}, "invalid"),
    "an address that is none": ("site", {"site": "https://[x"}, "invalid"),
    "no key": ("api_key", {"api_key": " "}, "required"),
}


@pytest.mark.usefixtures("regional")
class TestAKeyAndMore:
    @pytest.mark.parametrize(("name", "change", "code"), BAD.values(), ids=BAD.keys())
    def test_what_is_wrong_is_said_at_its_field(
        self,
        client: Client,
        api: Api,
        acme: Account,
        name: str,
        change: dict[str, str],
        code: str,
    ) -> None:
        answer = client.post(link_page(acme), form(**{**GOOD, **change}))
        assert answer.status_code == 422
        assert f'id="id_credential-{name}_error"' in text_of(answer)
        assert API_KEY not in text_of(answer)
        body = {"provider": "paperplane", "credentials": {**GOOD, **change}}
        answer = api.post("linked-accounts", body)
        assert answer.status_code == 422
        assert set(fields_of(answer)) == {f"credentials.{name}"}
        assert answer.json()["errors"][0]["code"] == code
        assert not LinkedAccount.objects.exists()

    def test_the_remedy_is_named(self, api: Api) -> None:
        body = {"provider": "paperplane", "credentials": {**GOOD, "region": "mars"}}
        detail = api.post("linked-accounts", body).json()["errors"][0]["detail"]
        assert detail == "Region is one of: us, eu."

    def test_what_is_optional_may_be_left_out(
        self, client: Client, api: Api, acme: Account
    ) -> None:
        page = text_of(client.get(link_page(acme)))
        assert "Site address <span" in page and "(optional)" in page
        assert "United States" in page and 'value="eu"' in page
        given = {**GOOD, "site": ""}
        assert client.post(link_page(acme), form(**given)).status_code == 302
        assert LinkedAccount.objects.get().get_credentials() == {
            "api_key": API_KEY,
            "region": "eu",
        }
        body = {"provider": "paperplane", "credentials": {**GOOD}}
        body["credentials"].pop("site")  # type: ignore[attr-defined]
        assert api.post("linked-accounts", body).status_code == 201

    def test_a_reconnect_shows_what_is_no_secret(
        self, client: Client, acme: Account
    ) -> None:
        client.post(link_page(acme), form(**GOOD))
        linked = LinkedAccount.objects.get()
        page = url("linked_account_reconnect", acme, linked.pk)
        shown = text_of(client.get(page))
        assert 'value="https://acme.example/shop"' in shown
        assert '<option value="eu" selected>' in shown
        assert API_KEY not in shown
        client.post(page, form(**{**GOOD, "region": "us", "site": ""}))
        linked.refresh_from_db()
        assert linked.get_credentials() == {"api_key": API_KEY, "region": "us"}

    def test_credentials_that_cannot_be_opened_can_be_replaced(
        self, client: Client, acme: Account
    ) -> None:
        client.post(link_page(acme), form(**GOOD))
        linked = LinkedAccount.objects.get()
        LinkedAccount.objects.update(sealed="v1.k1.AAAA")
        page = url("linked_account_reconnect", acme, linked.pk)
        assert client.get(page).status_code == 200
        assert client.post(page, form(**GOOD)).status_code == 302
        linked.refresh_from_db()
        assert linked.get_credentials() == GOOD


@pytest.fixture
def shop(plane: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ADAPTERS, "paperplane", Shop)


@pytest.mark.usefixtures("shop")
class TestWhatIsEnteredBeforeSigningIn:
    def test_it_is_kept(
        self, client: Client, acme: Account, plane: FakeProvider
    ) -> None:
        page = text_of(client.get(link_page(acme)))
        assert "Shop name" in page and "Or enter a key" not in page
        sign_in(client, plane, link_page(acme), **{"credential-shop": "acme-7"})
        linked = LinkedAccount.objects.get()
        assert linked.get_credentials()["shop"] == "acme-7"
        again = url("linked_account_reconnect", acme, linked.pk)
        assert 'value="acme-7"' in text_of(client.get(again))

    @pytest.mark.parametrize(
        "name",
        ["acme-7.paperplane.test", "https://acme-7.paperplane.test/", " acme-7 "],
    )
    def test_a_whole_address_is_understood(
        self, client: Client, acme: Account, plane: FakeProvider, name: str
    ) -> None:
        sign_in(client, plane, link_page(acme), **{"credential-shop": name})
        assert LinkedAccount.objects.get().get_credentials()["shop"] == "acme-7"

    @pytest.mark.parametrize("name", ["", "evil.test/x", "a@evil.test", "x:80"])
    def test_it_cannot_be_another_host(
        self, client: Client, acme: Account, plane: FakeProvider, name: str
    ) -> None:
        body = {"way": "sign-in", "environment": "live", "credential-shop": name}
        answer = client.post(link_page(acme), body)
        assert answer.status_code == 422 and "Refresh" not in answer
        assert 'id="id_sign_in_credential-shop_error"' in text_of(answer)
        assert not LinkAttempt.objects.exists()

    def test_there_is_no_key_to_post(
        self, client: Client, api: Api, acme: Account, plane: FakeProvider
    ) -> None:
        assert client.post(link_page(acme), form(shop="acme")).status_code == 422
        body = {"provider": "paperplane", "credentials": {"shop": "acme"}}
        answer = api.post("linked-accounts", body)
        assert answer.status_code == 422 and set(fields_of(answer)) == {"provider"}
        assert answer.json()["link_url"].endswith(link_page(acme))
        assert "signs in" in answer.json()["detail"]

    def test_nor_for_one_that_is_signed_in(
        self, api: Api, acme: Account, plane: FakeProvider
    ) -> None:
        linked = signed_in(acme, plane)
        answer = api.patch(
            f"linked-accounts/{linked.pk}", {"credentials": {"shop": "acme"}}
        )
        assert answer.status_code == 422
        linked.refresh_from_db()
        assert "access_token" in linked.get_credentials()


def test_signing_in_does_not_ask_for_the_key(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    assert go(client, link_page(acme))["client_id"] == "our-app"


def test_a_key_that_is_optional_must_be_entered_when_not_signing_in(
    client: Client,
    api: Api,
    acme: Account,
    plane: FakeProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    optional = (
        Credential(name="api_key", label="API key", required=False),
        Credential(name="hook", label="Webhook secret", required=False),
    )
    monkeypatch.setattr(Paperplane, "credentials", optional)
    answer = client.post(link_page(acme), form(api_key="", hook="s3cret"))
    assert answer.status_code == 422 and "API key is missing." in text_of(answer)
    answer = api.post("linked-accounts", {"provider": "paperplane"})
    assert set(fields_of(answer)) == {"credentials.api_key"}


def test_the_directory_says_how(plane: FakeProvider) -> None:
    assert how_of(Paperplane) == "Sign in at Paperplane, or API key"
    more = Credential(name="hook", label="Webhook secret", required=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Paperplane, "credentials", (*Paperplane.credentials, more))
        assert how_of(Paperplane) == "Sign in at Paperplane, or API key"
    assert how_of(Shop) == "Sign in at Paperplane"
    assert how_of(Regional) == "API key and region"


def test_the_api_s_providers_say_what_can_be_entered(
    api: Api, regional: Any, plane: FakeProvider
) -> None:
    rows = {row["slug"]: row for row in api.get("providers").json()["results"]}
    named = {each["name"]: each for each in rows["paperplane"]["credentials"]}
    assert named["region"]["options"] == {"us": "United States", "eu": "Europe"}
    assert named["site"]["required"] is False
    assert rows["paperplane"]["requirements"] == [
        "You are an owner of the Paperplane account."
    ]
    assert rows["paperplane"]["notice"].startswith("Paperplane mails")
