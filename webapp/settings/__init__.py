"""What the app was told: read, checked and frozen; never a default for a secret, never its value
in a message."""

from webapp.problems import Problem, listed
from webapp.settings.load import NAMES, SettingsRefused, load, serving_problems, warnings
from webapp.settings.values import Settings

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
