"""Made-up names in many scripts, and pseudo-random numbers that depend on the person alone."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


#: Given names, middle words (or none) and family names for each script. Nobody real is meant.
SCRIPTS: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (
        _words(
            "Mara Tomas Ines Jonas Freya Luca Nora Emil Clara Hugo Alma Oscar Vera Anton Ida Felix"
            " Greta Paul Lena Otto Maja Theo Elsa Bruno Tilda Arvid Sanna Milan Rosa Viktor"
        ),
        ("", "", "van", "de", "Maria", "Lou", "Jean", "Sol"),
        _words(
            "Lindqvist Weber Novák Moreau Silva Jansen Costa Berg Fischer Dubois Nowak Rossi Horvat"
            " Keller Santos Lund Marek Bauer Øster Peeters Garnier Hallström Vidal Krüger"
        ),
    ),
    (
        _words("Adaeze Oluwaseun Chidi Amina Kwame Zola Thabo Nia Sefu Imani Abena Tunde"),
        ("", "Ada", "Kofi"),
        _words("Okafor Mensah Adeyemi Dlamini Mwangi Ndiaye Diallo Banda Eze Abara"),
    ),
    (
        _words("Анна Иван Олена Дмитро Софія Петър Мила Юрий Ксения Богдан"),
        ("", "Марія", "Леся"),
        _words("Ковальчук Петрова Шевченко Иванов Бондар Георгиев Мельник Орлов"),
    ),
    (
        _words("Ελένη Νίκος Μαρία Γιώργος Σοφία Δημήτρης Άννα Πέτρος"),
        ("", "Ρόζα"),
        _words("Παπαδάκη Νικολάου Γεωργίου Ιωάννου Κωνσταντίνου Δήμου"),
    ),
    (
        _words("愛子 健太 さくら 蓮 美咲 大輔 ひなた 悠斗"),
        ("", "ルイ"),
        _words("佐藤 鈴木 高橋 田中 伊藤 渡辺 山本 中村"),
    ),
    (
        _words("민준 서연 지우 하은 도윤 수아 예준 지민"),
        ("",),
        _words("김 이 박 최 정 강 조 윤"),
    ),
    (
        _words("ليلى يوسف مريم عمر سارة خالد نور حسن"),
        ("", "بن", "أبو"),
        _words("الحداد منصور النجار سليم حمدان الشامي"),
    ),
    (
        _words("आरव दीया रोहन अनन्या कबीर मीरा अर्जुन ईशा"),
        ("", "कुमार", "देवी"),
        _words("शर्मा वर्मा पटेल गुप्ता सिंह नायर"),
    ),
)

#: One person in so many has no name: TikTok's user info could not be read when they connected.
_NAMELESS = 0.02


@dataclass(frozen=True, slots=True)
class Dice:
    """Sixteen pseudo-random numbers in [0, 1), always the same for the same seed."""

    _bytes: bytes

    @classmethod
    def of(cls, number: int) -> "Dice":
        """Return the dice of a person's number."""
        return cls(blake2b(number.to_bytes(8, "big"), digest_size=32).digest())

    def share(self, throw: int) -> float:
        """Return one of the numbers, by its index from 0 to 15."""
        at = 2 * throw
        return (self._bytes[at] << 8 | self._bytes[at + 1]) / 65536

    def pick(self, throw: int, words: Sequence[str]) -> str:
        """Return one of the words, chosen by a throw."""
        return words[int(self.share(throw) * len(words))]

    def token(self, kind: str) -> str:
        """Return a made-up token that looks like TikTok's."""
        return f"{kind}.made-up.{self._bytes.hex()}"

    def random(self) -> random.Random:
        """Return a source of any number of further pseudo-random numbers."""
        return random.Random(self._bytes)  # noqa: S311  # made-up people, no secret


def name_of(dice: Dice) -> str | None:
    """Return a name of two or three words; one person in fifty has none."""
    if dice.share(9) < _NAMELESS:
        return None
    # The first script is as frequent as all others together.
    script = SCRIPTS[max(0, int(dice.share(10) * 2 * len(SCRIPTS)) - len(SCRIPTS))]
    words = [dice.pick(11 + at, some) for at, some in enumerate(script)]
    return " ".join(filter(None, words))
