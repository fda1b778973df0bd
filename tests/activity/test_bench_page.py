"""The test bench: what is read from a text or a file, the verdicts, votes, export."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from activity import bench
from activity.bench import Line, as_text, judged, lines_of, text_of, votes_of
from contacts.models import Contact, Suppression
from contactsync.tenancy.models import Account, User
from displays.models import Display, Signup
from hygiene.models import HygienePolicy
from hygiene.policy import DEFAULT
from hygiene.votes import Outcome

pytestmark = pytest.mark.django_db

URL = "/a/acme-outdoor/hygiene/bench/"


@pytest.fixture
def page(client_of: Callable[[User], Client], vera: User) -> Client:
    return client_of(vera)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        (" \n\t\n", []),
        ("jo@x.org", [Line("jo@x.org")]),
        ("jo@x.org\r\n\r\nnot one\n", [Line("jo@x.org"), Line("not one")]),
        ("Jo Doe <jo@x.org>", [Line("jo@x.org", "Jo", "Doe")]),
        ('"Doe, Jo" <jo@x.org>', [Line("jo@x.org", "Jo", "Doe")]),
        ("Jo <jo@x.org>\nal@x.org", [Line("jo@x.org", "Jo"), Line("al@x.org")]),
        ("<jo@x.org>", [Line("jo@x.org")]),
        ("jo@x.org,Jo,Doe", [Line("jo@x.org", "Jo", "Doe")]),
        ("jo@x.org;Jo", [Line("jo@x.org", "Jo")]),
        ("Jo,Doe,jo@x.org", [Line("jo@x.org", "Jo", "Doe")]),
        ("a, b", [Line("a, b")]),
        ("Email\njo@x.org\n", [Line("jo@x.org")]),
        (
            'First Name;E-Mail;Last name\nJo;jo@x.org;"Doe;\n2"\n;al@x.org\n',
            [Line("jo@x.org", "Jo", "Doe;\n2"), Line("al@x.org")],
        ),
        ("name\temail\nJo\n", [Line("")]),
        ("id,mail\n1,a\x00b@x.org", [Line("ab@x.org")]),
        ("email,x\n" + "j" * 3000 + ",1", [Line("j" * 2000)]),
    ],
)
def test_what_is_read(text: str, lines: list[Line]) -> None:
    assert lines_of(text) == lines


def test_what_is_shown_again_reads_the_same() -> None:
    lines = [Line("jo@x.org", "Jo", 'D"oe, x'), Line("al@x.org"), Line("a b")]
    assert lines_of(as_text(lines)) == lines


def test_one_line_too_many_is_noticed_and_no_more_are_read() -> None:
    assert len(lines_of("a@x.org\n" * 9000)) == bench.MOST_ROWS + 1
    assert len(lines_of("email\n" + "a@x.org\n" * 9000)) == bench.MOST_ROWS + 1


def test_a_file_s_encoding_is_found() -> None:
    text = "email\nzoë@x.org"
    assert text_of(text.encode()) == text
    assert text_of(text.encode("utf-8-sig")) == text
    assert text_of(text.encode("utf-16")) == text
    assert text_of(text.encode("latin-1")) == text
    assert text_of(b"\x81\xff\xfe") is not None


def test_verdicts_by_policy_name_and_suppression(
    acme: Account, display: Display
) -> None:
    HygienePolicy.objects.create(account=acme, modes={"role": "off"})
    HygienePolicy.objects.create(
        account=acme, display_id=display.pk, modes={"role": "flag"}
    )
    Suppression.objects.create(account=acme, email_key="gone@hill.shop", actor="person")
    lines = [
        Line("sales@hill.shop"),
        Line("Gone@hill.shop"),
        Line("jo@gmial.com"),
        Line("nope"),
    ]

    def categories(choice: str) -> list[str]:
        policy = bench.policy_of(acme, choice)
        return [row.verdict.category.value for row in judged(acme, lines, policy)]

    assert categories("") == ["valid", "suppressed", "valid", "syntax"]
    assert categories(bench.ALL_ON) == ["role", "suppressed", "valid", "syntax"]
    policy = bench.policy_of(acme, str(display.pk))
    rows = judged(acme, lines, policy)
    assert rows[0].label == "Accepted, noted"
    assert rows[0].evidence.startswith("role:exact:sales:")
    assert rows[2].verdict.suggest == "jo@gmail.com"
    found = {share.key: (share.count, share.percent) for share in bench.shares(rows)}
    assert found == {
        "valid": (2, "50.0"),
        "suppressed": (1, "25.0"),
        "syntax": (1, "25.0"),
    }


@pytest.mark.parametrize("count", [1, 900])
def test_the_number_of_queries_does_not_grow(
    acme: Account, django_assert_num_queries: Callable[..., Any], count: int
) -> None:
    with django_assert_num_queries(1):
        judged(acme, [Line(f"p{n}@hill.shop") for n in range(count)], DEFAULT)


def test_every_rule_s_vote_in_order(acme: Account) -> None:
    HygienePolicy.objects.create(account=acme, modes={"role": "flag"})
    policy = bench.policy_of(acme, "")

    said = votes_of(acme, Line("sales@mailinator.com"), policy)

    hits = {each.vote.rule: each for each in said if each.vote.hit}
    assert [each.vote.outcome for each in hits.values()] == [
        Outcome.DECIDES,
        Outcome.FLAG,
    ]
    assert hits["disposable"].vote.evidence.startswith("disposable:domain:mailinator")
    assert "thrown away" in hits["disposable"].what
    assert "only notes it (role address: only flag)" in hits["role-word"].why
    assert len(said) > 20
    assert said[0].vote.rule == "syntax"
    assert {each.says for each in said if not each.vote.hit} == {"Nothing found"}


def test_the_page_without_javascript(page: Client) -> None:
    html = page.get(URL).content.decode()
    assert "Nothing is stored, and nobody is contacted." in html

    text = "sales@hill.shop\njo@gmial.com\nMira <mira@hill.shop>\n"
    answer = page.post(URL, {"text": text, "policy": "", "do": "judge"})

    html = answer.content.decode()
    assert "3 addresses" in html
    assert "role:exact:sales:" in html
    assert "jo@gmail.com" in html
    assert (
        answer.context["text"]
        == "sales@hill.shop\njo@gmial.com\nmira@hill.shop,Mira,\n"
    )
    assert not answer.context["votes"]
    assert not Contact.objects.exists() and not Signup.objects.exists()

    opened = page.post(URL, {"text": answer.context["text"], "open": "1"})
    assert [v.vote.rule for v in opened.context["votes"] if v.vote.hit] == ["role-word"]
    only = page.post(URL, {"text": text, "show": "rejected"})
    assert [row.number for row in only.context["rows"]] == [1]
    noted = page.post(URL, {"text": text, "show": "noted"})
    assert [row.number for row in noted.context["rows"]] == [2]


def test_one_address_shows_its_votes_at_once(page: Client) -> None:
    answer = page.post(URL, {"text": "sales@hill.shop"})
    assert answer.context["votes"]
    assert "Nothing found" in answer.content.decode()


@pytest.mark.parametrize("opened", ["0", "99", "x", "-1", "²", "10000000"])
def test_votes_of_no_row_are_none(page: Client, opened: str) -> None:
    answer = page.post(URL, {"text": "a@hill.shop\nb@hill.shop", "open": opened})
    assert answer.status_code == 200
    assert answer.context["votes"] == []


def test_the_votes_alone(page: Client) -> None:
    form = {"address": "<b>@mailinator.com", "policy": "nonsense"}
    answer = page.post(f"{URL}votes/", form)
    html = answer.content.decode()
    assert "<b>@" not in html
    assert html.startswith("<table")
    assert page.get(f"{URL}votes/").status_code == 405


def test_a_file(page: Client) -> None:
    data = "First name;Email\nZoë;sales@hill.shop\n".encode("cp1252")
    file = SimpleUploadedFile("list.csv", data, "text/csv")
    answer = page.post(URL, {"file": file, "text": "ignored@x.org"})
    assert [row.line for row in answer.context["rows"]] == [
        Line("sales@hill.shop", "Zoë")
    ]


def test_too_much_leads_to_list_cleaning(page: Client) -> None:
    rows = "\n".join(f"p{n}@hill.shop" for n in range(bench.MOST_ROWS + 1))
    big = SimpleUploadedFile("list.csv", b"x" * (bench.MOST_BYTES + 1))
    for form in ({"text": rows}, {"file": big}, {"text": "x" * (bench.MOST_BYTES + 1)}):
        answer = page.post(URL, form)
        assert answer.status_code == 422
        assert "Clean your email list" in answer.content.decode()
    answer = page.post(URL, {"text": " \n"})
    assert answer.status_code == 422
    assert "Paste an address" in answer.content.decode()


def test_the_table_shows_so_many_and_the_csv_has_all(page: Client) -> None:
    text = "\n".join(f"sales{n}@hill.shop" for n in range(bench.SHOWN + 50))

    answer = page.post(URL, {"text": text})
    assert len(answer.context["rows"]) == bench.SHOWN
    assert "The first 200 of 250; the CSV has all." in answer.content.decode()

    answer = page.post(URL, {"text": f"=1+1@hill.shop\n{text}", "do": "csv"})
    content = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content)))
    assert len(rows) == bench.SHOWN + 51
    assert rows[0]["email"] == "'=1+1@hill.shop"
    assert rows[1]["category"] == "role"
    assert rows[1]["verdict"] == "rejected"
    assert rows[1]["evidence"].startswith("role:numbered:")


def test_hostile_text_is_text(page: Client) -> None:
    text = "</textarea><script>alert(1)</script>\n\"'><img src=x>@hill.shop\n\ud7ff\x07"
    html = page.post(URL, {"text": text}).content.decode()
    assert "<script>alert" not in html
    assert "<img src=x>" not in html


def test_a_huge_cell_is_one_bad_row_and_changes_no_other_reader() -> None:
    before = csv.field_size_limit()
    huge = "x" * (before + 1)
    found = bench.lines_of(
        f"email,name\nmira@gmail.com,Mira\n{huge},Jo\njo@gmail.com,\n"
    )
    assert [line.address for line in found] == [
        "mira@gmail.com",
        "\u2026",
        "jo@gmail.com",
    ]
    assert csv.field_size_limit() == before
