"""What the programs that look at pages stand on: a migrated database; never one that is kept."""

import subprocess
import sys

from tests.environment import complete
from tests.processes import ROOT, plain_environment


def migrate(database_url: str) -> None:
    """Bring an empty database to the latest migration."""
    env = plain_environment() | complete(database_url, 8000) | {"LOG_LEVEL": "WARNING"}
    words = [sys.executable, "-m", "flask", "db", "upgrade"]
    subprocess.run(words, check=True, cwd=ROOT, env=env, capture_output=True)
