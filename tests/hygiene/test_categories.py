"""One row per thing a rule must see: (address, category, rule)."""

from __future__ import annotations

import pytest

from hygiene.case import Facts
from hygiene.judge import judge

SYNTAX = [
    ("", "empty"),
    ("   ", "empty"),
    ("jo", "no-at"),
    ("jo.example.com", "no-at"),
    ("@example.com", "no-local"),
    ("jo@", "no-domain"),
    ("jo@acme", "no-dot"),
    ("jo@@acme.com", "many-at"),
    ("jo@home@acme.com", "many-at"),
    ("jo smith@acme.com", "space"),
    ("jo@ac me.com", "space"),
    (".jo@acme.com", "local-dots"),
    ("jo.@acme.com", "local-dots"),
    ("jo..smith@acme.com", "local-dots"),
    ("jo@.acme.com", "domain-dots"),
    ("jo@acme..com", "domain-dots"),
    ("jo@acme.com.", "domain-dots"),
    ("jo@-acme.com", "domain-hyphen"),
    ("jo@acme-.com", "domain-hyphen"),
    ("jo@acme.123", "numeric-ending"),
    ("jo@127.0.0.1", "numeric-ending"),
    ("jo@[127.0.0.1]", "ip-literal"),
    ("jo@[IPv6:::1]", "ip-literal"),
    ('"jo smith"@acme.com', "quoted-local"),
    ("Jo Smith <jo@acme.com>", "display-name"),
    ("jo(home)@acme.com", "local-character"),
    ("mailto:jo@acme.com", "local-character"),
    ("jo,ann@acme.com", "local-character"),
    ("a" * 65 + "@acme.com", "local-too-long"),
    ("jo@" + "a" * 64 + ".com", "label-too-long"),
    ("jo@" + "a." * 150 + "com", "too-long"),
    ("jo@ac_me.com", "characters"),
    ("jo@ab--cd.com", "domain-name"),
    ("jo\x00@acme.com", "control-character"),
    ("jo@acme.com\n", "control-character"),
    ("jo@acme.com\r\nBcc: x@y.z", "control-character"),
    ("jo\ud800@acme.com", "control-character"),
    ("jo@acme.com\udcff", "control-character"),
]

BOT = [
    ("jo@acme.test", "reserved-domain"),
    ("jo@acme.invalid", "reserved-domain"),
    ("jo@localhost", "reserved-domain"),
    ("jo@printer.local", "reserved-domain"),
    ("jo@hidden.onion", "reserved-domain"),
    ("jürgen@firma.test", "reserved-domain"),
    ("jo@example.com", "placeholder-domain"),
    ("jo@mail.example.org", "placeholder-domain"),
    ("jo@yourdomain.com", "placeholder-domain"),
    ("jo@acme.zzzzq", "no-such-tld"),
    ("test@gmail.com", "fake-local"),
    ("test123@gmail.com", "fake-local"),
    ("no.email@acme.com", "fake-local"),
    ("aa@aa.net", "mirrored"),
    ("sdf@sdf.co.uk", "mirrored"),
    ("asdfgh@gmail.com", "mash"),
    ("qweasdzxc@acme.com", "mash"),
    ("sdfsdfsdf@gmail.com", "mash"),
    ("aaaaaa@gmail.com", "mash"),
    ("123456789@gmail.com", "mash"),
    ("jo@sdfsdfsdf.com", "mash-domain"),
    ("j.o.h.n.s.m.i.th@gmail.com", "dot-stuffed"),
    ("5f4dcc3b5aa765d61d8327deb882cf99@acme.com", "hex"),
    ("123e4567-e89b-12d3-a456-426614174000@acme.com", "hex"),
    ("k7x2m9q4@acme.com", "alternating"),
    ("xkqzvwptgh@gmail.com", "trigram"),
    ("bvcxdfghrtq@acme.com", "trigram"),
]

