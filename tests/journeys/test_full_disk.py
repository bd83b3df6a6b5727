"""The whole app on a disk that is really full: it says so, loses no grant, and heals by itself."""

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests import servers
from tests.forms import the_form
from tests.journeys.http_browser import HttpBrowser
from tests.processes import plain_environment
from tests.services.test_disconnect_waits import until
from tests.small_disks import SmallDisk, small_disk
from tests.walk import begin, connect, consent

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
#: What SQLite keeps beside a database that is open, and what belongs to the installation.
OURS = {"app.db", "app.db-wal", "app.db-shm", "instance-id", "generation"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk with a migrated database."""
    with small_disk(tmp_path) as mounted:
        yield mounted


def start(disk: SmallDisk, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Start gunicorn where it must refuse to, and return all it said."""
    return subprocess.run(
        [*disk.within, sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", "127.0.0.1:0"],
        env=plain_environment() | env | {"DATABASE_URL": disk.database_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def served(
    disk: SmallDisk, env: dict[str, str], folder: Path, **changes: str
) -> Iterator[servers.Gunicorn]:
    """Serve the app from the disk, with its temporary files there, too."""
    here = {"DATABASE_URL": disk.database_url, "TMPDIR": str(disk.path / "tmp")}
    with servers.gunicorn(env | here | changes, folder, workers=2, within=disk.within) as server:
        yield server
        log = server.log()
        assert "SIGBUS" not in log
        assert "Traceback" not in log


def free(server: servers.Gunicorn) -> str:
    """Return what `/readyz` says about the disk; a small one is always nearly full."""
    answer = server.get("/readyz")
    assert answer.status_code == 200
    (cause,) = [each["cause"] for each in answer.json()["doubts"] if each["name"] == "disk"]
    return str(cause)


def test_a_start_on_a_full_disk_says_so_and_leaves_no_stray_file(
    env: dict[str, str], disk: SmallDisk
) -> None:
    disk.fill()
    first = start(disk, env)
    assert first.returncode == 78
    assert "there is no database yet" in first.stderr
    upgraded = disk.flask(env, "db", "upgrade")
    assert upgraded.returncode == 1
    assert "the disk is full – free some space, then try again" in upgraded.stderr
    assert disk.files() == {"filler"}
    disk.make_room()
    assert disk.flask(env, "db", "upgrade").returncode == 0

    disk.fill()
    second = start(disk, env)
    assert second.returncode == 78
    assert "DATABASE_URL – the disk is full\n      fix: free some space" in second.stderr
    assert "Traceback" not in first.stderr + second.stderr + upgraded.stderr
    assert disk.files() <= OURS | {"filler"}


@pytest.mark.parametrize("memory", [True, False])
def test_a_start_without_room_for_any_temporary_file_says_so(
    env: dict[str, str], migrated: str, tmp_path: Path, memory: bool
) -> None:
    """No program can write a byte to any disk; the start needs none if there is a place in memory.

    The database, which needs no byte to be read, is on a disk with room.
    """

    def no_byte() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    with small_disk(tmp_path, memory=memory) as disk:
        said = subprocess.run(
            [*disk.within, sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", "127.0.0.1:0"],
            env=plain_environment() | env | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            preexec_fn=no_byte,
            check=False,
        ).stderr
    assert "Traceback" not in said
    assert ("TMPDIR – no temporary file can be created" in said) is not memory
    assert ("fix: free some space, or set TMPDIR" in said) is not memory


def come_back_as_it_fills(
    disk: SmallDisk, sandbox: servers.Sandbox, browser: HttpBrowser, person: str
) -> requests.Response:
    """Sign in, and fill the disk after TikTok has taken the code; return the callback's answer."""
    came = consent(begin(browser), person)  # type: ignore[arg-type]  # walks like a test client
    exchanged = sandbox.calls("token.authorization_code")
    sandbox.latency(9, "token", after=True)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(browser.get, came)
        until(lambda: sandbox.counters()["open_calls"] > 0)
        disk.fill()
        sandbox.latency(0)
        sandbox.release()
        assert answer.result(30).status_code == 503
    assert sandbox.calls("token.authorization_code") == exchanged + 1
    return answer.result()


def sign_out(browser: HttpBrowser) -> requests.Response:
    form = the_form(browser.get("/account").text, "/sign-out")
    return browser.post("/sign-out", data=form.data())


def test_people_read_what_happened_while_the_disk_was_full_and_nobody_restarts_anything(
    env: dict[str, str], disk: SmallDisk, sandbox: servers.Sandbox, tmp_path: Path
) -> None:
    assert disk.flask(env, "db", "upgrade").returncode == 0
    with served(disk, env, tmp_path) as server:
        jo, newcomer = HttpBrowser(server.url), HttpBrowser(server.url)
        assert connect(jo, "jo").status_code == 303
        assert disk.flask(env, "operators", "add", sandbox.open_id("jo")).returncode == 0
        assert free(server).startswith("only 3 MB free")

        for person, browser in (("mara", newcomer), ("jo", HttpBrowser(server.url))):
            told = come_back_as_it_fills(disk, sandbox, browser, person).text
            assert "our database couldn&#39;t save it" in told
            assert "Nothing was stored, and we asked TikTok to end this access." in told
            assert sandbox.books()[sandbox.open_id(person)]["ended"] == "revoked"
            assert browser.get("/account").status_code == 303, "nobody was signed in"
            if person == "mara":
                disk.make_room()

        assert free(server).startswith("only 0 MB free")
        checked = disk.flask(env, "tokens", "check")
        assert checked.returncode == 1
        assert "only 0 MB free" in checked.stdout
        assert "Only 0 MB free" in jo.get("/operators/health").text
        exchanged = sandbox.calls("token.authorization_code")
        told = connect(newcomer)
        assert told.status_code == 503
        assert "Our database isn&#x27;t responding" in told.text
        assert told.headers["Retry-After"] == "60"
        assert sandbox.calls("token.authorization_code") == exchanged, "the code was not spent"
        assert sign_out(jo).status_code == 303
        assert jo.get("/account").status_code == 303, "the cookie is gone"

        disk.make_room()
        assert free(server).startswith("only 3 MB free")
        assert connect(newcomer).status_code == 303
        assert newcomer.get("/account").status_code == 200
        assert sign_out(newcomer).status_code == 303
        assert connect(jo, "jo").status_code == 303
    assert disk.files() <= OURS | {"rescue-app.db.lock"}
