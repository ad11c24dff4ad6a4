"""The words of the person's six-month page, in each language it speaks.

French is written « facile à lire » : short sentences, everyday words. A language is added by adding its entry here:
the page offers it at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from referrals.models import FollowUpSituation

DEFAULT = "fr"

ANSWER_ICONS: dict[FollowUpSituation, str] = {
    FollowUpSituation.JOB: "briefcase",
    FollowUpSituation.TRAINING: "graduation-cap",
    FollowUpSituation.SEARCHING: "search",
    FollowUpSituation.HELP: "life-buoy",
}


@dataclass(frozen=True)
class Words:
    """Everything that the page says in one language; `name` is the language's own name."""

    name: str
    title: str
    intro: str
    answers: dict[str, str]
    call: str
    call_asked: str
    thanks: str
    your_answer: str
    change: str
    too_late: str
    nothing_chosen: str
    gone_title: str
    gone: str
    languages: str
    direction: str = "ltr"


WORDS: dict[str, Words] = {
    "fr": Words(
        name="Français",
        title="Où en êtes-vous aujourd’hui ?",
        intro="Il y a six mois, un accompagnement s’est terminé. Touchez la réponse qui vous ressemble.",
        answers={
            FollowUpSituation.JOB: "J’ai un emploi",
            FollowUpSituation.TRAINING: "Je suis en formation",
            FollowUpSituation.SEARCHING: "Je cherche encore",
            FollowUpSituation.HELP: "Autre, ou j’ai besoin d’aide",
        },
        call="Je veux être rappelé(e)",
        call_asked="C’est noté : on va vous rappeler.",
        thanks="Merci, votre réponse est enregistrée.",
        your_answer="Votre réponse",
        change="Vous pouvez changer votre réponse pendant 7 jours.",
        too_late="Votre réponse ne peut plus être changée. Merci de nous avoir répondu.",
        nothing_chosen="Touchez une des réponses.",
        gone_title="Ce lien ne marche plus",
        gone="Il est peut-être trop ancien. Vous n’avez rien à faire. "
        "Pour avoir de l’aide, appelez la personne qui vous accompagnait.",
        languages="Langue",
    ),
    "en": Words(
        name="English",
        title="How are you doing today?",
        intro="Six months ago, your support ended. Tap the answer that fits you.",
        answers={
            FollowUpSituation.JOB: "I have a job",
            FollowUpSituation.TRAINING: "I am in training",
            FollowUpSituation.SEARCHING: "I am still looking",
            FollowUpSituation.HELP: "Something else, or I need help",
        },
        call="I want someone to call me",
        call_asked="Noted: someone will call you.",
        thanks="Thank you, your answer is saved.",
        your_answer="Your answer",
        change="You can change your answer for 7 days.",
        too_late="Your answer can no longer be changed. Thank you for replying.",
        nothing_chosen="Tap one of the answers.",
        gone_title="This link no longer works",
        gone="It may be too old. You do not need to do anything. "
        "If you need help, call the person who was supporting you.",
        languages="Language",
    ),
    "ar": Words(
        name="العربية",
        title="كيف هو وضعك اليوم؟",
        intro="قبل ستة أشهر انتهت فترة مرافقتك. اضغط على الجواب الذي يناسبك.",
        answers={
            FollowUpSituation.JOB: "لديّ عمل",
            FollowUpSituation.TRAINING: "أنا في تدريب أو تكوين",
            FollowUpSituation.SEARCHING: "ما زلت أبحث",
            FollowUpSituation.HELP: "شيء آخر، أو أحتاج إلى مساعدة",
        },
        call="أريد أن يتصل بي أحد",
        call_asked="تم التسجيل: سيتصل بك أحد.",
        thanks="شكراً، تم حفظ جوابك.",
        your_answer="جوابك",
        change="يمكنك تغيير جوابك خلال 7 أيام.",
        too_late="لم يعد بالإمكان تغيير جوابك. شكراً على الرد.",
        nothing_chosen="اضغط على أحد الأجوبة.",
        gone_title="هذا الرابط لم يعد يعمل",
        gone="ربما أصبح قديماً. ليس عليك فعل أي شيء. إذا احتجت إلى مساعدة، اتصل بالشخص الذي كان يرافقك.",
        languages="اللغة",
        direction="rtl",
    ),
}


def language_of(asked: str, accepted: str) -> str:
    """The language to speak: the one asked for, else the first of the browser's that is known, else French."""
    if asked in WORDS:
        return asked
    for part in accepted.split(",")[:10]:
        code = part.split(";")[0].strip().lower().split("-")[0]
        if code in WORDS:
            return code
    return DEFAULT
