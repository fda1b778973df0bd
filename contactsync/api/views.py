"""What every view of the management API is: keyed, walled in, all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, ClassVar, cast

from django.db import models, transaction
from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import Resolver404, resolve
from django.views.decorators.csrf import csrf_exempt
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from contactsync.api.fastlane import fast_view
from contactsync.api.idempotency import once
from contactsync.api.keys import Key
from contactsync.api.problems import Problem
from contactsync.api.schema import ApiSchema
from contactsync.tenancy.models import Account, ApiKey, TenantQuerySet
from contactsync.tenancy.services import audit

Handler = Callable[..., Response]


class ApiView(GenericAPIView[Any]):
    """One URL of the management API.

    Every write is one transaction, and every POST honours ``Idempotency-Key``. A view
    that talks to a provider while it works sets ``atomic = False``.
    """

    schema = ApiSchema()
    http_method_names: ClassVar = ["get", "head", "post", "put", "patch", "delete"]
    atomic: ClassVar[bool] = True

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        for name, wrap in WRAPS.items():
            if name in vars(cls):
                setattr(cls, name, wrap(vars(cls)[name]))

    @property
    def key(self) -> Key:
        return cast(Key, self.request.auth)

    @property
    def account(self) -> Account:
        return cast(Account, self.request.user)

    def mine(self, queryset: TenantQuerySet) -> TenantQuerySet:
        """Only the rows of the key's account."""
        return queryset.for_account(self.key.account_id)

    def one(self, queryset: TenantQuerySet, **where: Any) -> Any:
        """The account's row, or 404: a stranger's row is not there."""
        return get_object_or_404(self.mine(queryset), **where)

    def body(self, serializer: type[Serializer[Any]], **more: Any) -> dict[str, Any]:
        """The request's body, checked. Raises ValidationError."""
        checker = serializer(data=self.request.data, **more)
        checker.is_valid(raise_exception=True)
        return dict(checker.validated_data)

    def query(self, serializer: type[Serializer[Any]]) -> dict[str, Any]:
        """The query string, checked, without what paging takes. Raises Problem."""
        paging = {"cursor", "limit"}
        given = {
            name: value
            for name, value in self.request.query_params.items()
            if name not in paging
        }
        checker = serializer(data=given)
        checker.is_valid(raise_exception=True)
        return dict(checker.validated_data)

    def page(
        self,
        queryset: models.QuerySet[Any],
        serializer: type[Serializer[Any]],
        prepare: Callable[[list[Any]], dict[str, Any]] | None = None,
    ) -> Response:
        """One page of a list. ``prepare`` gives the rows' serializer its context."""
        rows = self.paginate_queryset(queryset) or []
        context = prepare(list(rows)) if prepare else {}
        return self.get_paginated_response(
            serializer(rows, many=True, context=context).data
        )

    def audit(self, action: str, subject: str, **detail: Any) -> None:
        """Write down that this key did it."""
        name = ApiKey.objects.filter(pk=self.key.id).values_list("name", "hint").first()
        label = " ".join(("API key", *(name or (str(self.key.id),))))
        audit(
            self.request._request,
            account=self.account,
            action=action,
            subject=subject,
            actor_label=label[:160],
            **detail,
        )

    def finalize_response(
        self, request: Any, response: Any, *args: Any, **kwargs: Any
    ) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response


def _once(handler: Handler) -> Handler:
    @wraps(handler)
    def inner(self: ApiView, request: Request, *args: Any, **kwargs: Any) -> Response:
        return once(
            request,
            lambda: handler(self, request, *args, **kwargs),
            atomic=self.atomic,
        )

    return inner


def _together(handler: Handler) -> Handler:
    @wraps(handler)
    def inner(self: ApiView, request: Request, *args: Any, **kwargs: Any) -> Response:
        with transaction.atomic():
            return handler(self, request, *args, **kwargs)

    return inner


WRAPS = {"post": _once, "put": _together, "patch": _together, "delete": _together}


@csrf_exempt
def elsewhere(request: HttpRequest) -> Any:
    """Any other path below /api/v1/: one slash too many is forgiven, the rest 404."""
    bare = request.path_info.removesuffix("/")
    if bare != request.path_info:
        if fast := fast_view(bare, request.method):
            return fast(request)
        with suppress(Resolver404):
            match = resolve(bare)
            if match.func is not elsewhere:
                return match.func(request, *match.args, **match.kwargs)
    problem = Problem(404, "There is no such endpoint. See /api/docs/.")
    response: JsonResponse = problem.response()
    return response
