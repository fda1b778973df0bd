"""Webhooks that we registered are removed again, at simulated providers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from contactsync.tenancy.models import AuditEntry
from displays.models import Display
from integrations import hooks, hooks_farewell
from integrations.adapters import ADAPTERS
from integrations.adapters.errors import TargetError
from integrations.models import LinkedAccount
from integrations.sandbox.klaviyo.simulator import NEWSLETTER as KLAVIYO_NEWS
from integrations.sandbox.messagemedia.contacts import identifier
from integrations.sandbox.testing import RunningSandbox
from integrations.services import linked_account_unlink
from tests.integrations.sandbox.helpers import Api
from tests.integrations.sandbox.test_webhooks import NEWSLETTER, Receiver
from tests.integrations.world import rule_to

SECRETS: dict[str, tuple[dict[str, str], str]] = {
    "mailchimp": ({"api_key": "0123456789abcdef0123456789abcdef-us21"}, NEWSLETTER),
    "klaviyo": ({"api_key": "pk_0123456789abcdef0123456789abcdef01"}, KLAVIYO_NEWS),
    "pipedrive": ({"api_token": "0123456789abcdef0123456789abcdef01234567"}, "people"),
    "icontact": (
        {
            "app_id": "Ml5SnuFhnoOsuZeTOuZQnLUHTbzeUyhx",
            "username": "marketer",
            "api_password": "application-pass",
        },
        "3001",
    ),
    "messagemedia": (
        {"api_key": "uCXUdoogNfCsehEClbO2", "api_secret": "q1w2e3r4t5y6u7i8o9"},
        identifier("news"),
    ),
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    thread = threading.Thread(
        target=found.server.serve_forever, kwargs={"poll_interval": 0.02}
    )
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


@pytest.mark.parametrize("slug", SECRETS)
def test_what_was_added_is_removed_once(
    slug: str, sandbox: RunningSandbox, receiver: Receiver
) -> None:
    secrets, audience = SECRETS[slug]
    secrets = {**secrets, "webhook_secret": "a shared secret of ours"}
    ours = ADAPTERS[slug](secrets, base_url=sandbox.base_url(slug))
    made = ours.add_webhook(receiver.url, audience)
    ids = made["webhook_id"].split(",")
    for webhook_id in ids:
        ours.remove_webhook(webhook_id, audience)
    for webhook_id in ids:
        with pytest.raises(TargetError):
            ours.remove_webhook(webhook_id, audience)
    assert ours.add_webhook(receiver.url, audience), "there is room for it again"


@pytest.mark.django_db
def test_linked_and_unlinked(
    linked: LinkedAccount,
    display: Display,
    sandbox: RunningSandbox,
    api: Api,
    receiver: Receiver,
    settings: Any,
) -> None:
    settings.PROVIDER_URLS = {"mailchimp": sandbox.base_url("mailchimp")}
    settings.BASE_URL = receiver.url.partition("/hook")[0]
    rule_to(display, linked, audience_id=NEWSLETTER)
    assert hooks.register(linked.pk) == 1

    def there() -> list[str]:
        found = api("GET", f"/lists/{NEWSLETTER}/webhooks").json()["webhooks"]
        return [hook["url"] for hook in found]

    assert there() == [hooks.hook_url(linked)]
    linked_account_unlink(linked)
    assert hooks_farewell.say(linked.pk)
    assert there() == []
    entry = AuditEntry.objects.get(action="linked_account.webhooks_removed")
    assert (entry.detail["removed"], entry.actor_label) == (1, "system")
