"""What every HTTP adapter must do, fed by class attributes.

A provider's test class inherits `AdapterConformance` and lists, per operation, the
requests it makes and the answers it gets. Only what is peculiar to a provider needs a
test of its own. Everything is mocked at the wire; an unlisted request fails.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, cast
from urllib.parse import quote

import pytest
import requests
import responses

from integrations.adapters import ADAPTERS
from integrations.adapters.base import Contact, Options, Outcome, OutcomeState
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    Reason,
    ScopeError,
    SetupError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import HttpAdapter
from tests.integrations.consent_proof import AdapterConsent
from tests.integrations.steps import Leaver as Leaver
from tests.integrations.steps import Operation as Operation
from tests.integrations.steps import Refusal as Refusal
from tests.integrations.steps import Step as Step
from tests.integrations.steps import made, twisted
from tests.integrations.steps import register as register
from tests.integrations.steps import wire as wire

TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
REDIRECTS = (301, 302, 303, 307, 308)
ELSEWHERE = "https://elsewhere.example.net/taken"


class AdapterConformance(AdapterConsent):
    adapter: ClassVar[type[HttpAdapter]]
    secrets: ClassVar[dict[str, str]]
    operations: ClassVar[tuple[Operation, ...]]
    batch: ClassVar[
        tuple[Contact, ...]
    ]  # each with another outcome, if that is possible
    batch_outcomes: ClassVar[tuple[OutcomeState, ...]]
    batch_operation: ClassVar[str]  # its steps answer `batch` in any order
    unauthorized: ClassVar[object] = None  # bodies of a 401, 403, 404, 400
    forbidden: ClassVar[object] = None
    missing: ClassVar[object] = None
    refused: ClassVar[object] = None
    reads_answers: ClassVar[bool] = True
    peculiar: ClassVar[tuple[Refusal, ...]] = ()
    audience_id: ClassVar[str] = "a1"
    tells_nothing: ClassVar[str] = ""  # why its look-up tells no values, if so
    silent: ClassVar[frozenset[str]] = frozenset()  # operations without a request
    # Words of the headers that are longer than nine characters and no secrets.
    public_words: ClassVar[frozenset[str]] = frozenset()

    def hidden(self) -> set[str]:
        """The values that must never be shown."""
        public = {item.name for item in self.adapter.credentials if not item.secret}
        public.add("sub_account")
        return {value for name, value in self.secrets.items() if name not in public}

    def build(self) -> HttpAdapter:
        return self.adapter(self.secrets)

    def each_step(self) -> Iterator[tuple[Operation, int]]:
        for operation in self.operations:
            for index in range(len(operation.steps)):
                yield operation, index

    @contextmanager
    def failing(
        self, operation: Operation, index: int, **answer: Any
    ) -> Iterator[responses.RequestsMock]:
        """The wire on which step `index` of the operation goes wrong."""
        with wire() as mock:
            for step in operation.steps[:index]:
                register(mock, step)
            step = operation.steps[index]
            mock.add(step.method, step.url, **answer)
            yield mock

    def assert_transient(
        self, operation: Operation, index: int, wait: float | None, **answer: Any
    ) -> Reason:
        """A raised TransientError, or RETRY for the contacts not settled yet."""
        adapter = self.build()
        where = f"{operation.name}, step {index}, {answer}"
        with self.failing(operation, index, **answer):
            try:
                result = operation.run(adapter)
            except TransientError as error:
                assert error.retry_after == wait, where
                return error.reason
        assert isinstance(result, list), where
        later = [
            item
            for item in result
            if isinstance(item, Outcome) and item.state is OutcomeState.RETRY
        ]
        assert later, where
        assert all(item.retry_after == wait for item in later), where
        assert later[0].reason is not None, where
        return later[0].reason

    def test_declares_itself(self) -> None:
        adapter = self.adapter
        assert ADAPTERS[adapter.slug] is adapter
        assert adapter.label
        assert adapter.kind in ("esp", "crm", "sms", "other")
        assert adapter.opt_in in ("caller", "list", "account", "endpoint", "none")
        assert 1 <= len(adapter.glyph) <= 2
        assert adapter.batch_size >= 1
        assert adapter.concurrency >= 1
        required = {item.name for item in adapter.credentials if item.required}
        if "access_token" not in self.secrets:  # with OAuth nobody enters a key
            assert required <= set(self.secrets)
        else:
            assert adapter.oauth is not None
        assert {"verify", "audiences", "upsert"} <= adapter.supports

    def test_repr_holds_no_secret(self) -> None:
        for secret in self.hidden():
            assert secret not in repr(self.build())

    def test_every_operation_is_listed(self) -> None:
        listed = {operation.name.split()[0] for operation in self.operations}
        declared = self.adapter.supports - self.adapter.features - {"webhook"}
        assert listed | self.silent == declared
        assert not listed & self.silent

    def test_makes_the_documented_requests(self) -> None:
        for operation in self.operations:
            with wire() as mock:
                for step in operation.steps:
                    register(mock, step)
                operation.run(self.build())
                expected = [(step.method, step.url) for step in operation.steps]
                assert made(mock) == expected, operation.name

    def test_transient_statuses_at_every_step(self) -> None:
        for operation, index in self.each_step():
            for status in TRANSIENT:
                reason = self.assert_transient(
                    operation, index, None, status=status, body=b"busy"
                )
                if status in (425, 429):
                    assert reason is Reason.RATE

    def test_retry_after_is_passed_on_and_capped(self) -> None:
        for operation, index in self.each_step():
            for status in (429, 503):
                for value, wait in (("7", 7.0), ("999999", 3600.0), ("soon", None)):
                    self.assert_transient(
                        operation,
                        index,
                        wait,
                        status=status,
                        headers={"Retry-After": value},
                    )

    def test_network_failures_at_every_step(self) -> None:
        for operation, index in self.each_step():
            for failure, reason in (
                (requests.ConnectionError("refused"), Reason.NETWORK),
                (requests.ConnectTimeout("slow"), Reason.TIMEOUT),
                (requests.ReadTimeout("slow"), Reason.TIMEOUT),
            ):
                found = self.assert_transient(operation, index, None, body=failure)
                assert found is reason

    def test_unreadable_answers_at_every_step(self) -> None:
        for operation, index in self.each_step():
            for body in (b'{"id": "abc', b"<html>maintenance</html>", b"\xff\xfe"):
                if self.reads_answers:
                    self.assert_transient(operation, index, None, status=200, body=body)
                else:
                    with self.failing(operation, index, status=200, body=body):
                        operation.run(self.build())

    def test_oversized_answers_at_every_step(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(self.adapter, "max_bytes", 20_000)
        for operation, index in self.each_step():
            self.assert_transient(
                operation, index, None, status=200, body=b"[" + b"1," * 20_000
            )

    def test_answers_of_odd_shapes_are_the_providers_failure(self) -> None:
        if not self.odd_answers:
            pytest.skip("not declared")
        for operation, index in self.each_step():
            step = operation.steps[index]
            if step.answer is None:
                continue
            for odd in twisted(step.answer):
                with wire() as mock:
                    for other in operation.steps[:index]:
                        register(mock, other)
                    mock.add(step.method, step.url, status=step.status, json=odd)
                    for other in operation.steps[index + 1 :]:
                        register(mock, other)
                    try:
                        operation.run(self.build())
                    except AdapterError:
                        continue
                    except Exception as error:
                        where = f"{operation.name}, step {index}, {odd}"
                        raise AssertionError(where) from error

    def test_bad_credentials_at_every_step(self) -> None:
        for operation, index in self.each_step():
            with (
                self.failing(operation, index, status=401, json=self.unauthorized),
                pytest.raises(CredentialsError) as caught,
            ):
                operation.run(self.build())
            assert caught.value.status == 401

    def test_missing_permission_at_every_step(self) -> None:
        for operation, index in self.each_step():
            if operation.steps[index].forbidden_ok:
                continue
            with (
                self.failing(operation, index, status=403, json=self.forbidden),
                pytest.raises((CredentialsError, ScopeError)),
            ):
                operation.run(self.build())

    def test_missing_target_at_every_step(self) -> None:
        for operation, index in self.each_step():
            if operation.steps[index].missing_ok:
                continue
            for status in (404, 410):
                with (
                    self.failing(operation, index, status=status, json=self.missing),
                    pytest.raises(TargetError),
                ):
                    operation.run(self.build())

    def test_redirects_are_not_followed(self) -> None:
        for operation, index in self.each_step():
            for status in REDIRECTS:
                with self.failing(
                    operation, index, status=status, headers={"Location": ELSEWHERE}
                ) as mock:
                    try:
                        result = operation.run(self.build())
                    except (SetupError, TransientError) as error:
                        assert "redirect" in error.detail.lower()
                        assert ELSEWHERE not in error.detail
                    else:
                        states = [item.state for item in cast(list[Outcome], result)]
                        assert OutcomeState.RETRY in states
                    assert len(mock.calls) == index + 1

    def test_no_secret_is_ever_shown(self, caplog: pytest.LogCaptureFixture) -> None:
        """Not even when the provider sends it back."""
        caplog.set_level(logging.INFO)
        forms = {
            form
            for secret in self.hidden()
            for form in (
                secret,
                quote(secret, safe=""),
                base64.b64encode(secret.encode()).decode().rstrip("="),
            )
        }
        for operation, index in self.each_step():
            for status in (200, 302, 400, 401, 403, 404, 409, 422, 429, 500):
                adapter = self.build()
                sent = " ".join(adapter.headers().values())
                echo = " ".join([*sorted(forms), sent])
                body = {"title": echo, "detail": echo, "message": echo, "status": echo}
                shown = ""
                with self.failing(operation, index, status=status, json=body):
                    try:
                        shown = repr(operation.run(adapter))
                    except AdapterError as error:
                        shown = f"{error} {error!r} {error.detail} {error.args}"
                        assert error.__cause__ is None
                shown += repr(adapter.exchanges) + repr(adapter) + caplog.text
                words = {word for word in sent.split() if len(word) > 9}
                for form in {*forms, *words} - self.public_words:
                    assert form not in shown, (operation.name, index, status)

    def test_exchanges_tell_what_happened(self) -> None:
        for operation in self.operations:
            adapter = self.build()
            with wire() as mock:
                for step in operation.steps:
                    register(mock, step)
                operation.run(adapter)
            assert [(e.method, e.status) for e in adapter.exchanges] == [
                (step.method, step.status) for step in operation.steps
            ]
            for exchange in adapter.exchanges:
                for contact in self.batch:
                    text = exchange.path + exchange.request + exchange.response
                    assert contact.email.lower() not in text.lower()
                assert len(exchange.request) + len(exchange.response) < 4200
                assert exchange.ms >= 0

    def test_the_same_again_sends_the_same(self) -> None:
        for operation in self.operations:
            if not operation.name.startswith("upsert"):
                continue
            bodies = []
            for _ in range(2):
                with wire() as mock:
                    for step in operation.steps:
                        register(mock, step)
                    outcomes = operation.run(self.build())
                    bodies.append(
                        (outcomes, [call.request.body for call in mock.calls])
                    )
            assert bodies[0] == bodies[1], operation.name

    def test_outcomes_come_in_the_order_of_the_contacts(self) -> None:
        [operation] = [o for o in self.operations if o.name == self.batch_operation]
        for contacts, states in (
            (self.batch, self.batch_outcomes),
            (self.batch[::-1], self.batch_outcomes[::-1]),
        ):
            with wire() as mock:
                for step in operation.steps:
                    register(mock, step)
                outcomes = self.build().upsert(contacts, self.audience_id, Options())
            assert tuple(outcome.state for outcome in outcomes) == states

    def test_a_look_up_tells_values_by_the_ids_of_the_fields(self) -> None:
        if "subscriptions" not in self.adapter.supports:
            pytest.skip("it looks nobody up")
        found = self.results_of("subscriptions")
        told = [item.fields for item in found if item.fields is not None]
        assert bool(told) != bool(self.tells_nothing)
        assert any(told) or not told
        if told and "free_fields" not in self.adapter.features:
            if "fields" in self.silent:
                fields = self.build().fields(self.audience_id)
            else:
                fields = self.results_of("fields")
            ids = {field.id for field in fields}
            assert {name for values in told for name in values} <= ids

    def results_of(self, name: str) -> list[Any]:
        """What the operation called so gives, every way it is listed, in one list."""
        found: list[Any] = []
        for operation in self.operations:
            if operation.name.split()[0] == name:
                with wire() as mock:
                    for step in operation.steps:
                        register(mock, step)
                    found += cast(list[Any], operation.run(self.build()))
        return found

    def test_no_contacts_no_requests(self) -> None:
        with wire() as mock:
            assert self.build().upsert([], self.audience_id, Options()) == []
            assert len(mock.calls) == 0

    def test_a_refusal_is_rejected_or_an_outcome(self) -> None:
        """400, 409 and 422 never look like an outage or a broken account."""
        for operation, index in self.each_step():
            for status in (400, 409, 422):
                with self.failing(operation, index, status=status, json=self.refused):
                    try:
                        operation.run(self.build())
                    except AdapterError as error:
                        assert not isinstance(error, (TransientError, SetupError))

    def test_what_the_provider_means_otherwise(self) -> None:
        for operation, index in self.each_step():
            for case in self.peculiar:
                where = f"{operation.name}, step {index}, {case}"
                with self.failing(operation, index, status=case.status, json=case.body):
                    try:
                        result = operation.run(self.build())
                    except AdapterError as error:
                        assert isinstance(error, case.error), where
                    else:  # some contacts were settled before
                        assert case.error is TransientError, where
                        states = [item.state for item in cast(list[Outcome], result)]
                        assert OutcomeState.RETRY in states, where
