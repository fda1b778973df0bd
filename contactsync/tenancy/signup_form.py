"""The extra field of the sign-up page. Alone in a module: allauth imports it early."""

from __future__ import annotations

from typing import Any

from django import forms


class SignupForm(forms.Form):
    company = forms.CharField(
        label="Company or store",
        max_length=120,
        required=False,
        help_text="Your account is named after it. You can change it later.",
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )

    def signup(self, request: Any, user: Any) -> None:
        """Called by allauth after the user was saved: sign-up creates an account."""
        from contactsync.tenancy.services import account_create, audit

        if request.session.get("invitation_token"):
            return  # joins an account that exists already
        name = self.cleaned_data.get("company") or user.email.partition("@")[2]
        account = account_create(name=name.strip(), owner=user)
        audit(
            request,
            account=account,
            action="account.created",
            subject=account.name,
            actor=user,
        )
