"""What can be done to a value on its way to a provider's field. Pure.

A transform is a short text: a name, and after a colon what it takes, as in ``title``,
``truncate:50``, ``phone:GB`` or ``date:day_first:DD/MM/YYYY``. Those that only change
text run in the order given. At the end the value becomes what the field's type takes:
by the conversion named, or by the type's own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import phonenumbers

from integrations.adapters.base import is_blank
from integrations.adapters.errors import Reason
from integrations.dates import (
    ORDERS,
    NotADate,
    is_format,
    quoted,
    read_day,
    write_day,
)
from integrations.person_names import split_name, title_case

TRUE = frozenset(
    ["yes", "y", "true", "1", "on", "ja", "oui", "si", "sí", "given", "agreed"]
)
FALSE = frozenset(["no", "n", "false", "0", "off", "nein", "non"])
FORMATS = {
    "date": "YYYY-MM-DD",
    "datetime": "YYYY-MM-DDTHH:mm:ssZ",
    "birthday": "MM/DD",
}
LONGEST = 1000  # characters that truncate may leave
LIST_MARKS = re.compile(r"[,;|\n]")


class Unusable(ValueError):
    """A value cannot become what the field takes.

    The message is a sentence that says why and, where there is one, what helps.
    """

    def __init__(self, sentence: str, reason: Reason = Reason.FIELD_TYPE) -> None:
        super().__init__(sentence)
        self.reason = reason


class UnknownTransform(ValueError):
    """No transform is called so, or it does not take this; the message says what is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a provider's field takes; ``type`` "" when nobody knows."""

    type: str = ""
    format: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A transform that was read: ``phone:GB`` is ``Step("phone", ("GB",))``."""

    name: str
    given: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ":".join((self.name, *self.given))

    def at(self, index: int) -> str:
        return self.given[index] if index < len(self.given) else ""


TEXT: dict[str, Callable[[str, Step], str]] = {
    "trim": lambda text, step: text.strip(),
    "spaces": lambda text, step: " ".join(text.split()),
    "lower": lambda text, step: text.lower(),
    "upper": lambda text, step: text.upper(),
    "title": lambda text, step: title_case(text),
    "first_name": lambda text, step: split_name(text)[0],
    "last_name": lambda text, step: split_name(text)[1],
    "truncate": lambda text, step: text[: int(step.at(0))].rstrip(),
}
# The types that a conversion can end in, beside the text types.
CONVERSIONS: dict[str, tuple[str, ...]] = {
    "phone": ("phone",),
    "date": ("date", "datetime", "birthday"),
    "number": ("number",),
    "boolean": ("boolean",),
}
TEXT_TYPES = ("", "text", "name")
NAMES = (*TEXT, "join", *CONVERSIONS)


def read_step(text: str) -> Step:
    """Raises UnknownTransform."""
    name, mark, rest = text.partition(":")
    problem = ""
    if name not in NAMES:
        known = ", ".join(NAMES)
        problem = f"There is no transform {text[:40]!r}. There are: {known}."
    elif name == "join":
        if not rest or len(rest) > 10 or not rest.isprintable():
            problem = "join takes what stands between the values, as in “join:, ”."
        return _step(problem, name, (rest,))
    elif name == "truncate":
        if not re.fullmatch("[0-9]{1,4}", rest) or not 1 <= int(rest) <= LONGEST:
            problem = f"truncate takes a number from 1 to {LONGEST}: “truncate:50”."
    elif name == "phone":
        if rest and rest not in phonenumbers.SUPPORTED_REGIONS:
            problem = "phone takes a country as two capital letters: “phone:GB”."
    elif name == "date":
        order, _, format = rest.partition(":")
        if (order and order not in ORDERS) or (format and not is_format(format)):
            problem = (
                "date takes day_first or month_first, and then the format to write: "
                "“date:day_first:DD/MM/YYYY”."
            )
        return _step(problem, name, tuple(part for part in (order, format) if rest))
    elif mark:
        problem = f"{name} takes nothing behind a colon."
    return _step(problem, name, (rest,) if rest else ())


def _step(problem: str, name: str, given: tuple[str, ...]) -> Step:
    if problem:
        raise UnknownTransform(problem)
    while given and not given[-1]:
        given = given[:-1]
    return Step(name, given)


def fits_type(step: Step, type: str) -> bool:
    """Whether a transform makes sense for a field of ``type``."""
    ends = CONVERSIONS.get(step.name)
    return ends is None or type in ends or type in TEXT_TYPES


def text(value: Any) -> str:
    """A submitted value as a provider's text field takes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(text(item) for item in value if item not in ("", None))
    return str(value).strip()


def join(values: Sequence[Any], steps: Sequence[Step]) -> Any:
    """The values of several sources as one; that of a single source as it is."""
    if len(values) == 1:
        return values[0]
    between = next((step.at(0) for step in steps if step.name == "join"), " ")
    return between.join(part for part in map(text, values) if part)


def apply(value: Any, steps: Sequence[Step], wanted: Wanted) -> Any:
    """``value`` as the field takes it; "" when it is, or becomes, blank.

    A text, a number, True or False, or for several choices a list of texts. Raises
    Unusable.
    """
    conversion: Step | None = None
    for step in steps:
        if step.name in CONVERSIONS:
            conversion = step
        elif step.name in TEXT and not is_blank(value):
            value = TEXT[step.name](text(value), step)
    if is_blank(value):
        return ""
    kind = wanted.type
    if conversion is not None and wanted.type in TEXT_TYPES:
        kind = conversion.name
    convert = BY_TYPE.get(kind)
    return convert(value, conversion, wanted) if convert else text(value)


