"""What the bot rules find, and the people who look a little like it."""

from __future__ import annotations

import pytest

from hygiene.case import DomainList, Facts, Person
from hygiene.facts import read_sieve
from hygiene.judge import judge
from hygiene.policy import Policy
from hygiene.verdict import Category

BOTS = [
    ("test@acme.com", "fake-local"),
    ("noemail@gmail.com", "fake-local"),
    ("user123@acme.com", "fake-local"),
    ("maxmustermann@web.de", "fake-local"),
    ("votre.email@orange.fr", "fake-local"),
    ("asdasdasd@gmail.com", "mash"),
    ("qwertyuiop@gmail.com", "mash"),
    ("1qaz2wsx@gmail.com", "mash"),
    ("sadfsadf@outlook.com", "mash"),
    ("plokijuhyg@yandex.ru", "mash"),
    ("123123123@roche.com", "mash"),
    ("mojemail@wp.pl", "fake-local"),
    ("vorname.nachname@gmx.de", "fake-local"),
    ("polzovatel@mail.ru", "fake-local"),
    ("epostaadresi@acme.com.tr", "fake-local"),
    ("a@b.co.uk", "mirrored"),
    ("me@me.com", "mirrored"),
    ("qq@qq.com", "mirrored"),
    ("free@free.fr", "mirrored"),
    ("q@w.com", "mirrored"),
    ("abc@xyz.com", "mirrored"),
    ("john@doe.com", "mirrored"),
    ("123@456.com", "mirrored"),
    ("aaa@bbb.cc", "mirrored"),
    ("me@me.me.uk", "mirrored"),
    ("qwe@qwe.io", "mirrored"),
    ("j.o.h.n.smith.x@gmail.com", "dot-stuffed"),
    ("k7x2m9q4@gmail.com", "alternating"),
    ("9f86d081884c7d659a2f@gmail.com", "hex"),
    ("3bee9e2311@gmail.com", "hex"),
    ("cbb1c3ff@gmail.com", "hex"),
    ("xkqzvwptgh@gmail.com", "trigram"),
    ("john.qzxkvwtr@gmail.com", "random-tail"),
    ("johnqzxkvw@gmail.com", "random-tail"),
    ("SdFkJwErTy@gmail.com", "trigram"),
    ("hHaUZbFIou@yahoo.com", "mixed-case"),
    ("john98765432101234567@gmail.com", "digits"),
    ("jo@xkqvzwptghq.com", "gibberish-domain"),
    ("jo@sdfsdfsdf.com", "mash-domain"),
    ("тест@почта.рф", "fake-local"),
    ("фыва@mail.ru", "fake-local"),
    ("йцукен@пример.рф", "fake-local"),
    ("测试@163.com", "fake-local"),
    ("テスト@acme.jp", "fake-local"),
    ("테스트@naver.com", "fake-local"),
    ("ασδφ@acme.gr", "fake-local"),
    ("autotest@acme.com", "fake-local"),
    ("not.my.email@gmail.com", "fake-local"),
    ("dontspamme@gmail.com", "fake-local"),
    ("iamfake@gmail.com", "fake-local"),
    ("undefined@acme.com", "fake-local"),
    ("unknown@acme.com", "fake-local"),
    ("xxx@acme.com", "fake-local"),
    ("toto@titi.fr", "mirrored"),
    ("lol@lol.com", "mirrored"),
    ("pippo@pippo.it", "mirrored"),
    ("sd@sd.com", "mirrored"),
    ("df@df.net", "mirrored"),
    ("qq@ww.ee", "mirrored"),
    ("sdfads@gmail.com", "mash"),
    ("dfgsdf@gmail.com", "mash"),
    ("asfdasdf@gmail.com", "mash"),
    ("gbgbgb@gmail.com", "mash"),
    ("weqweq@gmail.com", "mash"),
    ("123123@gmail.com", "mash"),
    ("112233@gmail.com", "mash"),
    ("xqzvkt@bvxkqwz.com", "trigram"),
    ("0527266a6@gmail.com", "hex"),
    ("69f6630@outlook.com", "hex"),
    ("ghfjdk@gmail.com", "trigram"),
    ("147258369@gmail.com", "mash"),
    ("111222333@gmail.com", "mash"),
    ("weetikniet@ziggo.nl", "fake-local"),
    ("keinebock@web.de", "fake-local"),
    ("test.mueller@web.de", "fake-local"),
    ("maria_test2@gmail.com", "fake-local"),
    ("nein@nein.de", "mirrored"),
    ("x@xx.com", "mirrored"),
    ("as@df.com", "mirrored"),
    ("ab@cd.com", "mirrored"),
    ("no@one.com", "mirrored"),
]

