"""The settings: environment variables that are read, checked and frozen at the start.

No secret has a default, and no message contains the value of a setting.
"""

from webapp.problems import Problem, listed
from webapp.settings.load import NAMES, SettingsRefused, load, serving_problems, warnings
from webapp.settings.settings import Settings

__all__ = [
    "NAMES",
    "Problem",
    "Settings",
    "SettingsRefused",
    "listed",
    "load",
    "serving_problems",
    "warnings",
]
