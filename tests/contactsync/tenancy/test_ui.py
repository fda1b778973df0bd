from __future__ import annotations

from datetime import timedelta

import pytest
from django import forms
from django.template import Context, Template
from django.test import RequestFactory
from django_cotton.compiler_regex import CottonCompiler

from contactsync.lib import clock
from contactsync.templatetags.ui import (
    action_words,
    ago,
    audit_details,
    initials,
    listed,
    nav_url,
)


def render(source: str, **context: object) -> str:
    compiled = CottonCompiler().process("{% load ui %}" + source)
    return Template(compiled).render(Context(context))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "just now"),
        (40, "40 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (86_400 * 3, "3 d ago"),
        (-7200.5, "in 2 h"),
    ],
)
def test_times_are_relative_with_the_exact_time_in_the_title(
    seconds: float, words: str
) -> None:
    at = clock.now() - timedelta(seconds=seconds)
    html = ago(at)
    assert f">{words}</time>" in html
    assert f'datetime="{at.isoformat()}"' in html
    assert f"{at:%H:%M:%S} UTC" in html


def test_old_times_are_dates() -> None:
    at = clock.now() - timedelta(days=40)
    assert f">{at.day} {at:%b %Y}</time>" in ago(at)
    assert ago(None) == ""


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Alice Adams", "AA"),
        ("theo.park@acme.test", "TP"),
        ("Mona", "M"),
        ("", "?"),
        (None, "?"),
    ],
)
def test_initials(name: object, letters: str) -> None:
    assert initials(name) == letters


def test_audit_entries_are_said_in_words() -> None:
    assert action_words("api_key.origins_changed") == "API key origins changed"
    assert action_words("member.left") == "Member left"
    assert action_words("sync_rule.create") == "Sync rule created"
    assert action_words("linked_account.test") == "Linked account tested"
    row = "01a202e7-3883-77a6-a5e0-b0f650460ecf"
    assert audit_details({"rule": row, "sent_to": ["a", "b"], "old": None}) == [
        ("Sent to", "a, b"),
        ("Old", "none"),
    ]
    assert (
        listed(["https://a.test", "https://b.test"]) == "https://a.test, https://b.test"
    )
    assert [listed([]), listed(None), listed(0), listed("x")] == [
        "none",
        "none",
        "0",
        "x",
    ]


def test_a_page_that_does_not_exist_has_no_url() -> None:
    assert nav_url("team", "acme") == "/a/acme/account/team/"
    assert nav_url("team", "") == ""
    assert nav_url("no_such_page", "acme") == ""


@pytest.mark.parametrize(
    ("path", "exact", "value"),
    [
        ("/a/acme/", "", "page"),
        ("/a/acme/contacts/", "", "true"),
        ("/a/acme/contacts/", "True", ""),
        ("/other/", "", ""),
    ],
)
def test_the_link_to_where_one_is_says_so(path: str, exact: str, value: str) -> None:
    request = RequestFactory().get(path)
    source = "{% current '/a/acme/' exact %}"
    assert render(source, request=request, exact=exact) == value


class Example(forms.Form):
    email = forms.EmailField(help_text="Yours.")
    news = forms.BooleanField(required=False)
    kind = forms.ChoiceField(choices=[("a", "Apple")], widget=forms.RadioSelect)
    note = forms.CharField(required=False, widget=forms.Textarea)


def test_a_field_ties_hint_and_error_to_its_input() -> None:
    form = Example({"email": "x"})
    html = render('<c-field :field="form.email" />', form=form)
    assert 'aria-describedby="id_email_hint id_email_error"' in html
    assert 'id="id_email_hint"' in html and 'id="id_email_error"' in html
    assert 'aria-invalid="true"' in html and 'value="x"' in html
    assert "(optional)" not in html


def test_every_kind_of_field_is_drawn_with_a_label() -> None:
    form = Example()
    html = render(
        '{% for field in form %}<c-field :field="field" />{% endfor %}', form=form
    )
    assert 'class="switch"' in html and '<label class="label" for="id_news">' in html
    assert "<legend" in html and 'type="radio"' in html
    assert "<textarea" in html and "aria-describedby" in html


def test_the_summary_of_errors_names_the_fields() -> None:
    form = Example({"email": "x"})
    html = render('<c-errors :form="form" title="Not saved" />', form=form)
    assert 'role="alert"' in html and "Not saved" in html
    assert 'href="#id_email"' in html
    assert render('<c-errors :form="form" />', form=Example()).strip() == ""


def test_what_goes_into_components_is_escaped() -> None:
    html = render(
        '<c-copy>{{ text }}</c-copy><c-note tone="bad" title="{{ text }}">x</c-note>'
        '<c-badge tone="ok">{{ text }}</c-badge>'
        '<c-empty title="{{ text }}">y</c-empty>',
        text="<script>1</script>",
    )
    assert "<script>1" not in html
    assert html.count("&lt;script&gt;1") == 4