NOT_BOTS = [
    "jkrzywdzinski@gmail.com",
    "krzywdzinskij@wp.pl",
    "mkhitaryan@mail.ru",
    "tkachuk88@ukr.net",
    "john.vlk@seznam.cz",
    "szczepanek1987@onet.pl",
    "rahul9876543210@gmail.com",
    "919876543210@gmail.com",
    "rcw80@icloud.com",
    "grebes-tinted.0d@icloud.com",
    "m0nk3yman@outlook.com",
    "sk8rgrl77@msn.com",
    "cs19b012@iittp.ac.in",
    "rjk9q@virginia.edu",
    "xxmikexx@yahoo.de",
    "__kev__@hotmail.com",
    "JohnMcDonald@gmail.com",
    "JOHNSMITH@gmail.com",
    "13800138000@163.com",
    "m@t.co",
    "jk@jk.nl",
    "1@2.nl",
    "abe1985@gmail.com",
    "20abc1234@vit.ac.in",
    "zcabtwx@uclouvain.be",
    "h12x3456@student.hs-bochum.de",
    "qxz4kd@ethz.ch",
    "3b4c5d6e@stud.ntnu.no",
    "1a2b3c4d5e@uni-mainz.de",
    "stphnmrks@gmail.com",
    "jhnsmth@gmail.com",
    "rbrt.jhnsn88@gmail.com",
    "jjthmpsn@acme.com",
    "xX_slayer_Xx@gmail.com",
    "cr4zyc4t@gmail.com",
    "sn1perw0lf@gmail.com",
    "xXn00bslayerXx@gmail.com",
    "_sTaRwIzArD_@gmail.com",
    "wertz5@yahoo.com",
    "jo@btcwxkn.com",
    "etxeberria@gmail.com",
    "goikoetxeap@gmail.com",
    "xhaferi@gmail.com",
    "mifsudx@gmail.com",
    "qmifsud77@gmail.com",
    "brkljacic@gmail.com",
    "lghazalq@gmail.com",
    "pyykkonen@gmail.com",
    "cuauhtemoc@gmail.com",
    "w1aw@arrl.net",
    "dl3xyz@darc.de",
    "2e0abc@gmail.com",
    "vk3fabc@gmail.com",
    "cbr600rr@gmail.com",
    "rtx3080ti@gmail.com",
    "rlaalsrb@naver.com",
    "ghdrlfehd@hanmail.net",
    "wjddntjd12@nate.com",
    "mo7amad@gmail.com",
    "3omar@gmail.com",
    "om7md@gmail.com",
    "grnlntrn@gmail.com",
    "dada@gmail.com",
    "fafa@gmail.com",
    "sadaf@gmail.com",
    "asdas@gmail.com",
    "jajaj@gmail.com",
    "sdas@gmail.com",
    "aaas1956@yahoo.com",
    "x_x_x@web.de",
    "jb@jb.io",
    "kl@kl.de",
    "nan@acme.com",
    "toto@gmail.com",
    "123123@qq.com",
]


@pytest.mark.parametrize(("address", "rule"), BOTS)
def test_finds(facts: Facts, address: str, rule: str) -> None:
    verdict = judge(address, facts=facts)
    found = [
        hit.rule
        for hit in (verdict.finding, *verdict.also)
        if hit and hit.category is Category.BOT
    ]
    assert verdict.category is Category.BOT, verdict
    assert rule in found


@pytest.mark.parametrize("address", NOT_BOTS)
def test_lets_through(facts: Facts, address: str) -> None:
    verdict = judge(address, facts=facts)
    assert verdict.accepted, verdict.evidence


