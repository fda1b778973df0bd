"""A story at the simulated MessageMedia, told with MessageMedia's own clients: those
for webhooks and for the keys that sign them. Its contacts API has no client.

Run by test_clients.py with the interpreter that has the clients: the URL of the
provider is the argument, what was seen is printed as JSON, on the last line.
"""

from __future__ import annotations

import json
import logging
import sys
from contextlib import suppress
from typing import Any

from message_media_signing_keys import (  # type: ignore[import-not-found]
    configuration as keys_configuration,
)
from message_media_signing_keys.controllers import (  # type: ignore[import-not-found]
    signature_key_management_controller as key_calls,
)
from message_media_signing_keys.models import (  # type: ignore[import-not-found]
    create_signature_key_request as new_key,
)
from message_media_signing_keys.models import (
    enable_signature_key_request as enable_key,
)
from message_media_webhooks import (  # type: ignore[import-not-found]
    configuration as hooks_configuration,
)
from message_media_webhooks.controllers import (  # type: ignore[import-not-found]
    webhooks_controller as hook_calls,
)
from message_media_webhooks.models import (  # type: ignore[import-not-found]
    create_webhook_request as new_hook,
)
from message_media_webhooks.models import update_webhook_request as other_hook

CONFIGURATIONS: tuple[Any, ...] = (
    keys_configuration.Configuration,
    hooks_configuration.Configuration,
)


class Statuses:
    """Told of every answer by the clients, which stumble over their own refusals."""

    last = 0

    def on_before_request(self, request: object) -> None:
        self.last = 0

    def on_after_response(self, context: Any) -> None:
        self.last = int(context.response.status_code)

    def of(self, call: Any, *given: Any) -> int:
        with suppress(Exception):
            call(*given)
        return self.last


def story(url: str) -> dict[str, object]:
    for configuration in CONFIGURATIONS:
        configuration.base_uri = url
        configuration.basic_auth_user_name = "uCXUdoogNfCsehEClbO2"
        configuration.basic_auth_password = "q1w2e3r4t5y6u7i8o9"
    statuses = Statuses()
    keys = key_calls.SignatureKeyManagementController(call_back=statuses)
    hooks = hook_calls.WebhooksController(call_back=statuses)
    seen: dict[str, object] = {}

    made = keys.create_signature_key(new_key.CreateSignatureKeyRequest("SHA256", "RSA"))
    seen["key"] = [made.digest, made.cipher, made.enabled]
    enabled = keys.update_enable_signature_key(
        enable_key.EnableSignatureKeyRequest(made.key_id)
    )
    seen["enabled"] = enabled.enabled
    seen["the enabled one"] = keys.get_enabled_signature_key().key_id == made.key_id
    seen["all"] = made.key_id in [row.key_id for row in keys.get_signature_key_list()]
    detail = keys.get_signature_key_detail(made.key_id)
    seen["same key"] = detail.key_id == made.key_id
    seen["no such key"] = statuses.of(keys.get_signature_key_detail, "no-such-key")

    wanted = new_hook.CreateWebhookRequest(
        url="https://shop.example/hook",
        method="POST",
        encoding="JSON",
        headers={"Account": "shop"},
        events=["OPT_OUT_SMS"],
        template='{"from": "$sourceAddress"}',
    )
    answer = hooks.create_webhook(wanted)
    hook = (json.loads(answer) if isinstance(answer, str) else answer)["id"]
    seen["the same again"] = statuses.of(hooks.create_webhook, wanted)
    rows = hooks.retrieve_webhook()
    page = (json.loads(rows) if isinstance(rows, str) else rows)["pageData"]
    seen["hooks"] = [row["url"] for row in page]
    changed = other_hook.UpdateWebhookRequest(
        url="https://shop.example/other",
        method="POST",
        encoding="JSON",
        events=["OPT_OUT_SMS"],
        template='{"from": "$sourceAddress"}',
    )
    seen["changed"] = statuses.of(hooks.update_webhook, hook, changed)
    seen["removed"] = statuses.of(hooks.delete_webhook, hook)
    seen["removed twice"] = statuses.of(hooks.delete_webhook, hook)
    seen["without events"] = statuses.of(
        hooks.create_webhook, new_hook.CreateWebhookRequest(url="nonsense")
    )
    seen["key removed"] = statuses.of(
        keys.delete_disable_the_current_enabled_signature_key
    )
    for configuration in CONFIGURATIONS:
        configuration.basic_auth_user_name = "a-bad-key"
    seen["bad key"] = [
        statuses.of(keys.get_signature_key_list),
        statuses.of(hooks.retrieve_webhook),
    ]
    return seen


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    print(json.dumps(story(sys.argv[1])))
