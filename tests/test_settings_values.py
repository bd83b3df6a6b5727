"""Each setting's own rule: what of its kind is taken and what is not."""

import base64
import secrets
import sys

import pytest

from tests.environment import complete
from webapp.settings import SettingsRefused, load

Env = dict[str, str]


@pytest.fixture
def env() -> Env:
    """A complete environment that needs no process: its TikTok is at a port nobody serves."""
    return complete("sqlite:///instance/app.db", 8000)


def refused(env: Env) -> set[str]:
    """Return the names that are refused; nothing: let in."""
    try:
        load(env)
    except SettingsRefused as refusal:
        return {problem.name for problem in refusal.problems}
    return set()


@pytest.mark.rule(8)
class TestRedirectUri:
    @pytest.mark.parametrize(
        "uri",
        [
            "https://site.example/api/auth/tiktok/callback",
            "https://site.example:8443/cb/",
            "http://127.0.0.1:8000/cb",
            "http://localhost:65535/a/b.c_d~e-f",
            "https://127.0.0.1:8443/cb",
        ],
    )
    def test_is_kept_byte_for_byte(self, env: Env, uri: str) -> None:
        assert load(env | {"TIKTOK_REDIRECT_URI": uri}).tiktok_redirect_uri == uri

    @pytest.mark.parametrize(
        "uri",
        [
            "/cb",
            "site.example/cb",
            "ftp://site.example/cb",
            "https:///cb",
            "https://site.example/cb?a=b",
            "https://site.example/cb?",
            "https://site.example/cb#here",
            "https://site.example/cb#",
            "http://site.example/cb",
            "http://192.168.0.7:8000/cb",
            "http://[::1]:8000/cb",
            "http://127.0.0.1.site.example:8000/cb",
            "http://127.0.0.1/cb",
            "http://localhost/cb",
            "https://localhost/cb",
            "http://127.0.0.1:*/cb",
            "http://127.0.0.1:0/cb",
            "http://127.0.0.1:99999/cb",
            "https://user@site.example/cb",
            "https://user:password@site.example/cb",
            "https://site.example",
            "https://site.example/",
            "https://site.example/<open_id>",
            "https://site.example/a//b",
            "https://site.example/a/../b",
            "https://site.example/caf%C3%A9",
            "https://site.example/ca fé",
            "https://site.example\\@evil.example/cb",
            "https://site.example/" + "a" * 491,
        ],
    )
    def test_is_refused(self, env: Env, uri: str) -> None:
        assert refused(env | {"TIKTOK_REDIRECT_URI": uri}) == {"TIKTOK_REDIRECT_URI"}

    def test_may_have_511_characters(self, env: Env) -> None:
        uri = "https://site.example/" + "a" * 490
        assert len(uri) == 511
        assert not refused(env | {"TIKTOK_REDIRECT_URI": uri})

    @pytest.mark.parametrize(
        "path", ["/connect", "/connect/", "/account/delete", "/static/x", "/api/v1/x", "/privacy"]
    )
    def test_may_not_be_one_of_our_pages(self, env: Env, path: str) -> None:
        uri = f"https://site.example{path}"
        assert refused(env | {"TIKTOK_REDIRECT_URI": uri}) == {"TIKTOK_REDIRECT_URI"}

    def test_on_this_machine_needs_pkce(self, env: Env) -> None:
        assert refused(env | {"TIKTOK_PKCE": "0"}) == {"TIKTOK_PKCE"}
        elsewhere = env | {"TIKTOK_REDIRECT_URI": "https://site.example/cb", "TIKTOK_PKCE": "0"}
        assert not load(elsewhere).tiktok_pkce


