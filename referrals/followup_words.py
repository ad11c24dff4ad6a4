"""The words of the person's page and letter after an exit, in each language they speak.

French is written « facile à lire » : short sentences, everyday words; the others say the same as plainly. A language is
added by adding its entry here: the page and the letter offer it at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from referrals.models import FollowUpMonths, FollowUpSituation
from structures.text import plain

DEFAULT = "fr"

JOB, TRAINING = FollowUpSituation.JOB, FollowUpSituation.TRAINING
SEARCHING, HELP = FollowUpSituation.SEARCHING, FollowUpSituation.HELP
THREE, SIX = FollowUpMonths.THREE, FollowUpMonths.SIX

ANSWER_ICONS: dict[FollowUpSituation, str] = {
    JOB: "briefcase",
    TRAINING: "graduation-cap",
    SEARCHING: "search",
    HELP: "life-buoy",
}


@dataclass(frozen=True)
class Words:
    """Everything that the page and the letter say in one language; `name` is the language's own name.

    `french_names` are the words by which a French case worker notes it, without accents.
    """

    name: str
    french_names: tuple[str, ...]
    title: str
    intro: dict[int, str]
    tap: str
    answers: dict[str, str]
    call: str
    call_asked: str
    no_call: str
    thanks: str
    your_answer: str
    change: str
    too_late: str
    nothing_chosen: str
    gone_title: str
    gone: str
    gone_help: str
    languages: str
    letter: str
    letter_button: str
    direction: str = "ltr"


WORDS: dict[str, Words] = {
    "fr": Words(
        name="Français",
        french_names=("francais",),
        title="Où en êtes-vous aujourd’hui ?",
        intro={
            THREE: "Il y a trois mois, vous avez fini une action.",
            SIX: "Il y a six mois, vous avez fini une action.",
        },
        tap="Touchez la réponse qui vous ressemble.",
        answers={
            JOB: "J’ai un emploi",
            TRAINING: "Je suis en formation",
            SEARCHING: "Je cherche encore",
            HELP: "Autre, ou j’ai besoin d’aide",
        },
        call="Je veux être rappelé(e)",
        call_asked="C’est noté : on va vous rappeler.",
        no_call="Finalement, ne me rappelez pas",
        thanks="Merci, votre réponse est enregistrée.",
        your_answer="Votre réponse :",
        change="Vous pouvez changer votre réponse pendant 7 jours.",
        too_late="Votre réponse ne peut plus être changée. Merci de nous avoir répondu.",
        nothing_chosen="Touchez une des réponses.",
        gone_title="Ce lien ne marche plus",
        gone="Il est trop ancien, ou il en manque un bout. Cherchez un message plus récent.",
        gone_help="Pour avoir de l’aide, appelez la personne qui vous accompagnait, ou allez dans une maison "
        "France services.",
        languages="Langue",
        letter="Nous vous posons une seule question. Il faut une minute. "
        "Vous pouvez aussi demander qu’on vous rappelle.",
        letter_button="Répondre à la question",
    ),
    "ar": Words(
        name="العربية",
        french_names=("arabe",),
        title="كيف هو وضعك اليوم؟",
        intro={
            THREE: "قبل ثلاثة أشهر أنهيت برنامجاً.",
            SIX: "قبل ستة أشهر أنهيت برنامجاً.",
        },
        tap="اضغط على الجواب الذي يناسبك.",
        answers={
            JOB: "لديّ عمل",
            TRAINING: "أنا في تدريب أو تكوين",
            SEARCHING: "ما زلت أبحث",
            HELP: "شيء آخر، أو أحتاج إلى مساعدة",
        },
        call="أريد أن يتصل بي أحد",
        call_asked="تم التسجيل: سيتصل بك أحد.",
        no_call="لا داعي للاتصال بي",
        thanks="شكراً، تم حفظ جوابك.",
        your_answer="جوابك:",
        change="يمكنك تغيير جوابك خلال 7 أيام.",
        too_late="لم يعد بالإمكان تغيير جوابك. شكراً على الرد.",
        nothing_chosen="اضغط على أحد الأجوبة.",
        gone_title="هذا الرابط لم يعد يعمل",
        gone="الرابط قديم جداً أو غير كامل. ابحث عن رسالة أحدث.",
        gone_help="للمساعدة، اتصل بالشخص الذي كان يرافقك، أو اذهب إلى أحد مراكز France services.",
        languages="اللغة",
        letter="نطرح عليك سؤالاً واحداً فقط. يستغرق دقيقة واحدة. يمكنك أيضاً أن تطلب أن يتصل بك أحد.",
        letter_button="الإجابة عن السؤال",
        direction="rtl",
    ),
    "en": Words(
        name="English",
        french_names=("anglais",),
        title="How are things for you today?",
        intro={
            THREE: "Three months ago, you finished a programme.",
            SIX: "Six months ago, you finished a programme.",
        },
        tap="Tap the answer that fits you.",
        answers={
            JOB: "I have a job",
            TRAINING: "I am in training",
            SEARCHING: "I am still looking",
            HELP: "Something else, or I need help",
        },
        call="I want someone to call me",
        call_asked="Noted: someone will call you.",
        no_call="In the end, please do not call me",
        thanks="Thank you, your answer is saved.",
        your_answer="Your answer:",
        change="You can change your answer for 7 days.",
        too_late="Your answer can no longer be changed. Thank you for replying.",
        nothing_chosen="Tap one of the answers.",
        gone_title="This link no longer works",
        gone="It is too old, or a part of it is missing. Look for a newer message.",
        gone_help="If you need help, call the person who was supporting you, or go to a France services centre.",
        languages="Language",
        letter="We ask you one question only. It takes one minute. You can also ask for a call.",
        letter_button="Answer the question",
    ),
    "tr": Words(
        name="Türkçe",
        french_names=("turc", "turque"),
        title="Bugün durumunuz nasıl?",
        intro={
            THREE: "Üç ay önce bir programı bitirdiniz.",
            SIX: "Altı ay önce bir programı bitirdiniz.",
        },
        tap="Size uyan cevaba dokunun.",
        answers={
            JOB: "Bir işim var",
            TRAINING: "Eğitim alıyorum",
            SEARCHING: "Hâlâ arıyorum",
            HELP: "Başka bir durum ya da yardıma ihtiyacım var",
        },
        call="Beni aramanızı istiyorum",
        call_asked="Not edildi: sizi arayacağız.",
        no_call="Vazgeçtim, beni aramayın",
        thanks="Teşekkürler, cevabınız kaydedildi.",
        your_answer="Cevabınız:",
        change="Cevabınızı 7 gün boyunca değiştirebilirsiniz.",
        too_late="Cevabınız artık değiştirilemez. Cevap verdiğiniz için teşekkürler.",
        nothing_chosen="Cevaplardan birine dokunun.",
        gone_title="Bu bağlantı artık çalışmıyor",
        gone="Çok eski ya da bir parçası eksik. Daha yeni bir mesaj arayın.",
        gone_help="Yardım için size eşlik eden kişiyi arayın ya da bir France services merkezine gidin.",
        languages="Dil",
        letter="Size tek bir soru soruyoruz. Bir dakika sürer. Sizi aramamızı da isteyebilirsiniz.",
        letter_button="Soruyu cevapla",
    ),
    "uk": Words(
        name="Українська",
        french_names=("ukrainien", "ukrainienne"),
        title="Як ваші справи сьогодні?",
        intro={
            THREE: "Три місяці тому ви закінчили програму.",
            SIX: "Шість місяців тому ви закінчили програму.",
        },
        tap="Натисніть відповідь, яка вам підходить.",
        answers={
            JOB: "Я маю роботу",
            TRAINING: "Я навчаюся",
            SEARCHING: "Я ще шукаю",
            HELP: "Інше, або мені потрібна допомога",
        },
        call="Я хочу, щоб мені зателефонували",
        call_asked="Записано: вам зателефонують.",
        no_call="Не треба мені телефонувати",
        thanks="Дякуємо, вашу відповідь збережено.",
        your_answer="Ваша відповідь:",
        change="Ви можете змінити відповідь протягом 7 днів.",
        too_late="Відповідь уже не можна змінити. Дякуємо, що відповіли.",
        nothing_chosen="Натисніть одну з відповідей.",
        gone_title="Це посилання більше не працює",
        gone="Воно застаре або неповне. Пошукайте новіше повідомлення.",
        gone_help="Якщо потрібна допомога, зателефонуйте людині, яка вас супроводжувала, або зайдіть до центру "
        "France services.",
        languages="Мова",
        letter="Ми ставимо вам лише одне запитання. Це займе одну хвилину. "
        "Ви також можете попросити, щоб вам зателефонували.",
        letter_button="Відповісти на запитання",
    ),
    "ru": Words(
        name="Русский",
        french_names=("russe",),
        title="Как у вас дела сегодня?",
        intro={
            THREE: "Три месяца назад вы закончили программу.",
            SIX: "Шесть месяцев назад вы закончили программу.",
        },
        tap="Нажмите ответ, который вам подходит.",
        answers={
            JOB: "У меня есть работа",
            TRAINING: "Я учусь",
            SEARCHING: "Я ещё ищу",
            HELP: "Другое, или мне нужна помощь",
        },
        call="Я хочу, чтобы мне позвонили",
        call_asked="Записано: вам позвонят.",
        no_call="Не нужно мне звонить",
        thanks="Спасибо, ваш ответ сохранён.",
        your_answer="Ваш ответ:",
        change="Вы можете изменить ответ в течение 7 дней.",
        too_late="Ответ уже нельзя изменить. Спасибо, что ответили.",
        nothing_chosen="Нажмите один из ответов.",
        gone_title="Эта ссылка больше не работает",
        gone="Она слишком старая или неполная. Поищите более новое сообщение.",
        gone_help="Если нужна помощь, позвоните человеку, который вас сопровождал, или зайдите в центр "
        "France services.",
        languages="Язык",
        letter="Мы задаём вам только один вопрос. Это займёт одну минуту. "
        "Вы также можете попросить, чтобы вам позвонили.",
        letter_button="Ответить на вопрос",
    ),
    "pt": Words(
        name="Português",
        french_names=("portugais", "portugaise", "bresilien", "bresilienne"),
        title="Como está a sua situação hoje?",
        intro={
            THREE: "Há três meses, terminou um programa.",
            SIX: "Há seis meses, terminou um programa.",
        },
        tap="Toque na resposta que lhe corresponde.",
        answers={
            JOB: "Tenho um emprego",
            TRAINING: "Estou em formação",
            SEARCHING: "Ainda estou à procura",
            HELP: "Outra situação, ou preciso de ajuda",
        },
        call="Quero que me telefonem",
        call_asked="Está anotado: vamos telefonar-lhe.",
        no_call="Afinal, não me telefonem",
        thanks="Obrigado, a sua resposta foi guardada.",
        your_answer="A sua resposta:",
        change="Pode mudar a sua resposta durante 7 dias.",
        too_late="Já não é possível mudar a sua resposta. Obrigado por ter respondido.",
        nothing_chosen="Toque numa das respostas.",
        gone_title="Este link já não funciona",
        gone="É demasiado antigo, ou falta uma parte. Procure uma mensagem mais recente.",
        gone_help="Se precisar de ajuda, telefone à pessoa que o(a) acompanhava, ou vá a um centro France services.",
        languages="Língua",
        letter="Fazemos-lhe uma única pergunta. Demora um minuto. Também pode pedir que lhe telefonem.",
        letter_button="Responder à pergunta",
    ),
    "es": Words(
        name="Español",
        french_names=("espagnol", "espagnole"),
        title="¿Cómo está su situación hoy?",
        intro={
            THREE: "Hace tres meses, usted terminó un programa.",
            SIX: "Hace seis meses, usted terminó un programa.",
        },
        tap="Toque la respuesta que le corresponde.",
        answers={
            JOB: "Tengo un empleo",
            TRAINING: "Estoy en formación",
            SEARCHING: "Sigo buscando",
            HELP: "Otra situación, o necesito ayuda",
        },
        call="Quiero que me llamen",
        call_asked="Anotado: le vamos a llamar.",
        no_call="Al final, no me llamen",
        thanks="Gracias, su respuesta está guardada.",
        your_answer="Su respuesta:",
        change="Puede cambiar su respuesta durante 7 días.",
        too_late="Ya no se puede cambiar su respuesta. Gracias por responder.",
        nothing_chosen="Toque una de las respuestas.",
        gone_title="Este enlace ya no funciona",
        gone="Es demasiado antiguo, o le falta una parte. Busque un mensaje más reciente.",
        gone_help="Si necesita ayuda, llame a la persona que le acompañaba, o vaya a un centro France services.",
        languages="Idioma",
        letter="Le hacemos una sola pregunta. Lleva un minuto. También puede pedir que le llamen.",
        letter_button="Responder a la pregunta",
    ),
}

CODE_OF = {name: code for code, words in WORDS.items() for name in words.french_names}


def language_of(asked: str, accepted: str) -> str:
    """The language to speak: the one asked for, else the first of the browser's that is known, else French."""
    if asked in WORDS:
        return asked
    for part in accepted.split(",")[:10]:
        code = part.split(";")[0].strip().lower().split("-")[0]
        if code in WORDS:
            return code
    return DEFAULT


def language_spoken(noted: str) -> str:
    """The language in which to write, from the words noted (« arabe dialectal »); French when it is not known."""
    found = (CODE_OF[word] for word in re.findall(r"\w+", plain(noted)) if word in CODE_OF)
    return next(found, DEFAULT)
