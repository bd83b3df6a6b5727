"""Says how big something is; measures nothing itself."""

from webapp import language
from webapp.language import gettext as _
from webapp.language import ngettext


def size(count: int) -> str:
    """Return a number of bytes for reading: "512 bytes", "3.2 MiB"."""
    if count < 2**10:
        return ngettext("%(num)s byte", "%(num)s bytes", count)
    if count < 2**20:
        return _("%(amount)s KiB", amount=language.decimal(count / 2**10))
    if count < 2**30:
        return _("%(amount)s MiB", amount=language.decimal(count / 2**20))
    return _("%(amount)s GiB", amount=language.decimal(count / 2**30))
