"""What the confirmation mail and its page say, language by language.

``{account}`` is the account's name. Nothing here, and nothing a team writes in its
place, can hold what a visitor typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """``subject`` to ``thanks`` may be worded by the team, the rest is ours."""

    label: str
    subject: str
    body: str
    button: str
    thanks: str
    reminder: str
    ignore: str
    link: str
    expires: str
    page_title: str
    page_text: str
    thanks_title: str
    already: str
    expired_title: str
    expired_text: str
    again: str
    sent_title: str
    sent_text: str
    limited: str
    unknown_title: str
    unknown_text: str


LANGUAGES: dict[str, Words] = {
    "en": Words(
        label="English",
        subject="Please confirm your signup",
        body="Somebody, we hope you, signed up with this address for mail from "
        "{account}.\n\nOne click, and you are on the list. Without it we send nothing.",
        button="Yes, sign me up",
        thanks="Your signup is confirmed. You can close this page.",
        reminder="Reminder: ",
        ignore="This was not you? Then do nothing: you get no further mail.",
        link="Or open this address:",
        expires="The link works for {days} days.",
        page_title="One tap and you are done",
        page_text="Please confirm that you want mail from {account}.",
        thanks_title="Thank you",
        already="You confirmed this before. There is nothing left to do.",
        expired_title="This link is too old",
        expired_text="We can send you a new one to the same address.",
        again="Send me a new link",
        sent_title="Look into your inbox",
        sent_text="A new link is on its way.",
        limited="There were several of these mails lately. Please use the newest one, "
        "or try again tomorrow.",
        unknown_title="We do not know this link",
        unknown_text="Perhaps it was not copied in full. Please click it in the mail.",
    ),
    "de": Words(
        label="Deutsch",
        subject="Bitte bestätige deine Anmeldung",
        body="Jemand, hoffentlich du, hat sich mit dieser Adresse für E-Mails von "
        "{account} angemeldet.\n\nEin Klick, und du bist dabei. Ohne ihn schicken wir "
        "nichts.",
        button="Ja, ich bin dabei",
        thanks="Deine Anmeldung ist bestätigt. Du kannst diese Seite schließen.",
        reminder="Erinnerung: ",
        ignore="Das warst nicht du? Dann tu nichts: Du bekommst keine weitere E-Mail.",
        link="Oder öffne diese Adresse:",
        expires="Der Link gilt {days} Tage.",
        page_title="Noch ein Tippen, dann ist es geschafft",
        page_text="Bitte bestätige, dass du E-Mails von {account} möchtest.",
        thanks_title="Danke",
        already="Das hast du schon bestätigt. Es ist nichts mehr zu tun.",
        expired_title="Dieser Link ist zu alt",
        expired_text="Wir können dir einen neuen an dieselbe Adresse schicken.",
        again="Schickt mir einen neuen Link",
        sent_title="Schau in dein Postfach",
        sent_text="Ein neuer Link ist unterwegs.",
        limited="Zuletzt gingen mehrere solche E-Mails hinaus. Bitte nimm die neueste "
        "oder versuche es morgen noch einmal.",
        unknown_title="Diesen Link kennen wir nicht",
        unknown_text="Vielleicht fehlt ein Stück. Bitte klicke ihn in der E-Mail an.",
    ),
    "fr": Words(
        label="Français",
        subject="Merci de confirmer votre inscription",
        body="Quelqu’un, vous sans doute, a inscrit cette adresse pour recevoir les "
        "e-mails de {account}.\n\nUn clic suffit. Sans lui, nous n’enverrons rien.",
        button="Oui, je m’inscris",
        thanks="Votre inscription est confirmée. Vous pouvez fermer cette page.",
        reminder="Rappel : ",
        ignore="Ce n’était pas vous ? Ne faites rien : vous ne recevrez plus d’e-mail.",
        link="Ou ouvrez cette adresse :",
        expires="Le lien est valable {days} jours.",
        page_title="Encore un geste et c’est fait",
        page_text="Merci de confirmer que vous souhaitez les e-mails de {account}.",
        thanks_title="Merci",
        already="Vous avez déjà confirmé. Il ne reste rien à faire.",
        expired_title="Ce lien est trop ancien",
        expired_text="Nous pouvons vous en envoyer un nouveau à la même adresse.",
        again="Envoyez-moi un nouveau lien",
        sent_title="Regardez dans votre boîte",
        sent_text="Un nouveau lien est en route.",
        limited="Plusieurs de ces e-mails sont déjà partis. Prenez le plus récent ou "
        "réessayez demain.",
        unknown_title="Nous ne connaissons pas ce lien",
        unknown_text="Il est peut-être incomplet. Cliquez dessus dans l’e-mail.",
    ),
    "es": Words(
        label="Español",
        subject="Confirma tu suscripción",
        body="Alguien, esperamos que tú, se ha apuntado con esta dirección a los "
        "correos de {account}.\n\nUn clic y ya está. Sin él no enviaremos nada.",
        button="Sí, quiero apuntarme",
        thanks="Tu suscripción está confirmada. Puedes cerrar esta página.",
        reminder="Recordatorio: ",
        ignore="¿No has sido tú? No hagas nada: no recibirás más correos.",
        link="O abre esta dirección:",
        expires="El enlace vale {days} días.",
        page_title="Un toque más y listo",
        page_text="Confirma que quieres recibir los correos de {account}.",
        thanks_title="Gracias",
        already="Ya lo habías confirmado. No queda nada por hacer.",
        expired_title="Este enlace ha caducado",
        expired_text="Podemos enviarte uno nuevo a la misma dirección.",
        again="Enviadme un enlace nuevo",
        sent_title="Mira tu bandeja de entrada",
        sent_text="Un enlace nuevo está en camino.",
        limited="Ya hemos enviado varios de estos correos. Usa el más reciente o "
        "inténtalo mañana.",
        unknown_title="No conocemos este enlace",
        unknown_text="Quizá esté incompleto. Haz clic en él en el correo.",
    ),
    "nl": Words(
        label="Nederlands",
        subject="Bevestig je aanmelding",
        body="Iemand, hopelijk jij, heeft zich met dit adres aangemeld voor e-mail van "
        "{account}.\n\nEén klik en je staat op de lijst. Zonder klik sturen we niets.",
        button="Ja, meld me aan",
        thanks="Je aanmelding is bevestigd. Je kunt deze pagina sluiten.",
        reminder="Herinnering: ",
        ignore="Was jij dit niet? Doe dan niets: je krijgt verder geen e-mail.",
        link="Of open dit adres:",
        expires="De link werkt {days} dagen.",
        page_title="Nog één tik en het is klaar",
        page_text="Bevestig dat je e-mail van {account} wilt.",
        thanks_title="Bedankt",
        already="Je hebt dit al bevestigd. Er is niets meer te doen.",
        expired_title="Deze link is te oud",
        expired_text="We kunnen een nieuwe naar hetzelfde adres sturen.",
        again="Stuur me een nieuwe link",
        sent_title="Kijk in je inbox",
        sent_text="Er is een nieuwe link onderweg.",
        limited="Er zijn al een paar van deze mails verstuurd. Gebruik de nieuwste of "
        "probeer het morgen opnieuw.",
        unknown_title="Deze link kennen we niet",
        unknown_text="Misschien mist er een stuk. Klik erop in de e-mail.",
    ),
    "it": Words(
        label="Italiano",
        subject="Conferma la tua iscrizione",
        body="Qualcuno, speriamo tu, ha iscritto questo indirizzo alle e-mail di "
        "{account}.\n\nBasta un clic. Senza, non invieremo nulla.",
        button="Sì, mi iscrivo",
        thanks="La tua iscrizione è confermata. Puoi chiudere questa pagina.",
        reminder="Promemoria: ",
        ignore="Non sei stato tu? Non fare nulla: non riceverai altre e-mail.",
        link="Oppure apri questo indirizzo:",
        expires="Il link vale {days} giorni.",
        page_title="Ancora un tocco e hai finito",
        page_text="Conferma che vuoi ricevere le e-mail di {account}.",
        thanks_title="Grazie",
        already="Hai già confermato. Non resta altro da fare.",
        expired_title="Questo link è scaduto",
        expired_text="Possiamo inviartene uno nuovo allo stesso indirizzo.",
        again="Inviatemi un nuovo link",
        sent_title="Guarda nella tua posta",
        sent_text="Un nuovo link è in arrivo.",
        limited="Abbiamo già inviato alcune di queste e-mail. Usa la più recente o "
        "riprova domani.",
        unknown_title="Non conosciamo questo link",
        unknown_text="Forse è incompleto. Fai clic nella e-mail.",
    ),
}


def known(tag: object) -> str:
    """The language of a tag such as ``de-AT``, or "" where we have no words for it."""
    if not isinstance(tag, str):
        return ""
    head = tag.strip().replace("_", "-").partition("-")[0].lower()
    return head if head in LANGUAGES else ""


def accepted(header: str) -> str:
    """The best-liked language of an Accept-Language header that we have, or ""."""
    liked: list[tuple[float, int, str]] = []
    for place, part in enumerate(header[:500].split(",")):
        tag, _, weight = part.partition(";")
        try:
            q = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        if (language := known(tag)) and 0 < q <= 1:
            liked.append((-q, place, language))
    return min(liked)[2] if liked else ""


def chosen(fields: Mapping[str, Any], liked: object, usual: str) -> str:
    """A signup's language: what it says, what its browser liked, what is usual."""
    said = known(fields.get("language")) or known(fields.get("locale"))
    return said or known(liked) or usual