@pytest.mark.parametrize(
    ("address", "person"),
    [
        ("xkqzvwptgh@gmail.com", Person("Xkqzvwptgh")),
        ("SdFkJwErTy@gmail.com", Person("", "Sdfkjwerty")),
        ("plokijuhyg@yandex.ru", Person("", "Plokijuhyg")),
    ],
)
def test_their_own_name_speaks_for_a_person(
    facts: Facts, address: str, person: Person
) -> None:
    assert not judge(address, facts=facts).accepted
    assert judge(address, facts=facts, person=person).accepted


@pytest.mark.parametrize(
    "local",
    ["shop", "newsletter", "noreply", "info.qx7", "all", "bounce", "test", "asdasd"]
    + ["xkqzvwptgh", "jo"],
)
@pytest.mark.parametrize("domain", ["duck.com", "jo.anonaddy.com", "passmail.net"])
def test_before_a_mask_people_write_what_they_like(
    facts: Facts, local: str, domain: str
) -> None:
    verdict = judge(f"{local}@{domain}", facts=facts)
    assert (verdict.accepted, verdict.rule) == (True, "mask")


@pytest.mark.parametrize("local", ["rlaalsrb", "dhtpgns"])
def test_korean_keys_are_korean_at_korean_providers_only(
    facts: Facts, local: str
) -> None:
    assert judge(f"{local}@naver.com", facts=facts).accepted
    assert judge("xkqzvwptgh@naver.com", facts=facts).rule == "trigram"


def test_no_list_takes_a_university_for_throw_away_mail() -> None:
    sieve = read_sieve()
    schools = {"nus.edu.sg", "mit.edu", "mail.mit.edu", "ox.ac.uk", "ethz.ch"}
    # Anybody may have a name under these.
    sold = {"tmail.edu.rs", "email.edu.pl"}
    kept, _, dropped = sieve.sift(schools | sold)
    assert (kept, dropped) == (sold, schools)


def test_the_model_is_named_in_the_evidence(facts: Facts) -> None:
    verdict = judge("xkqzvwptgh@gmail.com", facts=facts)
    assert verdict.evidence.startswith("bot:trigram:llr=-")
    assert verdict.evidence.endswith(f":{facts.model.version}")


def test_without_a_model_the_other_rules_still_work() -> None:
    assert judge("xkqzvwptgh@gmail.com", facts=Facts()).accepted
    assert judge("plokijuhyg@gmail.com", facts=Facts()).rule == "mash"


def test_a_wide_list_does_what_the_policy_says_of_it() -> None:
    narrow = DomainList("narrow@1", frozenset({"trash.com"}))
    wide = DomainList("wide@1", frozenset({"burn.com", "trash.com"}), wide=True)
    facts = Facts(disposable=(narrow, wide))
    assert judge("jo@burn.com", facts=facts).accepted
    assert judge("jo@eu.trash.com", facts=facts).rule == "parent-domain"
    flag = Policy.from_json({"wide_disposable": "flag"})
    noted = judge("jo@burn.com", facts=facts, policy=flag)
    assert noted.accepted
    assert [hit.rule for hit in noted.also] == ["wide-domain"]
    on = Policy.from_json({"wide_disposable": "on"})
    verdict = judge("jo@eu.burn.com", facts=facts, policy=on)
    assert verdict.evidence == "disposable:wide-parent-domain:burn.com:wide@1"
    never = Policy.from_json(
        {"wide_disposable": "on", "categories": {"disposable": "flag"}}
    )
    assert judge("jo@burn.com", facts=facts, policy=never).accepted


@pytest.mark.parametrize(
    "address",
    [
        # A middle initial that goes badly with the names around it.
        "talhawqasif@web.de",
        "fiyazxprashad@gmail.com",
        # Letters first, or no digit behind them: initials and a date, a year, a size.
        "cb030744@gmail.com",
        "1985dad@gmail.com",
        "2e0abc@gmail.com",
        # What companies and schools give out.
        "0012a34@siemens.com",
        "17b81a0512@iittp.ac.in",
        "greatest.fan@gmail.com",
        "contest_winner@gmail.com",
        "1@2.nl",
        "smith@smith.com",
    ],
)
def test_people_beside_the_later_rules(facts: Facts, address: str) -> None:
    assert judge(address, facts=facts).accepted


def test_ms_test_gave_her_name(facts: Facts) -> None:
    person = Person("Zoe", "Test")
    assert judge("zoe.test@gmail.com", facts=facts, person=person).accepted
    assert not judge("zoe.test@gmail.com", facts=facts).accepted
