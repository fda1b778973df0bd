"""The test bench: what the filter says of pasted addresses, and why. Stores nothing."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from activity import words
from activity.export import Echo, safe
from activity.people import as_uuid_text
from activity.verdicts import told
from contactsync.lib.email import email_key
from contactsync.tenancy.models import Account
from hygiene.case import Person
from hygiene.catalogue import explain
from hygiene.facts import default_facts
from hygiene.judge import judge
from hygiene.policies import known_lookup, policy_for, suppressed_among
from hygiene.policy import DEFAULT, Mode, Policy
from hygiene.verdict import Category, Verdict, printable
from hygiene.votes import Outcome, Vote, votes

MOST_ROWS = 5000
MOST_BYTES = 1024 * 1024
LONGEST = 2000
"""Characters of a line that are looked at: longer than any address."""
SHOWN = 200
CHUNK = 1000
ALL_ON = "all_on"

DELIMITERS = ",;\t|"
EMAIL_HEADS = frozenset({"email", "emailaddress", "mail", "address", "emails"})
FIRST_HEADS = frozenset({"firstname", "first", "fname", "givenname", "forename"})
LAST_HEADS = frozenset({"lastname", "last", "lname", "surname", "familyname"})

_IN_BRACKETS = re.compile(r'\s*"?([^"<>]*?)"?\s*<([^<>]*)>\s*').fullmatch


@dataclass(frozen=True, slots=True)
class Line:
    """An address to judge, and the name that came with it."""

    address: str
    first_name: str = ""
    last_name: str = ""

    @property
    def person(self) -> Person | None:
        if not (self.first_name or self.last_name):
            return None
        return Person(self.first_name, self.last_name)


@dataclass(frozen=True, slots=True)
class Judged:
    """A line and what the filter says of it; ``number`` counts from 1."""

    number: int
    line: Line
    verdict: Verdict

    @property
    def address(self) -> str:
        return printable(self.line.address)

    @property
    def values(self) -> str:
        """What asks for this line's votes, as JSON."""
        return json.dumps(asdict(self.line))

    @property
    def label(self) -> str:
        if self.verdict.accepted:
            return "Accepted, noted" if self.verdict.also else "Accepted"
        return words.category(self.verdict.category).capitalize()

    @property
    def tone(self) -> str:
        if self.verdict.accepted:
            return "warn" if self.verdict.also else "ok"
        return "bad"

    @property
    def sentence(self) -> str:
        """What was found, in a sentence; of an accepted address only what is noted."""
        verdict = self.verdict
        if verdict.accepted and verdict.also and not verdict.finding:
            noted = verdict.also[0]
            return told(noted.category, noted.rule, noted.evidence)[0]
        return told(verdict.category, verdict.rule, verdict.evidence)[0]

    @property
    def next_step(self) -> str:
        verdict = self.verdict
        return told(verdict.category, verdict.rule, verdict.evidence)[1]

    @property
    def evidence(self) -> str:
        """Of the verdict; of an accepted address, of what is noted."""
        also = self.verdict.also
        return self.verdict.evidence or (also[0].evidence if also else "")


@dataclass(frozen=True, slots=True)
class Share:
    key: str
    label: str
    count: int
    percent: str


def text_of(data: bytes) -> str:
    """A file's text: UTF-8, UTF-16 with its mark, else Windows Latin. Never raises."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def lines_of(text: str) -> list[Line]:
    """The addresses of a pasted text or a CSV, ``MOST_ROWS`` + 1 at most.

    A first line that names an address column makes it a table of columns. Otherwise
    each line is an address, ``name <address>`` or ``address,first,last``.
    """
    rows = [row for row in text.replace("\x00", "").splitlines() if row.strip()]
    if not rows:
        return []
    delimiter = max(DELIMITERS, key=rows[0].count)
    top = csv.reader([rows[0][: 10 * LONGEST]], delimiter=delimiter)
    heads = [squeezed(head) for head in next(top)]
    email = next((at for at, head in enumerate(heads) if head in EMAIL_HEADS), None)
    if email is None or "@" in rows[0]:
        return [line_of(row[:LONGEST]) for row in rows[: MOST_ROWS + 1]]
    first = next((at for at, head in enumerate(heads) if head in FIRST_HEADS), None)
    last = next((at for at, head in enumerate(heads) if head in LAST_HEADS), None)
    found: list[Line] = []
    for cells in csv_rows(text.replace("\x00", ""), delimiter):
        found.append(Line(cell(cells, email), cell(cells, first), cell(cells, last)))
        if len(found) > MOST_ROWS:
            break
    return found


UNREADABLE = "\u2026"


def csv_rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """The rows below the head that hold anything.

    Of one with a cell beyond the module's limit (which is the whole process's, so it
    stays as it is) only that it was there: it is judged as no address.
    """
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    next((row for row in rows if any(row)), None)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error:
            row = [UNREADABLE]
        if any(each.strip() for each in row):
            yield row


def squeezed(head: str) -> str:
    """``E-mail Address`` as ``emailaddress``."""
    return re.sub(r"[^a-z]", "", head.lower())


def cell(cells: Sequence[str], at: int | None) -> str:
    return cells[at][:LONGEST] if at is not None and at < len(cells) else ""


def line_of(row: str) -> Line:
    """One pasted line. What is neither form is judged as it stands."""
    named = _IN_BRACKETS(row)
    if named:
        first, last = split_name(named[1])
        return Line(named[2].strip(), first, last)
    delimiter = next((each for each in ",;\t" if each in row), "")
    if not delimiter:
        return Line(row)
    cells = [each.strip() for each in next(csv.reader([row], delimiter=delimiter))]
    address = next((each for each in cells if "@" in each), "")
    if not address:
        return Line(row)
    cells.remove(address)
    return Line(address, cell(cells, 0), cell(cells, 1))


def split_name(name: str) -> tuple[str, str]:
    """First and last name of ``Jane Doe`` or ``Doe, Jane``."""
    last, comma, first = name.partition(",")
    if comma:
        return first.strip(), last.strip()
    first, _, last = name.strip().rpartition(" ")
    return (first, last) if first else (last, "")


def as_text(lines: Iterable[Line]) -> str:
    """The lines as they can be pasted again."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for line in lines:
        if line.person is None and "," not in line.address:
            out.write(f"{line.address}\n")
        else:
            writer.writerow([line.address, line.first_name, line.last_name])
    return out.getvalue()