TRANSACTIONAL = [
    ("abc123@marketplace.amazon.co.uk", "relay-host"),
    ("shop@marketplace.com", "relay-host"),
    ("buyer_1@members.ebay.com", "relay-host"),
    ("x-1@eu-west-1.amazonses.com", "relay-host"),
    ("1234+jo@users.noreply.github.com", "relay-host"),
    ("jo@bounces.acme.com", "relay-label"),
    ("jo@notifications.acme.co.uk", "relay-label"),
    ("srs0=hhh=tt=acme.com=jo@forward.net", "srs"),
    ("SRS1=abc=acme.com==hhh=tt=x.org=jo@forward.net", "srs"),
    ("prvs=1234abcdef=jo@acme.com", "batv"),
    ("bounces+jo=acme.com@sender.net", "verp"),
    ("bounce-12345_html@acme.com", "bounce"),
    ("noreply@acme.com", "no-reply"),
    ("no-reply@acme.com", "no-reply"),
    ("No_Reply2@acme.com", "no-reply"),
    ("do.not.reply@acme.com", "no-reply"),
    ("orders-noreply@acme.com", "no-reply"),
    ("noreply-billing@acme.com", "no-reply"),
    ("ne-pas-repondre@acme.fr", "no-reply"),
    ("nicht-antworten@firma.de", "no-reply"),
    ("mailer-daemon@acme.com", "no-reply"),
    ("notifications@acme.com", "system-sender"),
    ("order-confirmation@acme.com", "system-sender"),
    ("auto-confirm@amazon.com", "system-sender"),
    ("jo@marketplace.acme.com", "relay-label"),
    ("jo@eu.bounces.acme.com", "relay-label"),
    ("support@acme.zendesk.com", "relay-host"),
    ("x@gens.craigslist.org", "relay-host"),
    ("nao-responda@empresa.com.br", "no-reply"),
    ("geen-antwoord@winkel.nl", "no-reply"),
    ("svar-ikke@butikk.no", "no-reply"),
    ("ei-vastausta@kauppa.fi", "no-reply"),
    ("yanitlamayin@firma.com.tr", "no-reply"),
    ("neodpovidejte@obchod.cz", "no-reply"),
    ("nie-odpowiadaj@sklep.pl", "no-reply"),
    ("price-alerts@acme.com", "system-sender"),
    ("notifications.eu@acme.com", "system-sender"),
    ("bestellbestaetigung@firma.de", "system-sender"),
    ("cron@acme.com", "system-sender"),
    ("reply+4f8a1c77b2@acme.com", "bounce"),
    ("ticket+12345@acme.com", "bounce"),
    ("unsubscribe-9f21ab@acme.com", "bounce"),
    ("owner-news+m18986-138@acme.com", "bounce"),
    ("list-bounces@acme.com", "bounce"),
    ("jo+caf_=jo=acme.com@forward.net", "verp"),
    ("jo=acme.com@forward.net", "verp"),
    ("jo_acme.com#EXT#@forward.net", "verp"),
    ("imceaex-_o=acme_ou=exchange@acme.com", "bounce"),
    ("0100018f1a2b3c4d-1a2b3c4d-1a2b-3c4d-5e6f-1a2b3c4d5e6f-000000@acme.com", "bounce"),
    ("chess+bncbdzt4l5xuhqq@acme.com", "bounce"),
    ("news-return-77@acme.com", "bounce"),
    ("sentto-123-456-jo@acme.com", "bounce"),
    ("rp-1234abc@acme.com", "bounce"),
    ("billing+98765@acme.com", "bounce"),
    ("order-12345@acme.com", "bounce"),
    ("bounce-eu@acme.com", "bounce"),
    ("hardbounces@acme.com", "system-sender"),
    ("mailer-errors@acme.com", "system-sender"),
    ("acme-noreply-uk@acme.com", "system-sender"),
    ("fraud.alert@acme.com", "system-sender"),
    ("shipping-updates@acme.com", "system-sender"),
    ("shop-noreply@acme.com", "no-reply"),
    ("aravasta@firma.ee", "no-reply"),
    ("senza-risposta@ditta.it", "no-reply"),
    ("neotgovaryaite@firma.bg", "no-reply"),
    ("ne-pas-répondre@acme.fr", "system-sender"),
    ("não-responda@empresa.com.br", "system-sender"),
    ("älä-vastaa@kauppa.fi", "system-sender"),
    ("nereagujte@obchod.cz", "no-reply"),
    ("не-отвечать@фирма.рф", "no-reply"),
    ("请勿回复@acme.cn", "no-reply"),
    ("返信不可@kaisha.co.jp", "no-reply"),
    ("발신전용@acme.co.kr", "no-reply"),
    ("уведомления@acme.ru", "system-sender"),
    ("leave-12ab34-9f3e21@acme.com", "bounce"),
    ("room_4a5b6c7d8e9f@upwork.com", "bounce"),
    ("k7x2m9q4w@acme.slack.com", "relay-host"),
    ("add.task.9z98cy96979zb987@todoist.net", "relay-host"),
    ("trn2j3ozug2gcd0f@customer.otto.market", "relay-host"),
    ("bounces+1-jo=acme.com@em1234.acme.com", "relay-label"),
    ("jo@sandbox56e378644bdd6bcd7e67772d881df96f.acme.com", "relay-label"),
]

