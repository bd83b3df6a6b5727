"""Plain `flask …` commands find the demo that is running, and nothing else."""

from pathlib import Path

import pytest

from demo import running

SETTINGS = {
    "TIKTOK_CLIENT_KEY": "demo-1",
    "PORT": "8000",
    "DATABASE_URL": "sqlite:///it's a \" $x.db",
}


def demo_folder(root: Path, port: int = 8000) -> Path:
    folder = running.folder_of(root, port)
    folder.mkdir(parents=True)
    return folder


def test_its_settings_are_found_while_it_runs_and_not_after(tmp_path: Path) -> None:
    folder = demo_folder(tmp_path)
    assert running.find(tmp_path, {}) is None
    with running.publish(folder, SETTINGS):
        assert running.find(tmp_path, {"PATH": "/bin", "LOG_LEVEL": "DEBUG"}) == SETTINGS
        assert running.is_alone(tmp_path)
        assert (folder / running.FILE).stat().st_mode & 0o777 == 0o600
    assert (folder / running.FILE).exists(), "as after kill -9"
    assert running.find(tmp_path, {}) is None
    assert not running.is_alone(tmp_path)


@pytest.mark.parametrize(
    "name", ["TIKTOK_CLIENT_KEY", "DATABASE_URL", "TOKEN_KEYS_FILE", "TIKTOK_REDIRECT_URI"]
)
def test_it_is_not_used_where_other_settings_are_set(tmp_path: Path, name: str) -> None:
    with running.publish(demo_folder(tmp_path), SETTINGS):
        assert running.find(tmp_path, {name: "x"}) is None
        assert running.find(tmp_path, {name: ""}) == SETTINGS


def test_a_real_env_file_wins_and_is_left_alone(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("# empty\n", encoding="utf-8")
    with running.publish(demo_folder(tmp_path), SETTINGS):
        assert running.find(tmp_path, {}) is None
        assert not running.is_alone(tmp_path)
    assert env.read_text(encoding="utf-8") == "# empty\n"


def test_of_several_demos_the_port_chooses_one(tmp_path: Path) -> None:
    other = SETTINGS | {"PORT": "8001"}
    with (
        running.publish(demo_folder(tmp_path), SETTINGS),
        running.publish(demo_folder(tmp_path, 8001), other),
    ):
        with pytest.raises(running.Several, match="8000, 8001"):
            running.find(tmp_path, {})
        assert running.find(tmp_path, {"PORT": "8001"}) == other
        assert running.find(tmp_path, {"PORT": "8002"}) is None
        assert running.find(tmp_path, {"PORT": "../8001"}) is None
        assert not running.is_alone(tmp_path)


def test_what_is_no_setting_is_not_taken(tmp_path: Path) -> None:
    with running.publish(demo_folder(tmp_path), SETTINGS | {"LD_PRELOAD": "made-up.so"}):
        assert running.find(tmp_path, {}) == SETTINGS


def test_a_file_that_others_may_write_or_that_is_elsewhere_is_not_used(tmp_path: Path) -> None:
    folder = demo_folder(tmp_path)
    with running.publish(folder, SETTINGS):
        (folder / running.FILE).chmod(0o620)
        assert running.find(tmp_path, {}) is None
        (folder / running.FILE).chmod(0o600)
        (folder / running.FILE).rename(tmp_path / "elsewhere")
        (folder / running.FILE).symlink_to(tmp_path / "elsewhere")
        assert running.find(tmp_path, {}) is None