def choice_of(text: str) -> str:
    """Which policy a form asks for: "" the account's, ``ALL_ON``, a display's id."""
    return ALL_ON if text == ALL_ON else as_uuid_text(text)


def policy_of(account: Account, choice: str) -> Policy:
    """The policy of a choice."""
    if choice == ALL_ON:
        return DEFAULT
    return policy_for(account.pk, UUID(choice) if choice else None)


def judged(account: Account, lines: Sequence[Line], policy: Policy) -> list[Judged]:
    """The verdicts, in order. One query per thousand lines, for the suppressions."""
    facts = default_facts()
    keys = [email_key(line.address) for line in lines]
    reasons: dict[str, str] = {}
    for at in range(0, len(keys), CHUNK):
        reasons.update(suppressed_among(account.pk, keys[at : at + CHUNK]))
    return [
        Judged(
            number,
            line,
            judge(
                line.address,
                facts=facts,
                policy=policy,
                person=line.person,
                suppressed=known_lookup(reasons.get(key, "")),
            ),
        )
        for number, (line, key) in enumerate(zip(lines, keys, strict=True), start=1)
    ]


def shares(rows: Sequence[Judged]) -> list[Share]:
    """How many of each verdict: accepted first, then by number."""
    counts = Counter(row.verdict.category.value for row in rows)
    order = sorted(counts, key=lambda key: (key != Category.VALID, -counts[key], key))
    return [
        Share(
            key,
            "Accepted" if key == Category.VALID else words.category(key).capitalize(),
            counts[key],
            f"{100 * counts[key] / len(rows):.1f}",
        )
        for key in order
    ]


SAYS = {
    Outcome.CLEAR: "Nothing found",
    Outcome.DECIDES: "Decides",
    Outcome.ALSO: "Also found",
    Outcome.FLAG: "Only noted",
    Outcome.OFF: "Not counted",
    Outcome.PASSED: "Does not count",
}
TONES = {
    Outcome.DECIDES: "bad",
    Outcome.ALSO: "warn",
    Outcome.FLAG: "warn",
}


@dataclass(frozen=True, slots=True)
class Said:
    """One rule's vote in words. ``why`` is what the policy makes of it."""

    vote: Vote
    name: str
    category: str
    says: str
    tone: str
    what: str
    todo: str
    why: str


def votes_of(account: Account, line: Line, policy: Policy) -> list[Said]:
    """What every rule says of one address, in the order they are asked."""
    key = email_key(line.address)
    reason = suppressed_among(account.pk, [key]).get(key, "")
    found = votes(
        line.address,
        facts=default_facts(),
        policy=policy,
        person=line.person,
        suppressed=known_lookup(reason),
    )
    return [said(vote) for vote in found]


def said(vote: Vote) -> Said:
    what, todo = "", ""
    try:
        about = explain(*vote.explains)
        what, todo = about.what, about.todo if vote.hit else ""
    except KeyError:  # the catalogue is of another release than the rule
        pass
    tone = TONES.get(vote.outcome, "")
    if vote.outcome is Outcome.DECIDES and vote.category is Category.VALID:
        tone = "ok"
    return Said(
        vote=vote,
        name=vote.rule.replace("-", " ").capitalize(),
        category=words.category(vote.category)
        if vote.category is not Category.VALID
        else "lets in",
        says=SAYS[vote.outcome],
        tone=tone,
        what=what if vote.hit else "",
        todo=todo,
        why=why(vote),
    )


def why(vote: Vote) -> str:
    """What became of a hit, where the badge alone does not tell."""
    category = words.category(vote.category)
    match vote.outcome:
        case Outcome.OFF:
            return f"This policy does not ask ({category}: {mode_word(vote.mode)})."
        case Outcome.FLAG:
            return f"This policy only notes it ({category}: {mode_word(vote.mode)})."
        case Outcome.ALSO:
            return "An earlier rule decides; alone it would turn the address away."
        case Outcome.PASSED:
            return "Something else decides, and next to that it says nothing."
    return ""


def mode_word(mode: Mode) -> str:
    return {Mode.ON: "reject", Mode.FLAG: "only flag", Mode.OFF: "off"}[mode]


COLUMNS = (
    *("email", "first_name", "last_name", "verdict", "category", "rule", "evidence"),
    *("also", "suggest", "sentence", "next_step"),
)


def csv_lines(rows: Iterable[Judged]) -> Iterator[str]:
    """The result as CSV, formula-safe, with a byte order mark for Excel."""
    writer = csv.writer(Echo())
    yield "\ufeff" + writer.writerow(COLUMNS)
    for row in rows:
        verdict = row.verdict
        cells = (
            row.address,
            row.line.first_name,
            row.line.last_name,
            "accepted" if verdict.accepted else "rejected",
            verdict.category.value,
            verdict.rule,
            verdict.evidence,
            " ".join(each.evidence for each in verdict.also),
            verdict.suggest,
            row.sentence,
            row.next_step,
        )
        yield writer.writerow([safe(each) for each in cells])
