"""Bodies and queries, taken strictly: a name or a type we do not know is an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

MAX_NAME = 64


class Strict(serializers.Serializer[Any]):
    """A body or query that refuses what it does not know."""

    def to_internal_value(self, data: Any) -> Any:
        errors: dict[str, Any] = {}
        if isinstance(data, Mapping):
            known = {name for name, field in self.fields.items() if not field.read_only}
            errors = {
                str(name)[:MAX_NAME]: [ErrorDetail("Unknown field.", code="unknown")]
                for name in data
                if name not in known
            }
        try:
            value = super().to_internal_value(data)
        except ValidationError as error:
            raise ValidationError({**errors, **error.detail}) from None
        if errors:
            raise ValidationError(errors)
        return value


class Text(serializers.CharField):
    """A string; a number is not one. Trimmed."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise ValidationError("Must be a string.", code="type")
        text: str = super().to_internal_value(data)
        return text


class Flag(serializers.BooleanField):
    """true or false, not "yes" or 1."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise ValidationError("Must be true or false.", code="type")
        return data


class Whole(serializers.IntegerField):
    """A whole number; "5" and true are not."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            raise ValidationError("Must be a whole number.", code="type")
        number: int = super().to_internal_value(data)
        return number


class Id(serializers.UUIDField):
    """A UUID as text."""

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str):
            raise ValidationError("Must be an id (a UUID).", code="type")
        try:
            return UUID(data)
        except ValueError:
            raise ValidationError("Must be an id (a UUID).", code="invalid") from None


class Choice(serializers.ChoiceField):
    """One of a few words; ``enum`` is what the schema calls them."""

    def __init__(self, choices: Any, *, enum: str, **more: Any) -> None:
        self.enum = enum
        super().__init__(choices, **more)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or data not in self.choices:
            words = ", ".join(map(str, self.choices))
            raise ValidationError(f"Must be one of: {words}.", code="choice")
        return data


class Values(serializers.DictField):
    """A flat object with at most ``most`` entries."""

    def __init__(self, *, most: int, longest_name: int = MAX_NAME, **more: Any) -> None:
        self.most = most
        self.longest_name = longest_name
        super().__init__(**more)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise ValidationError("Must be an object.", code="type")
        if len(data) > self.most:
            raise ValidationError(f"At most {self.most} entries.", code="too_many")
        if any(not name or len(name) > self.longest_name for name in data):
            raise ValidationError(
                f"Names have 1 to {self.longest_name} characters.", code="name"
            )
        return super().to_internal_value(data)