BROADCAST = [
    ("chess-club@googlegroups.com", "group-host"),
    ("jo@neighbours.groups.io", "group-host"),
    ("python@lists.acme.org", "list-label"),
    ("students@listserv.uni.edu", "list-label"),
    ("all@acme.com", "everyone"),
    ("everyone@acme.com", "everyone"),
    ("all-staff@acme.com", "everyone"),
    ("AllStaff@acme.com", "everyone"),
    ("newsletter@acme.com", "everyone"),
    ("todos@empresa.es", "everyone"),
    ("astro-l@uni.edu", "list-tail"),
    ("python-announce@acme.org", "list-tail"),
    ("staff.all@acme.com", "everyone"),
    ("berlin_everyone@acme.com", "everyone"),
    ("marketingall@acme.com", "everyone"),
    ("allacme@acme.com", "everyone"),
    ("physics_dl@acme.com", "list-tail"),
    ("physics.announce@acme.com", "list-tail"),
    ("all.winnipeg@acme.com", "list-head"),
    ("dl-finance@acme.com", "list-head"),
    ("dl-cardiology@acme.com", "list-head"),
    ("dl.finance@acme.com", "list-head"),
    ("dev@spark.apache.org", "group-host"),
    ("x@python.lists.acme.org", "list-label"),
    ("allmanagers@acme.com", "everyone"),
    ("berlinlist@acme.com", "everyone"),
    ("staff@acme.com", "everyone"),
    ("iedereen@bedrijf.nl", "everyone"),
    ("wszyscy@firma.pl", "everyone"),
    ("herkes@firma.com.tr", "everyone"),
    ("kaikki@yritys.fi", "everyone"),
    ("verteiler@firma.de", "everyone"),
    ("python-dev@acme.org", "list-tail"),
    ("history-l@uni.edu", "list-tail"),
    ("python-request@acme.org", "list-tail"),
    ("soccer-parents@acme.org", "list-tail"),
    ("owner-linux@acme.org", "list-head"),
    ("chess@lists2.acme.org", "list-label"),
    ("class98@alumni-lists.acme.edu", "list-label"),
    ("jo@ml.acme.co.jp", "list-label"),
    ("mba2024list@acme.com", "everyone"),
    ("cardiologylist@acme.com", "everyone"),
    ("hrlist@acme.com", "everyone"),
    ("alle-studenten@uni.nl", "everyone"),
    ("vsizaposleni@firma.si", "everyone"),
    ("visidarbuotojai@firma.lt", "everyone"),
    ("docentes-todos@escuela.es", "list-tail"),
    ("personal.todos@empresa.es", "list-tail"),
    ("l-marketing@acme.com", "list-head"),
    ("group-cardiology@acme.com", "list-head"),
    ("jazz-news@acme.com", "list-tail"),
    ("residents@acme.com", "everyone"),
    ("ournewsletter@acme.com", "everyone"),
    ("infoverteiler@firma.de", "everyone"),
    ("year3parents@school.org", "everyone"),
    ("class-of-2030-parents@school.org", "everyone"),
    ("dlmarketing@acme.com", "everyone"),
    ("svi@firma.hr", "everyone"),
    ("рассылка@фирма.рф", "everyone"),
    ("全体员工@acme.cn", "everyone"),
    ("όλοι@etairia.gr", "everyone"),
    ("users-all-emea@acme.com", "list-head"),
    ("help-bash@gnu.org", "list-head"),
    ("join-astronomy@acme.org", "list-head"),
    ("users-request@acme.org", "list-tail"),
    ("chess-confirm@acme.org", "list-tail"),
    ("jo@ml.acme.com", "list-label"),
    ("undisclosed-recipients@acme.com", "everyone"),
]

