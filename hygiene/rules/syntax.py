"""Can mail be sent to this string at all? Runs before there is a ``Case``."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email
from email_validator.version import __version__

from hygiene.verdict import Category, Finding

SOURCE = f"email-validator@{__version__}"

ADDRESS_MAX = 254
LOCAL_MAX = 64

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ORDINARY = re.compile(
    rf"({_ATOM}(?:\.{_ATOM})*)@((?:{_LABEL}\.)+[A-Za-z]{{2,63}})", re.ASCII
).fullmatch
"""An ASCII dot-atom at an ASCII host name. What it takes, the slow path takes too."""
_ATOMS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*", re.ASCII).fullmatch
_POSSIBLE = re.compile(
    rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+{_LABEL}", re.ASCII
).fullmatch
"""Any other address in ASCII is turned down by the slow path."""

DOMAINS_KEPT = 1024
"""Domains in other scripts whose ASCII form is remembered."""


def parse(
    address: str, reserved: frozenset[str] = frozenset()
) -> tuple[str, str] | Finding:
    """Return (local part, lower-case IDNA ASCII domain), or the syntax finding.

    Blanks and tabs around the address are ignored, line breaks are not. Names under
    ``reserved`` suffixes parse, with or without a dot, so that a later rule can say
    what they are. Never raises, whatever the text holds.
    """
    address = address.strip(" \t\u00a0")
    ordinary = _ORDINARY(address)
    if ordinary and len(address) <= ADDRESS_MAX and ordinary.end(1) <= LOCAL_MAX:
        local, domain = ordinary.groups()
        if "--" not in domain:
            return local, domain.lower()
    return _parse_slowly(address, reserved)


def _parse_slowly(address: str, reserved: frozenset[str]) -> tuple[str, str] | Finding:
    if not address:
        return _finding("empty", "")
    # Also keeps the parser, whose work grows faster than its input, to short strings.
    if len(address) > ADDRESS_MAX:
        return _finding("too-long", address)
    local, _, domain = address.rpartition("@")
    domain = domain.lower()
    if domain.isascii() and domain.rpartition(".")[2] in reserved:
        parsed = _validate(f"{local}@example.com")
        labels = domain.split(".")
        if parsed and all(re.fullmatch(_LABEL, label) for label in labels):
            return parsed[0], domain
        return _finding(_reason(address), address)
    if address.isascii() and not _POSSIBLE(address):
        return _finding(_reason(address), address)
    parsed = _validate(address) if domain.isascii() else _halves(local, domain)
    return parsed or _finding(_reason(address), address)


def _halves(local: str, domain: str) -> tuple[str, str] | None:
    """The same as ``_validate``, with the costly half remembered."""
    host = _ascii_domain(domain)
    parsed: tuple[str, str] | None = (local, host)
    if len(local) > LOCAL_MAX or not _ATOMS(local):
        parsed = _validate(f"{local}@example.com")
    if not host or parsed is None:
        return None
    if len(parsed[0].encode()) + 1 + len(host) > ADDRESS_MAX:
        return _validate(f"{local}@{domain}")
    return parsed[0], host


@lru_cache(maxsize=DOMAINS_KEPT)
def _ascii_domain(domain: str) -> str:
    """The IDNA form of a domain, ``""`` where it has none."""
    parsed = _validate(f"x@{domain}")
    return parsed[1] if parsed else ""


def _validate(address: str) -> tuple[str, str] | None:
    try:
        valid = validate_email(
            address, check_deliverability=False, allow_smtputf8=True, strict=True
        )
    except (EmailNotValidError, ValueError):
        return None
    # The library counts characters; the limit is in octets (RFC 5321, 4.5.3.1.1).
    if len(valid.local_part.encode()) > LOCAL_MAX:
        return None
    return valid.local_part, valid.ascii_domain or valid.domain


def _finding(rule: str, matched: str) -> Finding:
    return Finding(Category.SYNTAX, rule, matched, SOURCE)


def _reason(address: str) -> str:
    """Name what is wrong with an address that did not parse."""
    local, at, domain = address.rpartition("@")
    if not address.isprintable():
        kinds = {unicodedata.category(char) for char in address}
        if kinds & {"Cc", "Cs", "Co", "Cn"}:
            return "control-character"
    if not at:
        return "no-at"
    if not local:
        return "no-local"
    if not domain:
        return "no-domain"
    if address.endswith(">"):
        return "display-name"
    if local.startswith('"'):
        return "quoted-local"
    if domain.startswith("["):
        return "ip-literal"
    if any(char.isspace() for char in address):
        return "space"
    if "@" in local:
        return "many-at"
    return _reason_local(local) or _reason_domain(domain)


def _reason_local(local: str) -> str:
    if local.startswith(".") or local.endswith(".") or ".." in local:
        return "local-dots"
    if len(local.encode("utf-8")) > LOCAL_MAX:
        return "local-too-long"
    if re.search(r"[()<>,;:\\\"\[\]]", local):
        return "local-character"
    return ""


def _reason_domain(domain: str) -> str:
    if domain.startswith(".") or domain.endswith(".") or ".." in domain:
        return "domain-dots"
    if "." not in domain:
        return "no-dot"
    labels = domain.split(".")
    if any(label.startswith("-") or label.endswith("-") for label in labels):
        return "domain-hyphen"
    if any(len(label) > 63 for label in labels):
        return "label-too-long"
    if re.fullmatch(r"[0-9]+", labels[-1]):
        return "numeric-ending"
    if re.search(r"[^A-Za-z0-9.-]", domain) is None:
        return "domain-name"
    return "characters"