class TestTikTokAddresses:
    @pytest.mark.parametrize("name", ["TIKTOK_AUTHORIZE_URL", "TIKTOK_API_URL"])
    @pytest.mark.parametrize(
        "url",
        [
            "https://tiktok.example/v2/",
            "https://www.tiktok.com.evil.example/v2/",
            "https://www.tiktok.com:8443/v2/",
            "https://evil.example\\@www.tiktok.com/",
        ],
    )
    def test_another_host_is_refused(self, env: Env, name: str, url: str) -> None:
        assert name in refused(env | {name: url, "ALLOW_SANDBOX": "0"})

    def test_the_two_hosts_are_not_exchangeable(self, env: Env) -> None:
        real = env | {"ALLOW_SANDBOX": "0"}
        real["TIKTOK_AUTHORIZE_URL"] = "https://open.tiktokapis.com/v2/"
        real["TIKTOK_API_URL"] = "https://www.tiktok.com/v2/"
        assert refused(real) == {"TIKTOK_AUTHORIZE_URL", "TIKTOK_API_URL"}

    def test_tiktok_itself_is_never_spoken_to_in_the_clear(self, env: Env) -> None:
        url = "http://open.tiktokapis.com/v2/"
        assert refused(env | {"TIKTOK_API_URL": url}) == {"TIKTOK_API_URL"}

    @pytest.mark.rule(21)
    def test_the_api_address_ends_in_a_slash(self, env: Env) -> None:
        given = load(env | {"TIKTOK_API_URL": "http://127.0.0.1:9/v2"})
        assert given.tiktok_api_url == "http://127.0.0.1:9/v2/"


class TestScopes:
    @pytest.mark.rule(5)
    def test_the_basic_scope_is_always_among_them(self, env: Env) -> None:
        given = load(env | {"TIKTOK_SCOPES": " video.list , user.info.stats"})
        assert given.tiktok_scopes == ("user.info.basic", "video.list", "user.info.stats")

    @pytest.mark.rule(4)
    @pytest.mark.parametrize(
        "value", ["video.list,video.list", "user.info.basic video.list", "Video.List", "video;list"]
    )
    @pytest.mark.parametrize("name", ["TIKTOK_SCOPES", "TIKTOK_OPTIONAL_SCOPES"])
    def test_doubles_and_other_separators_are_refused(
        self, env: Env, name: str, value: str
    ) -> None:
        assert refused(env | {name: value}) == {name}

    def test_what_is_required_is_not_offered(self, env: Env) -> None:
        env |= {"TIKTOK_SCOPES": "video.list"}
        given = load(env | {"TIKTOK_OPTIONAL_SCOPES": "video.list,user.info.stats,user.info.basic"})
        assert given.tiktok_optional_scopes == ("user.info.stats",)


class TestSecretKey:
    @pytest.mark.parametrize(
        "value",
        [
            "short",
            "a" * 64,
            "changeme" * 8,
            "abc" * 20,
            "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
            "please-change-me-before-you-go-to-production",
            "django-insecure-x7#k2!pq9$m4&v8*z1^b5@n3",
            "0123456789abcdef0123456789abcdef",
            "00000000000000001111111111111111",
        ],
    )
    @pytest.mark.parametrize("name", ["SECRET_KEY", "SECRET_KEY_FALLBACKS"])
    def test_weak_or_well_known_is_refused(self, env: Env, name: str, value: str) -> None:
        assert refused(env | {name: value}) == {name}

    @pytest.mark.parametrize("make", [secrets.token_hex, secrets.token_urlsafe])
    def test_random_ones_are_let_in(self, env: Env, make: object) -> None:
        assert callable(make)
        for _ in range(50):
            assert not refused(env | {"SECRET_KEY": make(32)})

    def test_the_current_one_is_no_fallback(self, env: Env) -> None:
        env["SECRET_KEY_FALLBACKS"] = f"{secrets.token_hex(32)}, {env['SECRET_KEY']}"
        assert refused(env) == {"SECRET_KEY_FALLBACKS"}