ROLE = [
    ("admin@acme.com", "exact"),
    ("support@acme.com", "exact"),
    ("sales@acme.com", "exact"),
    ("office@acme.com", "exact"),
    ("marketing@acme.com", "exact"),
    ("Info@acme.com", "exact"),
    ("info+web@acme.com", "exact"),
    ("customer-service@acme.com", "exact"),
    ("customer_service@acme.com", "exact"),
    ("vertrieb@firma.de", "exact"),
    ("comptabilite@acme.fr", "exact"),
    ("ventas@empresa.es", "exact"),
    ("postmaster@acme.com", "exact"),
    ("support@gmail.com", "exact"),
    ("info2024@gmail.com", "numbered"),
    ("billing1@acme.com", "numbered"),
    ("sales-uk@acme.com", "compound"),
    ("info.paris@acme.com", "compound"),
    ("support_team_emea@acme.com", "compound"),
    ("soporte@empresa.es", "exact"),
    ("sellersupport@acme.com", "glued"),
    ("salesemea@acme.com", "glued"),
    ("director@acme.com", "soft"),
    ("chancellor@acme.com", "soft"),
    ("berlin@acme.com", "soft"),
    ("facebook@acme.com", "soft"),
    ("büro@firma.de", "exact"),
    ("comptabilité@acme.fr", "exact"),
    ("información@empresa.es", "exact"),
    ("cskh@congty.vn", "exact"),
    ("toiawase@kaisha.co.jp", "exact"),
    ("obsluga.klienta@firma.pl", "exact"),
    ("insan.kaynaklari@firma.com.tr", "exact"),
    ("info.castrop@acme.de", "compound"),
    ("info.acme@gmail.com", "compound"),
    ("head-of-sales@acme.com", "compound"),
    ("vertrieb-nord@firma.de", "compound"),
    ("thesalesteam@acme.com", "glued"),
    ("acme-support@acme.com", "compound"),
    ("infoacme@acme.com", "glued"),
    ("support+id12345@acme.com", "exact"),
    ("sales+uk2024@acme.com", "exact"),
    ("info-request@acme.org", "compound"),
    ("join-our-team@acme.com", "exact"),
    ("auskunft@firma.de", "exact"),
    ("užsakymai@imone.lt", "exact"),
    ("отдел-продаж@фирма.рф", "exact"),
    ("поддержка@gmail.com", "exact"),
    ("підтримка@фірма.укр", "exact"),
    ("поръчки@фирма.бг", "exact"),
    ("инфо-казань@фирма.рф", "compound"),
    ("销售@例子.中国", "exact"),
    ("客服团队@例子.中国", "exact"),
    ("銷售部@例子.台灣", "exact"),
    ("お問い合わせ@kaisha.co.jp", "exact"),
    ("営業チーム@kaisha.co.jp", "exact"),
    ("고객센터@hoesa.co.kr", "exact"),
    ("επικοινωνία@etairia.gr", "exact"),
    ("المبيعات@acme.ae", "exact"),
    ("מכירות@acme.co.il", "exact"),
    ("ฝ่ายขาย@acme.co.th", "exact"),
    ("संपर्क@acme.in", "exact"),
    ("acmesales@acme.co.uk", "glued"),
]

DISPOSABLE = [
    ("jo@mailinator.com", "domain"),
    ("jo@MAILINATOR.com", "domain"),
    ("jo@guerrillamail.com", "domain"),
    ("jo@yopmail.com", "domain"),
    ("jo@inbox.mailinator.com", "parent-domain"),
    ("jo@a.b.c.yopmail.com", "parent-domain"),
]

ROWS = [
    (category, *row)
    for category, rows in (
        ("syntax", SYNTAX),
        ("bot", BOT),
        ("transactional", TRANSACTIONAL),
        ("broadcast", BROADCAST),
        ("role", ROLE),
        ("disposable", DISPOSABLE),
    )
    for row in rows
]


@pytest.mark.parametrize(("category", "address", "rule"), ROWS)
def test_rejects(facts: Facts, category: str, address: str, rule: str) -> None:
    verdict = judge(address, facts=facts)
    assert (verdict.category, verdict.rule) == (category, rule), verdict
    assert not verdict.accepted


def test_evidence_names_the_list_and_its_version(facts: Facts) -> None:
    verdict = judge("jo@x.mailinator.com", facts=facts)
    name, _, version = verdict.finding.source.partition("@")
    assert name == "disposable-email-domains"
    assert verdict.evidence == (
        f"disposable:parent-domain:mailinator.com:{name}@{version}"
    )
    assert version[0].isdigit()


def test_a_family_name_is_believed_of_the_first_list_only(facts: Facts) -> None:
    precise, broad = facts.disposable[:2]
    assert "smith.com" in broad.domains
    assert "smith.com" not in precise.domains
    assert judge("jo@smith.com", facts=facts).accepted
    assert not judge("jo@schmid.cf", facts=facts).accepted


def test_a_breadth_only_domain_names_the_other_list(facts: Facts) -> None:
    precise, broad = facts.disposable
    domain = "spamgourmet.com"
    assert domain not in precise.domains
    assert judge(f"jo@{domain}", facts=facts).finding.source == broad.source


def test_later_hits_are_kept(facts: Facts) -> None:
    verdict = judge("noreply@mailinator.com", facts=facts)
    assert verdict.category == "transactional"
    assert [hit.category for hit in verdict.also] == ["disposable"]


def test_unparseable_beats_reserved(facts: Facts) -> None:
    assert judge("jo..x@acme.test", facts=facts).category == "syntax"
    assert judge("jo@a..test", facts=facts).category == "syntax"
