from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

ROOT = Path(__file__).parents[2]


def classify(*args: str) -> str:
    out = io.StringIO()
    call_command("classify", *args, stdout=out)
    return out.getvalue()


@pytest.fixture
def addresses(tmp_path: Path) -> str:
    path = tmp_path / "addresses.txt"
    path.write_bytes(
        b"\xef\xbb\xbfjo@gmail.com\r\n"
        b"info@acme.com\n"
        b"\n"
        b'a,"b@acme.com\n'
        b"j\xfcrgen@acme.com\n"
        b"x\rnull\x00@acme.com\n"
        b"jo@yopmail.com"
    )
    return str(path)


def test_csv_has_a_row_for_every_line(addresses: str) -> None:
    rows = list(csv.reader(io.StringIO(classify(addresses), newline="")))
    assert rows[0] == ["address", "category", "rule", "evidence"]
    assert [row[:3] for row in rows[1:]] == [
        ["jo@gmail.com", "valid", ""],
        ["info@acme.com", "role", "exact"],
        ["", "syntax", "empty"],
        ['a,"b@acme.com', "syntax", "local-character"],
        ["j\udcfcrgen@acme.com", "syntax", "control-character"],
        ["x\rnull\x00@acme.com", "syntax", "control-character"],
        ["jo@yopmail.com", "disposable", "domain"],
    ]
    assert rows[1][3] == ""
    assert rows[2][3].startswith("role:exact:info:builtin@")


def test_jsonl_says_the_same(addresses: str) -> None:
    lines = classify("--format=jsonl", addresses).split("\n")
    rows = [json.loads(line) for line in lines[:-1]]
    table = list(csv.DictReader(io.StringIO(classify(addresses), newline="")))
    assert rows == table


def test_a_missing_file_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"none\.txt: No such file"):
        classify(str(tmp_path / "none.txt"))


def command() -> list[str]:
    return [sys.executable, "manage.py", "classify"]


def environment() -> dict[str, str]:
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}


def test_it_answers_bytes_with_the_same_bytes() -> None:
    given = b"j\xfcrgen@acme.com\njo@gmail.com\n"
    done = subprocess.run(
        command(),
        input=given,
        capture_output=True,
        cwd=ROOT,
        env=environment(),
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.split(b"\n")
    assert lines[1].startswith(b"j\xfcrgen@acme.com,syntax,control-character,")
    assert lines[2] == b"jo@gmail.com,valid,,"
    assert done.stderr == b""


def test_it_streams_and_ends_quietly_when_the_reader_goes() -> None:
    """Answers come while the input is still open; a reader that left is no error."""
    with subprocess.Popen(
        command(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=environment(),
    ) as process:
        process.stdin.write(b"info@acme.com\n" * 1_000)
        process.stdin.flush()
        assert process.stdout.readline() == b"address,category,rule,evidence\n"
        assert process.stdout.readline().startswith(b"info@acme.com,role,exact,")
        assert process.poll() is None
        process.stdout.close()
        try:
            process.stdin.write(b"info@acme.com\n" * 200_000)
            process.stdin.close()
        except BrokenPipeError:
            pass
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0