class TestTokenKeys:
    @pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
    @pytest.mark.parametrize("padding", ["=", ""])
    def test_either_alphabet_padded_or_not(self, env: Env, encode: object, padding: str) -> None:
        assert callable(encode)
        key = b"\xfb\xff" + secrets.token_bytes(30)
        text = encode(key).decode().rstrip("=") + padding
        given = load(env | {"TOKEN_KEYS": f"{text}, {env['TOKEN_KEYS']}"}).token_keys
        assert base64.b64decode(given[0].get_secret_value()) == key
        assert given[1].get_secret_value() == env["TOKEN_KEYS"]

    @pytest.mark.parametrize(
        "value",
        [
            "not base64!",
            base64.b64encode(b"x" * 31).decode(),
            base64.b64encode(bytes(range(33))).decode(),
            base64.b64encode(bytes(32)).decode(),
            ",",
        ],
    )
    def test_what_is_no_key_is_refused(self, env: Env, value: str) -> None:
        assert refused(env | {"TOKEN_KEYS": value}) == {"TOKEN_KEYS"}

    def test_one_key_twice_is_refused(self, env: Env) -> None:
        key = env["TOKEN_KEYS"]
        assert refused(env | {"TOKEN_KEYS": f"{key},{key.rstrip('=')}"}) == {"TOKEN_KEYS"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgres://db.example/app"),
        ("DATABASE_URL", "mysql://db.example/app"),
        ("DATABASE_URL", "postgresql://user:pass@word@db.example:port/app"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "instance/app.db"),
        ("SESSION_DAYS", "0"),
        ("SESSION_DAYS", "1.5"),
        ("SESSION_IDLE_HOURS", "-1"),
        ("PROXY_HOPS", "eleven"),
        ("PORT", "65536"),
        ("TIKTOK_PKCE", "maybe"),
        ("TRUSTED_HOSTS", "https://site.example"),
        ("TRUSTED_HOSTS", "*"),
        ("APP_NAME", "a" * 61),
        ("PRIVACY_URL", "javascript:alert(1)"),
        ("TERMS_URL", "//evil.example"),
        ("SUPPORT_EMAIL", "nobody"),
        ("SECURITY_CONTACT", "nobody"),
        ("SECURITY_CONTACT", "http://site.example/report"),
        ("SECURITY_CONTACT", "https://"),
        ("SECURITY_CONTACT", "https://me@site.example/report"),
        ("SECURITY_CONTACT", "https://site.example/report#form"),
        ("SECURITY_CONTACT", "https://site.example/report?a=<b>"),
        ("SECURITY_CONTACT", "https://site.example/a\nContact: mailto:b@evil.example"),
        ("SECURITY_CONTACT", "mailto:"),
        ("SECURITY_CONTACT", "mailto:a@site.example\nContact: mailto:b@evil.example"),
        ("SECURITY_CONTACT", "mailto:a@site.example?bcc=b@evil.example"),
        ("SECURITY_CONTACT", "tel:+1-201-555-0123"),
        ("RETURN_TO", "https://studio.example/"),
        ("RETURN_TO", "=https://studio.example/"),
        ("RETURN_TO", f"{'a' * 61}=https://studio.example/"),
        ("RETURN_TO", "Studio=studio.example"),
        ("RETURN_TO", "Studio=/done"),
        ("RETURN_TO", "Studio=http://studio.example/"),
        ("RETURN_TO", "Studio=https://me@studio.example/"),
        ("RETURN_TO", "Studio=https://studio.example/?a=b"),
        ("RETURN_TO", "Studio=https://studio.example/a/../b"),
        ("RETURN_TO", "Studio=https://[::1]/"),
        ("RETURN_TO", f"Studio=https://studio.example/{'a' * 250}"),
        ("RETURN_TO", "Studio=https://studio.example/,Studio=https://shop.example/"),
        ("RATELIMIT_STORAGE_URI", "somewhere"),
        ("RATELIMIT_STORAGE_URI", "mongodb://db.example"),
        ("LOG_LEVEL", "chatty"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_unfit_values_are_refused_by_name(env: Env, name: str, value: str) -> None:
    assert refused(env | {name: value}) == {name}


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("PRIVACY_URL", "https://site.example/privacy", "https://site.example/privacy"),
        ("PRIVACY_URL", " ", "/privacy"),
        ("SESSION_DAYS", "365", 365),
        ("PROXY_HOPS", "1", 1),
        ("RATELIMIT_ENABLED", "off", False),
        ("LOG_LEVEL", "debug", "DEBUG"),
        ("LOG_FORMAT", "Console", "console"),
        ("TRUSTED_HOSTS", "www.site.example, .site.example", ("www.site.example", ".site.example")),
        ("DATABASE_URL", "postgresql://db.example/app", "postgresql://db.example/app"),
        ("SUPPORT_EMAIL", "help@site.example", "help@site.example"),
        ("SECURITY_CONTACT", " ", ""),
        ("SECURITY_CONTACT", "security@site.example", "mailto:security@site.example"),
        ("SECURITY_CONTACT", "mailto:a.b+c@site.example", "mailto:a.b+c@site.example"),
        (
            "SECURITY_CONTACT",
            "https://site.example/report?for=us",
            "https://site.example/report?for=us",
        ),
        (
            "RETURN_TO",
            "Our Studio=https://Studio.Example:443, Shop = http://127.0.0.1:8001/app",
            (("Our Studio", "https://studio.example/"), ("Shop", "http://127.0.0.1:8001/app")),
        ),
    ],
)
def test_fit_values_are_taken(env: Env, name: str, value: str, meant: object) -> None:
    assert getattr(load(env | {name: value}), name.lower()) == meant


