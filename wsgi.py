"""The door for servers: loads .env, makes the app, trusts the proxy. Holds no rule of its own.

`gunicorn wsgi:app` serves, `flask …` commands, `python wsgi.py` tries it on this machine.
"""

import os
import sys
from pathlib import Path

import click
from dotenv import load_dotenv
from flask import Flask
from gunicorn.errors import AppImportError
from werkzeug.middleware.proxy_fix import ProxyFix

from demo import start
from demo.commands import demo
from webapp import cli
from webapp.app import create_app
from webapp.cli.console import problem_text
from webapp.services.maintenance import doctor
from webapp.settings import serving_problems

#: sysexits.h: something is wrong with the configuration.
EX_CONFIG = 78


def make() -> Flask:
    """Return the app of this environment.

    Where settings are refused: under `flask` an app that says what is missing, else the end of
    the process with every problem on stderr and exit code 78.
    """
    settings, problems = doctor.settings_problems(os.environ)
    command = click.get_current_context(silent=True)
    if command is None:
        problems += serving_problems(os.environ)
    if problems and command is None:
        if "gunicorn.arbiter" in sys.modules:
            # A worker under a configuration that is not ours: gunicorn would start it over and
            # over after any exit code but the one it gives for this error.
            raise AppImportError(problem_text(problems))
        click.echo(problem_text(problems), err=True)
        sys.exit(EX_CONFIG)
    if problems and command is not None and command.parent is not None:
        # `flask run`, `flask db …` and the like ask for the app itself; ours say it themselves.
        raise click.ClickException(problem_text(problems))
    if problems:
        app = cli.waiting(problems)
        app.cli.add_command(demo)
        return app
    app = create_app(settings)
    app.cli.add_command(demo)
    # Never the host: it would let a header choose it. Only as many proxies as there are.
    if hops := settings.proxy_hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0, x_port=0)  # type: ignore[method-assign]  # how Flask documents it
    return app


load_dotenv(Path(__file__).with_name(".env"))
if __name__ == "__main__":
    sys.exit(start.run(create_app))
app = make()