def _phone(value: Any, step: Step | None, wanted: Wanted) -> str:
    written = text(value)
    if written.startswith("00"):
        written = "+" + written[2:]
    country = step.at(0) if step else ""
    try:
        number = phonenumbers.parse(written, country or None)
    except phonenumbers.NumberParseException as error:
        lost = error.error_type == error.INVALID_COUNTRY_CODE
        if lost and not country and re.search(r"\d{5}", re.sub(r"\D", "", written)):
            raise Unusable(
                f"{quoted(written)} has no country code. Choose in the mapping which "
                "country such numbers belong to, or submit them as +44…."
            ) from None
        raise Unusable(f"{quoted(written)} is not a phone number.") from None
    if number.extension:
        raise Unusable(f"{quoted(written)} is a phone number with an extension.")
    if not phonenumbers.is_valid_number(number):
        raise Unusable(f"{quoted(written)} is not a phone number that exists.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _date(value: Any, step: Step | None, wanted: Wanted) -> str | int:
    kind = wanted.type if wanted.type in FORMATS else "date"
    own = wanted.format if is_format(wanted.format) else ""
    format = (step.at(1) if step else "") or own or FORMATS[kind]
    try:
        day = read_day(text(value), step.at(0) if step else "", format)
        if kind != "datetime" and "HH" not in format:
            day = replace(day, moment=None)
        return write_day(day, format)
    except NotADate as error:
        raise Unusable(str(error)) from None


def _number(value: Any, step: Step | None, wanted: Wanted) -> int | float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    written = text(value)
    bare = re.sub(r"[\s\u00a0']", "", written)
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+\.\d+|[+-]?\d{1,3}(,\d{3}){2,}", bare):
        bare = bare.replace(",", "")
    elif re.fullmatch(r"[+-]?\d{1,3}(\.\d{3})+,\d+|[+-]?\d{1,3}(\.\d{3}){2,}", bare):
        bare = bare.replace(".", "").replace(",", ".")
    elif re.fullmatch(r"[+-]?\d{1,3},\d{3}", bare) and bare.lstrip("+-")[0] != "0":
        raise Unusable(
            f"{quoted(written)} can be read with or without decimals. Submit it with a "
            "point for decimals and nothing else."
        )
    elif re.fullmatch(r"[+-]?\d+,\d+", bare):
        bare = bare.replace(",", ".")
    if not re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)", bare) or len(bare) > 40:
        raise Unusable(f"{quoted(written)} is not a number.")
    return float(bare) if "." in bare else int(bare)


def _boolean(value: Any, step: Step | None, wanted: Wanted) -> bool:
    if isinstance(value, bool):
        return value
    word = text(value).casefold()
    if word in TRUE or word in FALSE:
        return word in TRUE
    raise Unusable(f"{quoted(text(value))} is neither yes nor no.")


def _url(value: Any, step: Step | None, wanted: Wanted) -> str:
    address = text(value)
    if re.match(r"https?://[^\s/]", address, re.IGNORECASE) and " " not in address:
        return address
    if re.fullmatch(r"[\w-]+(\.[\w-]+)+([/?#]\S*)?", address):
        return f"https://{address}"
    raise Unusable(f"{quoted(address)} is not a web address.")


def _choice(value: Any, step: Step | None, wanted: Wanted) -> str:
    found = option_of(text(value), wanted.options)
    if found is None:
        raise _no_option([text(value)], wanted)
    return found


def _choices(value: Any, step: Step | None, wanted: Wanted) -> list[str]:
    if isinstance(value, (list, tuple)):
        parts = [text(item) for item in value]
    else:
        whole = option_of(text(value), wanted.options) if wanted.options else None
        parts = [whole] if whole else LIST_MARKS.split(text(value))
    parts = [part.strip() for part in parts if part.strip()]
    found = {part: option_of(part, wanted.options) for part in parts}
    missing = [part for part, option in found.items() if option is None]
    if missing:
        raise _no_option(missing, wanted)
    return list(dict.fromkeys(option for option in found.values() if option))


def option_of(value: str, options: Sequence[str]) -> str | None:
    """The option that ``value`` means: the same, else alike but for case and marks.

    Any value where no options are known; None when there is no such option, or two.
    """
    if not options or value in options:
        return value
    for alike in (_folded, _letters):
        found = [each for each in options if alike(each) == alike(value)]
        if found and alike(value):
            return found[0] if len(found) == 1 else None
    return None


def _folded(value: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())


def _letters(value: str) -> str:
    plain = unicodedata.normalize("NFKD", value).casefold()
    return "".join(char for char in plain if char.isalnum())


def _no_option(missing: Sequence[str], wanted: Wanted) -> Unusable:
    shown = ", ".join(quoted(part) for part in missing[:3])
    some = ", ".join(wanted.options[:8]) + ("…" if len(wanted.options) > 8 else "")
    return Unusable(
        f"{shown} {'is' if len(missing) == 1 else 'are'} not among its options "
        f"({some}). If it was added since, save the rule again.",
        Reason.OPTION_MISSING,
    )


Convert = Callable[[Any, Step | None, Wanted], Any]
BY_TYPE: Mapping[str, Convert] = {
    "phone": _phone,
    "date": _date,
    "datetime": _date,
    "birthday": _date,
    "number": _number,
    "boolean": _boolean,
    "url": _url,
    "choice": _choice,
    "multi_choice": _choices,
}
