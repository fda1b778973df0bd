"""Third-party servers, installed into environments of their own and started here."""

from __future__ import annotations

import contextlib
import hashlib
import mailbox
import os
import shutil
import signal
import smtplib
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import EmailMessage, Message
from pathlib import Path
from typing import ClassVar

from scripts import bootstrap
from tests.services import Service, _folder, _running, free_port

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
USER, PASSWORD = "restadmin", "restpass"

CONFIG = """\
[mailman]
layout: here
[paths.here]
var_dir: {folder}/var
[database]
class: mailman.database.sqlite.SQLiteDatabase
url: sqlite:///{folder}/mailman.db
[webservice]
hostname: 127.0.0.1
port: {rest}
admin_user: {user}
admin_pass: {password}
api_version: 3.1
workers: 1
[mta]
incoming: mailman.mta.null.NullMTA
outgoing: mailman.mta.deliver.deliver
lmtp_host: 127.0.0.1
lmtp_port: {lmtp}
smtp_host: 127.0.0.1
smtp_port: {smtp}
"""
# What a subscription does not need.
IDLE = ("archive", "bounces", "digest", "in", "nntp", "pipeline", "retry")
CONFIG += "".join(f"[runner.{name}]\nstart: no\n" for name in IDLE)


def python_with(name: str) -> Path:
    """The interpreter of an environment with what tests/live/<name>.lock has, made once
    per lock file.

    Raises bootstrap.Stop when it cannot be installed.
    """
    lock = Path(__file__).with_name(f"{name}.lock")
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    home = TOOLS / f"{name}-{digest}"
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        shutil.rmtree(home, ignore_errors=True)
        bootstrap.make_venv(sys.executable, home)
        bootstrap.install(str(python), lock, TOOLS)
        (home / "ready").touch()
    return python


class Mailman(Service):
    """GNU Mailman core with its REST and LMTP runners, and somebody to take its mail.

    `lmtp` is the port that takes replies, `mails()` what it has sent.
    """

    stop_signals: ClassVar[dict[str, signal.Signals]] = {
        "fast": signal.SIGTERM,
        "immediate": signal.SIGTERM,
    }

    start_seconds = 120.0  # a dozen processes

    def __init__(self, folder: Path, python: Path) -> None:
        super().__init__(folder)
        self.lmtp, self.smtp = free_port(), free_port()
        self._python = python
        self._config = folder / "mailman.cfg"
        self._config.write_text(
            CONFIG.format(
                folder=folder,
                rest=self.port,
                lmtp=self.lmtp,
                smtp=self.smtp,
                user=USER,
                password=PASSWORD,
            )
        )

    @property
    def url(self) -> str:
        """What stands for the host; the real paths, /3.1/lists, follow."""
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        master = str(self._python.with_name("master"))
        return [str(self._python), master, "-C", str(self._config)]

    def ping(self) -> None:
        """Its runners start one by one: that of the replies may be later than REST."""
        smtplib.LMTP("127.0.0.1", self.lmtp, timeout=5).close()
        try:
            urllib.request.urlopen(f"{self.url}/3.1/system/versions", timeout=5)
        except urllib.error.HTTPError as error:
            if error.code != 401:
                raise

    @contextlib.contextmanager
    def post_office(self) -> Iterator[None]:
        """Takes what Mailman sends, into a maildir."""
        sink = subprocess.Popen(
            [
                *(str(self._python), "-m", "aiosmtpd", "-n"),
                *("-l", f"127.0.0.1:{self.smtp}"),
                *("-c", "aiosmtpd.handlers.Mailbox", str(self.folder / "mails")),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            sink.terminate()
            sink.wait()

    def mails(self, to: str) -> list[Message]:
        """What was sent to an address, oldest first."""
        found = mailbox.Maildir(self.folder / "mails", create=False)
        ours = [mail for mail in found if to in str(mail["To"])]
        return sorted(
            ours, key=lambda mail: str(mail["X-MailFrom"]) + str(mail["Date"])
        )

    def mail_to(self, address: str, subject: str, seconds: float = 30) -> Message:
        """The first mail to somebody whose subject has these words; waits for it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if (self.folder / "mails").exists():
                for mail in self.mails(address):
                    if subject in " ".join(str(mail["Subject"]).split()):
                        return mail
            time.sleep(0.2)
        raise AssertionError(f"no mail to {address} about {subject!r}")

    def reply(self, mail: Message, sender: str) -> None:
        """The person answers a mail of the list."""
        answer = EmailMessage()
        answer["From"], answer["To"] = sender, str(mail["From"])
        answer["Subject"] = f"Re: {' '.join(str(mail['Subject']).split())}"
        answer["Message-ID"] = f"<{os.urandom(8).hex()}@example.org>"
        answer.set_content("Yes.\n")
        with smtplib.LMTP("127.0.0.1", self.lmtp) as session:
            session.send_message(answer)


@contextlib.contextmanager
def mailman() -> Iterator[Mailman]:
    """A running Mailman. Raises ServiceError, bootstrap.Stop."""
    python = python_with("mailman")
    with _folder() as folder:
        server = Mailman(folder, python)
        with server.post_office(), _running(server):
            yield server
