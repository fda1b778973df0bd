"""REST: what a contact agreed to, and the certificate that proves it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from contacts.certificates import certificate_of
from contacts.models import Consent, Contact
from contactsync.api.serializers import Strict
from contactsync.api.views import ApiView


class ConsentOut(serializers.Serializer[Consent]):
    id = serializers.IntegerField()
    signup = serializers.UUIDField(source="signup_id", allow_null=True)
    given = serializers.BooleanField()
    text = serializers.CharField(help_text="The wording that was shown.")
    source = serializers.CharField(
        help_text="`signup`, `import`, or `confirmation` of an earlier one."
    )
    form_version = serializers.CharField(
        help_text="Which wording of the display it was; empty where it is not known."
    )
    page_url = serializers.CharField()
    ip = serializers.IPAddressField(allow_null=True)
    how = serializers.CharField(
        help_text="How it was confirmed: `mail` (ours) or `provider`."
    )
    confirms = serializers.IntegerField(source="confirms_id", allow_null=True)
    evidence: Any = serializers.DictField()
    at = serializers.DateTimeField()

    class Meta:
        ref_name = "Consent"


class ContactConsents(ApiView):
    queryset = Consent.objects.all()

    @extend_schema(
        operation_id="contacts_consents",
        summary="List what a contact agreed to",
        responses=ConsentOut(many=True),
    )
    def get(self, request: Request, id: UUID) -> Response:
        contact = self.one(Contact.objects.all(), pk=id)
        self.query(Strict)
        found = self.mine(Consent.objects.all()).filter(contact_id=contact.pk)
        return self.page(found, ConsentOut)


class CertificateOut(serializers.Serializer[Any]):
    certificate: Any = serializers.DictField(
        help_text="What was agreed to, the chain's links and the key's fingerprint."
    )
    signature = serializers.CharField(
        help_text="Ed25519, base64, over `certificate` as canonical JSON."
    )

    class Meta:
        ref_name = "ConsentCertificate"


class ContactCertificate(ApiView):
    queryset = Consent.objects.all()
    pagination_class = None

    @extend_schema(
        operation_id="contacts_certificate",
        summary="Export a contact's consents as a signed certificate",
        description="`manage.py consent verify` checks it with the public key alone.",
        responses=CertificateOut,
    )
    def get(self, request: Request, id: UUID) -> Response:
        contact = self.one(Contact.objects.all(), pk=id)
        self.audit("consent.certificate", contact.email)
        return Response(certificate_of(contact, self.account))
