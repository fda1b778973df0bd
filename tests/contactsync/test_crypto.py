from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from contactsync.lib import crypto
from contactsync.lib.crypto_keys import new_key
from integrations.models import LinkedAccount

OLD, NEW = new_key("old"), new_key("new")


@pytest.fixture
def keys(settings):
    settings.CREDENTIAL_KEYS = OLD
    return settings


def test_opens_only_for_the_row_it_was_sealed_for(keys) -> None:
    sealed = crypto.seal("s3cret", bound_to="linked-account:1:a")
    assert "s3cret" not in sealed
    assert crypto.unseal(sealed, bound_to="linked-account:1:a") == "s3cret"
    with pytest.raises(crypto.SealError, match="another row"):
        crypto.unseal(sealed, bound_to="linked-account:2:a")


def test_an_altered_or_foreign_value_does_not_open(keys) -> None:
    sealed = crypto.seal("s3cret", bound_to="x")
    head, _, body = sealed.rpartition(".")
    flipped = body[:-6] + ("A" if body[-6] != "A" else "B") + body[-5:]
    for wrong in (f"{head}.{flipped}", "", "rubbish", "v1.old.!", "v2.old." + body):
        with pytest.raises(crypto.SealError):
            crypto.unseal(wrong, bound_to="x")
    keys.CREDENTIAL_KEYS = NEW
    with pytest.raises(crypto.SealError, match="not in CREDENTIAL_KEYS"):
        crypto.unseal(sealed, bound_to="x")


@pytest.mark.parametrize("text", ["", "k1", "k1:short", ":QUJD", f"k1:{'A' * 44}!"])
def test_bad_keys_are_named_and_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match="CREDENTIAL_KEYS") as error:
        crypto.parse_keys(text)
    assert "AAAA" not in str(error.value)


@pytest.mark.django_db
def test_rotation_seals_everything_with_the_first_key(keys, request, capsys) -> None:
    linked: LinkedAccount = request.getfixturevalue("linked")
    before = linked.get_credentials()
    keys.CREDENTIAL_KEYS = f"{NEW},{OLD}"
    assert crypto.needs_rotation(linked.sealed)
    call_command("rotate_credentials")
    assert "1 sealed anew, 0 could not be opened" in capsys.readouterr().out
    keys.CREDENTIAL_KEYS = NEW
    linked.refresh_from_db()
    assert linked.get_credentials() == before
    keys.CREDENTIAL_KEYS = OLD
    with pytest.raises(CommandError, match="Keep the old keys"):
        LinkedAccount.objects.update(sealed=linked.sealed.replace("new", "gone"))
        call_command("rotate_credentials")
