"""What the app was told: read, checked and frozen; never a default for a secret, never its value
in a message."""

from webapp.settings.environment import NAMES, load, serving_problems, warnings
from webapp.settings.problem import Problem, SettingsRefused, listed
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
