"""MessageMedia's official clients meet the simulator and notice nothing.

They know webhooks and signature keys. The one for messages knows no contacts and cannot
be installed beside urllib3 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integrations.sandbox.testing import RunningSandbox
from tests.integrations.sandbox.messagemedia_clients import (
    CreateSignatureKeyRequest,
    CreateWebhookRequest,
    EnableSignatureKeyRequest,
    HookConfiguration,
    HookRefused,
    KeyConfiguration,
    KeyRefused,
    MessageMediaSigningKeysClient,
    MessageMediaWebhooksClient,
    UpdateWebhookRequest,
)

KEY, SECRET = "uCXUdoogNfCsehEClbO2", "q1w2e3r4t5y6u7i8o9"


@pytest.fixture
def hooks(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    base = sandbox.base_url("messagemedia")
    monkeypatch.setattr(HookConfiguration, "base_uri", base)
    controller = MessageMediaWebhooksClient(KEY, SECRET).webhooks
    yield controller
    controller.http_client.session.close()


@pytest.fixture
def keys(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    base = sandbox.base_url("messagemedia")
    monkeypatch.setattr(KeyConfiguration, "base_uri", base)
    controller = MessageMediaSigningKeysClient(KEY, SECRET).signature_key_management
    yield controller
    controller.http_client.session.close()


def hook(url: str = "http://127.0.0.1:9/hooks", **more: Any) -> CreateWebhookRequest:
    usual = {
        "method": "POST",
        "encoding": "JSON",
        "headers": {"Account": "x"},
        "events": ["OPT_OUT_SMS"],
        "template": '{"number":"$sourceAddress"}',
    }
    return CreateWebhookRequest(url=url, **{**usual, **more})


class TestOfficialClients:
    def test_webhooks_from_creation_to_deletion(self, hooks: Any) -> None:
        made = hooks.create_webhook(hook())
        [listed] = hooks.retrieve_webhook()["pageData"]
        assert listed == made
        assert made["events"] == ["OPT_OUT_SMS"]
        changed = hooks.update_webhook(
            made["id"], UpdateWebhookRequest(events=["RECEIVED_SMS"])
        )
        assert changed["events"] == ["RECEIVED_SMS"]
        hooks.delete_webhook(made["id"])
        assert hooks.retrieve_webhook()["pageData"] == []

    @pytest.mark.parametrize(
        "more",
        [{"events": []}, {"events": ["SOLAR_FLARE"]}, {"template": ""}]
        + [{"headers": {"Content-Type": "text/plain"}}],
    )
    def test_webhooks_that_make_no_sense(self, hooks: Any, more: Any) -> None:
        with pytest.raises(HookRefused) as caught:
            hooks.create_webhook(hook(**more))
        assert caught.value.response_code == 400

    def test_the_same_webhook_twice(self, hooks: Any) -> None:
        hooks.create_webhook(hook())
        with pytest.raises(HookRefused) as caught:
            hooks.create_webhook(hook())
        assert caught.value.response_code == 409

    def test_one_key_is_enabled_at_a_time(self, keys: Any) -> None:
        with pytest.raises(KeyRefused) as caught:
            keys.get_enabled_signature_key()
        assert caught.value.response_code == 404
        wanted = CreateSignatureKeyRequest(digest="SHA512", cipher="RSA")
        first, second = (keys.create_signature_key(wanted) for _ in range(2))
        assert (first.digest, first.enabled) == ("SHA512", False)
        assert first.public_key.startswith("MIGfMA0GCSqGSIb3DQEBAQUAA4GN")
        for key in (first, second):
            keys.update_enable_signature_key(EnableSignatureKeyRequest(key.key_id))
            assert keys.get_enabled_signature_key().key_id == key.key_id
        assert not keys.get_signature_key_detail(first.key_id).enabled
        keys.delete_disable_the_current_enabled_signature_key()
        with pytest.raises(KeyRefused):
            keys.get_enabled_signature_key()
        keys.delete_signature_key(first.key_id)
        assert len(keys.get_signature_key_list()) == 1

    def test_a_key_of_another_kind(self, keys: Any) -> None:
        with pytest.raises(KeyRefused) as caught:
            keys.create_signature_key(CreateSignatureKeyRequest("SHA512", "RA"))
        assert caught.value.response_code == 400