def test_a_missing_driver_is_told_with_the_file_that_brings_it(
    env: Env, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(SettingsRefused, match=r"requirements-postgres\.txt"):
        load(env | {"DATABASE_URL": "postgresql://db.example/app"})


class TestWhatIsAroundAValue:
    @pytest.mark.parametrize("quotes", ['"{}"', "'{}'", "“{}”", "`{}`"])
    @pytest.mark.parametrize("name", ["TOKEN_KEYS", "DATABASE_URL", "TIKTOK_SCOPES", "PROXY_HOPS"])
    def test_quotes_are_named_and_nothing_is_replaced(
        self, env: Env, name: str, quotes: str
    ) -> None:
        values = env | {"TIKTOK_SCOPES": "user.info.basic", "PROXY_HOPS": "1"}
        with pytest.raises(SettingsRefused) as refusal:
            load(values | {name: quotes.format(values[name])})
        (problem,) = refusal.value.problems
        assert (problem.name, problem.cause) == (name, "is in quotes")
        assert problem.fix == "remove the quotes around the value"

    @pytest.mark.parametrize("name", ["TOKEN_KEYS", "DATABASE_URL", "TIKTOK_CLIENT_KEY"])
    def test_the_mark_that_some_editors_put_before_a_text_is_cut_off(
        self, env: Env, name: str
    ) -> None:
        assert load(env | {name: f"\ufeff {env[name]}\u00a0"}) == load(env)

    @pytest.mark.parametrize(
        ("harm", "cause"),
        [
            ('"', "contains quotes"),
            (" ", "contains white space inside a key"),
            ("!", "contains a key that is not base64"),
        ],
    )
    def test_a_damaged_key_is_not_told_to_be_replaced(
        self, env: Env, harm: str, cause: str
    ) -> None:
        """It may be the one that opens what is stored."""
        key = env["TOKEN_KEYS"]
        with pytest.raises(SettingsRefused) as refusal:
            load(env | {"TOKEN_KEYS": f"{key[:9]}{harm}{key[9:]}"})
        (problem,) = refusal.value.problems
        assert problem.cause == cause
        assert ">> .env" not in problem.fix
        assert key[:9] not in f"{problem}"

    @pytest.mark.parametrize("part", ["nonsense", "Video.list", "video.list user.info.stats"])
    def test_what_is_no_scope_is_named(self, env: Env, part: str) -> None:
        with pytest.raises(SettingsRefused) as refusal:
            load(env | {"TIKTOK_SCOPES": f"user.info.basic,{part}"})
        (problem,) = refusal.value.problems
        assert f"“{part}”" in problem.cause
