from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ValidationError
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination

from contactsync.api.problems import Problem


class KeysetPagination(CursorPagination):
    """Newest first, by key: ``?cursor=`` from ``next``; ``?limit=`` up to 200."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "limit"
    page_size_query_description = "Rows in a page: 1 to 200."
    max_page_size = 200

    def paginate_queryset(
        self, queryset: Any, request: Any, view: Any = None
    ) -> list[Any]:
        """One page of rows. Raises Problem 422 for a cursor that we never gave."""
        try:
            cursor = self.decode_cursor(request)
            if cursor is not None and cursor.position is not None:
                queryset.model._meta.pk.get_prep_value(cursor.position)
            found: list[Any] = super().paginate_queryset(queryset, request, view) or []
        except (NotFound, ValidationError, ValueError, OverflowError):
            raise Problem.of_field(
                "cursor", "invalid", "Take the cursor from next or previous."
            ) from None
        return found

    def get_page_size(self, request: Any) -> int:
        text = request.query_params.get(self.page_size_query_param, "")
        if not text:
            return self.page_size
        number = int(text) if re.fullmatch("[0-9]{1,3}", text) else 0
        if not 1 <= number <= self.max_page_size:
            raise Problem.of_field(
                "limit", "invalid", f"limit is 1 to {self.max_page_size}."
            )
        return number
