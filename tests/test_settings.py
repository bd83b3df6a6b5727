"""The settings: what is let in, what is refused, and that no refusal tells a secret."""

import base64
import re
import secrets
from pathlib import Path

import pytest

from tests import written_settings
from tests.environment import complete
from webapp.settings import Problem, Settings, SettingsRefused, load, serving_problems, warnings

Env = dict[str, str]


@pytest.fixture
def env() -> Env:
    """A complete environment that needs no process: its TikTok is at a port nobody serves."""
    return complete("sqlite:///instance/app.db", 8000)


def refused(env: Env) -> dict[str, Problem]:
    """Return the problems by name; fails if the settings are let in."""
    with pytest.raises(SettingsRefused) as caught:
        load(env)
    return {problem.name: problem for problem in caught.value.problems}


def test_a_complete_environment_is_let_in(env: Env) -> None:
    settings = load(env)
    assert settings.public_origin == "http://127.0.0.1:8000"
    assert settings.callback_path == "/api/auth/tiktok/callback"
    assert settings.hosts == ["127.0.0.1"]
    assert settings.authorize_origin == "http://127.0.0.1:9"
    assert settings.sandbox
    assert not settings.https


def test_tiktok_itself_is_the_default(env: Env) -> None:
    for name in ("TIKTOK_AUTHORIZE_URL", "TIKTOK_API_URL", "ALLOW_SANDBOX"):
        del env[name]
    settings = load(env)
    assert settings.tiktok_authorize_url == "https://www.tiktok.com/v2/auth/authorize/"
    assert settings.tiktok_api_url == "https://open.tiktokapis.com/v2/"
    assert not settings.sandbox


def test_an_https_address_is_told_without_its_default_port(env: Env) -> None:
    settings = load(env | {"TIKTOK_REDIRECT_URI": "https://Site.example:443/callback"})
    assert settings.https
    assert settings.public_origin == "https://site.example"


def test_everything_missing_is_told_at_once() -> None:
    required = {name for name, default in written_settings.in_code().items() if default is None}
    assert refused({}).keys() == required


def test_what_only_shows_together_is_told_beside_what_is_missing(env: Env) -> None:
    wrong = env | {"ALLOW_SANDBOX": "0", "TIKTOK_PKCE": "0", "SESSION_DAYS": "many"}
    del wrong["SECRET_KEY"]
    assert refused(wrong).keys() == {
        "TIKTOK_AUTHORIZE_URL",
        "TIKTOK_API_URL",
        "TIKTOK_PKCE",
        "SECRET_KEY",
        "SESSION_DAYS",
    }


def test_every_problem_has_a_cause_and_a_line_that_mends_it() -> None:
    for problem in refused({"SESSION_DAYS": "x", "DATABASE_URL": "x", "PRIVACY_URL": "x"}).values():
        assert problem.cause
        assert problem.fix


def test_no_refusal_holds_a_value(env: Env) -> None:
    wrong = {name: f"unfit value of-{name}-{secrets.token_hex(8)} " for name in env}
    with pytest.raises(SettingsRefused) as caught:
        load(wrong | {"TIKTOK_REDIRECT_URI": "http://user:hunter2@127.0.0.1:1/x?y"})
    for value in (*(value.split("-")[-1].strip() for value in wrong.values()), "hunter2"):
        assert value not in str(caught.value)
        assert value not in repr(caught.value.problems)


def test_settings_mask_their_secrets_and_cannot_be_changed(env: Env) -> None:
    env["DATABASE_URL"] = "postgresql://user:hunter2@db.example/app"
    settings = load(env)
    for name in ("TIKTOK_CLIENT_SECRET", "SECRET_KEY", "TOKEN_KEYS", "DATABASE_URL"):
        assert env[name] not in repr(settings)
        assert env[name] not in str(settings)
    assert "hunter2" not in repr(settings)
    with pytest.raises(ValueError, match="frozen"):
        settings.secret_key = settings.tiktok_client_secret


def test_an_unfit_value_given_to_the_class_is_not_shown(env: Env) -> None:
    with pytest.raises(ValueError, match="secret_key") as caught:
        Settings.model_validate(
            {name.lower(): value for name, value in env.items()}
            | {"secret_key": "too-short-a-secret"}
        )
    assert "too-short-a-secret" not in str(caught.value)


@pytest.mark.rule(65)
@pytest.mark.parametrize("name", ["TIKTOK_CLIENT_KEY", "TIKTOK_CLIENT_SECRET"])
class TestKeyAndSecret:
    def test_blank_is_refused_by_name(self, env: Env, name: str) -> None:
        assert refused(env | {name: "  \t "})[name].cause == "is blank"

    def test_padding_is_trimmed(self, env: Env, name: str) -> None:
        settings = load(env | {name: f"  {env[name]}\r\n"})
        given = getattr(settings, name.lower())
        assert (given if isinstance(given, str) else given.get_secret_value()) == env[name]

    @pytest.mark.parametrize("value", ['"quoted"', "two words", "ключ"])
    def test_what_was_copied_wrongly_is_refused(self, env: Env, name: str, value: str) -> None:
        assert name in refused(env | {name: value})


