"""Words of which made-up names are put together, in several scripts; nobody real is meant."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


#: Given names, middle words (or none) and family names, one triple a script.
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
