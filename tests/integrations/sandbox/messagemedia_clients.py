"""MessageMedia's official clients. They are of 2018: compiling them gives warnings, and
they set up the root logger."""

from __future__ import annotations

import logging
import warnings

_root = logging.getLogger()
_before = list(_root.handlers), _root.level
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from message_media_signing_keys.configuration import (
        Configuration as KeyConfiguration,
    )
    from message_media_signing_keys.exceptions.api_exception import (
        APIException as KeyRefused,
    )
    from message_media_signing_keys.message_media_signing_keys_client import (
        MessageMediaSigningKeysClient,
    )
    from message_media_signing_keys.models.create_signature_key_request import (
        CreateSignatureKeyRequest,
    )
    from message_media_signing_keys.models.enable_signature_key_request import (
        EnableSignatureKeyRequest,
    )
    from message_media_webhooks.configuration import (
        Configuration as HookConfiguration,
    )
    from message_media_webhooks.exceptions.api_exception import (
        APIException as HookRefused,
    )
    from message_media_webhooks.message_media_webhooks_client import (
        MessageMediaWebhooksClient,
    )
    from message_media_webhooks.models.create_webhook_request import (
        CreateWebhookRequest,
    )
    from message_media_webhooks.models.update_webhook_request import (
        UpdateWebhookRequest,
    )
_root.handlers[:], _level = _before
_root.setLevel(_level)

__all__ = [
    "CreateSignatureKeyRequest",
    "CreateWebhookRequest",
    "EnableSignatureKeyRequest",
    "HookConfiguration",
    "HookRefused",
    "KeyConfiguration",
    "KeyRefused",
    "MessageMediaSigningKeysClient",
    "MessageMediaWebhooksClient",
    "UpdateWebhookRequest",
]