def test_the_name_other_providers_use_is_recognised(env: Env) -> None:
    env["TIKTOK_CLIENT_ID"] = env.pop("TIKTOK_CLIENT_KEY")
    assert "TIKTOK_CLIENT_ID" in refused(env)["TIKTOK_CLIENT_KEY"].cause


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("TIKTOK_CLIENT_ID", "TIKTOK_CLIENT_KEY"),
        ("TIKTOK_OPTIONAL_SCOPE", "TIKTOK_OPTIONAL_SCOPES"),
    ],
)
def test_a_mistyped_name_is_a_warning_with_the_right_one(env: Env, name: str, right: str) -> None:
    told = {each.name: each.fix for each in warnings(load(env), env | {name: "x"})}
    assert right in told[name]


def test_a_sandbox_is_warned_of(env: Env) -> None:
    assert "ALLOW_SANDBOX" in {each.name for each in warnings(load(env), env)}


class TestFiles:
    def test_every_setting_can_stand_in_a_file(self, env: Env, tmp_path: Path) -> None:
        expected = load(env)
        for name in list(env):
            path = tmp_path / name
            path.write_text(env.pop(name) + "\n", encoding="utf-8")
            env[f"{name}_FILE"] = str(path)
        assert load(env) == expected

    def test_an_unreadable_file_is_a_problem(self, env: Env, tmp_path: Path) -> None:
        del env["SECRET_KEY"]
        assert refused(env | {"SECRET_KEY_FILE": str(tmp_path)}).keys() == {"SECRET_KEY_FILE"}

    def test_an_empty_file_is_blank(self, env: Env, tmp_path: Path) -> None:
        del env["SECRET_KEY"]
        (tmp_path / "empty").touch()
        path = str(tmp_path / "empty")
        assert refused(env | {"SECRET_KEY_FILE": path})["SECRET_KEY"].cause == "is blank"

    def test_value_and_file_at_once_is_a_problem(self, env: Env, tmp_path: Path) -> None:
        (tmp_path / "key").write_text(env["SECRET_KEY"], encoding="utf-8")
        both = env | {"SECRET_KEY_FILE": str(tmp_path / "key")}
        assert "SECRET_KEY_FILE" in refused(both)["SECRET_KEY"].cause


class TestAnotherProgramsVariables:
    def test_sign_in_without_https_is_refused_in_production(self, env: Env) -> None:
        for name in ("TIKTOK_AUTHORIZE_URL", "TIKTOK_API_URL"):
            del env[name]
        env |= {"TIKTOK_REDIRECT_URI": "https://site.example/callback"}
        assert "AUTHLIB_INSECURE_TRANSPORT" in refused(env | {"AUTHLIB_INSECURE_TRANSPORT": "1"})

    def test_it_is_let_be_with_a_sandbox(self, env: Env) -> None:
        assert load(env | {"AUTHLIB_INSECURE_TRANSPORT": "1"})

    @pytest.mark.parametrize(("value", "count"), [("1", 1), ("true", 1), ("0", 0), ("", 0)])
    def test_the_debugger_is_refused_under_a_server(self, value: str, count: int) -> None:
        assert len(serving_problems({"FLASK_DEBUG": value})) == count


class TestWhatIsWritten:
    def test_the_example_has_every_setting_with_its_default(self) -> None:
        told = {name: each.default for name, each in written_settings.in_example().items()}
        assert told == written_settings.in_code()

    def test_the_example_says_a_sentence_on_each(self) -> None:
        for name, told in written_settings.in_example().items():
            assert len(told.meaning.split()) >= 4, f"{name} needs a sentence above it"

    def test_the_docs_say_the_same_of_each(self) -> None:
        told = {name: row.told for name, row in written_settings.in_docs().items()}
        assert told == written_settings.in_example(), "docs/settings.md and .env.example differ"

    def test_the_docs_give_an_example_of_all_but_secrets(self) -> None:
        rows = written_settings.in_docs().values()
        assert all(bool(row.example) != ("secret" in row.kind) for row in rows)

    def test_the_examples_of_the_docs_are_let_in_together(self, env: Env) -> None:
        examples = {name: row.example for name, row in written_settings.in_docs().items()}
        secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
        given = {name: text for name, text in examples.items() if text}
        settings = load(env | {"NOTIFY_SECRET": secret} | given)
        assert settings.app_name == examples["APP_NAME"]

    def test_the_docs_give_the_bounds_of_numbers(self, env: Env) -> None:
        numbers = {
            name: [int(text) for text in re.findall(r"[0-9]+", row.kind)]
            for name, row in written_settings.in_docs().items()
            if row.kind.startswith("number")
        }
        wanted = {n for n, text in written_settings.in_code().items() if (text or "").isdecimal()}
        flags = {n for n, row in written_settings.in_docs().items() if row.kind == "0 or 1"}
        assert numbers.keys() == wanted - flags
        for name, (low, high) in numbers.items():
            assert load(env | {name: str(low)})
            assert load(env | {name: str(high)})
            for beyond in (low - 1, high + 1):
                assert name in refused(env | {name: str(beyond)})

    def test_the_filled_in_example_is_let_in(self, env: Env) -> None:
        given = {name: told.default or "" for name, told in written_settings.in_example().items()}
        for name in ("TIKTOK_CLIENT_KEY", "TIKTOK_CLIENT_SECRET", "TIKTOK_REDIRECT_URI"):
            given[name] = env[name]
        given["SECRET_KEY"] = secrets.token_hex(32)
        given["TOKEN_KEYS"] = base64.b64encode(secrets.token_bytes(32)).decode()
        assert load(given).app_name == "Coatcheck"
