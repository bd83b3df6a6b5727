"""The made-up people of the mock TikTok, with their profiles and videos."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace

DAY = 86_400
NEWEST_VIDEO = 1_795_000_000  # seconds since 1970; fixed, for tests to rely on


@dataclass(frozen=True, slots=True)
class Person:
    """One TikTok account; `name` is the short name that `login_as` takes."""

    name: str
    display_name: str
    bio_description: str = ""
    is_verified: bool = False
    follower_count: int = 0
    following_count: int = 0
    likes_count: int = 0
    video_count: int = 0

    def profile(self, open_id: str, union_id: str) -> dict[str, object]:
        """Return every field that user info can return; counts are integers."""
        picture = f"https://p16-sandbox.tiktokcdn.com/pretend/{self.name}"
        return {
            "open_id": open_id,
            "union_id": union_id,
            "avatar_url": f"{picture}.jpeg?x-expires=1&x-signature=pretend",
            "avatar_url_100": f"{picture}~100.jpeg?x-expires=1&x-signature=pretend",
            "avatar_large_url": f"{picture}~1080.jpeg?x-expires=1&x-signature=pretend",
            "display_name": self.display_name,
            "bio_description": self.bio_description,
            "profile_deep_link": f"https://vm.tiktok.com/pretend-{self.name}/",
            "is_verified": self.is_verified,
            "username": f"pretend.{self.name}",
            "follower_count": self.follower_count,
            "following_count": self.following_count,
            "likes_count": self.likes_count,
            "video_count": self.video_count,
        }

    def videos(self) -> list[dict[str, object]]:
        """Return all videos, newest first, a day apart; `create_time` in seconds since 1970."""
        return [self._video(number) for number in range(self.video_count, 0, -1)]

    def _video(self, number: int) -> dict[str, object]:
        created = NEWEST_VIDEO - (self.video_count - number) * DAY
        video_id = str(7_000_000_000_000_000_000 + created)
        link = f"https://www.tiktok.com/@pretend.person.of.the.sandbox.{self.name}/video/{video_id}"
        return {
            "id": video_id,
            "create_time": created,
            "cover_image_url": f"https://p16-sandbox.tiktokcdn.com/pretend/{video_id}.jpeg",
            "share_url": link,
            "video_description": f"Pretend video {number} of {self.display_name}",
            "duration": 15 + number % 45,
            "height": 1024,
            "width": 576,
            "title": f"Pretend video {number}",
            "embed_html": "",
            "embed_link": link,
            "like_count": number * 7,
            "comment_count": number * 2,
            "share_count": number,
            "view_count": number * 101,
        }


VIDEO_FIELDS = frozenset(Person("any", "any", video_count=1).videos()[0])

# The consent page lists them in this order; the last one has a hostile name on purpose.
DEFAULT_PEOPLE: tuple[Person, ...] = (
    Person("mara", "Mara Lindqvist", "Ceramics and slow mornings.", True, 18_204, 310, 99_120, 45),
    Person("tomas", "Tomás Ferreira", "Longboards.", False, 902, 411, 12_008, 21),
    Person("aiko", "Aiko Tanaka", "", False, 77, 80, 1_204, 3),
    Person(
        "oluwaseun", "Oluwaseun Adeyemi-Brightwater", "Lagos, at night.", True, 2_100_455, 12, 1, 20
    ),
    Person("jo", "Jo"),
    Person("noor", "Noor Haddad", "Bread.", False, 5_310, 222, 44_000, 8),
    Person("soren", "Søren Kjær", "Bikes & boats.", False, 412, 93, 8_112, 2),
    Person("xiaolong", "李小龙", "水", False, 64_000, 1, 900_000, 12),
    Person(
        "mallory",
        "=Mallory (hostile name) <script>alert(1)</script> \u202egnp.exe\u2066\x1b[31m",
        "\"><img src=x onerror=alert(1)> {{ 7*7 }} ' OR 1=1 --",
        False,
        13,
        13,
        13,
        1,
    ),
)


def open_id_of(client_key: str, name: str) -> str:
    """Return the person's id in one app: stable across restarts, different for each app."""
    return "-000" + _digest("open_id", client_key, name)[:36]


def union_id_of(name: str) -> str:
    """Return the person's id across the apps of one developer."""
    return _digest("union_id", name)[:36]


def with_changes(person: Person, changes: Mapping[str, object]) -> Person:
    """Return the person with `changes` applied.

    Raises ValueError if a field is unknown or a value has the wrong type.
    """
    for key, value in changes.items():
        if key == "name" or key not in Person.__slots__:
            raise ValueError(f"{key!r} is not a profile field that can be set")
        if type(value) is not type(getattr(person, key)):
            raise ValueError(f"{key} must be {type(getattr(person, key)).__name__}")
        str(value).encode()  # raises ValueError for half a surrogate pair, which no page could show
    return replace(person, **dict(changes))  # type: ignore[arg-type]  # types checked just above


def _digest(*words: str) -> str:
    return urlsafe_b64encode(hashlib.sha256("|".join(words).encode()).digest()).decode().rstrip("=")
