"""Commands tell the audit log what they have changed, and who has run them."""

import errno
import os
import pwd
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from appliance.commands.inputs import complain
from appliance.settings import Settings
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from tasks.audit import What


def require(settings: Settings, *, ring: bool = True, comes: bool = False) -> None:
    """Before anything is changed: that it can be told afterwards, where a key ring is set. With `ring=False` that is
    only about to be made; with `comes=True` the log may come with what is done, so that none is begun.

    Raises ConfigurationError when the key ring cannot be read or the log cannot be written.
    """
    if settings.key_ring is None:
        return
    from tasks.audit.segments import kept_head, require_writable  # noqa: PLC0415

    if ring:
        settings.ring()
    path = settings.audit
    try:
        if not comes or kept_head(path).exists():
            require_writable(path)
        elif path.parent.exists() and not os.access(path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise ConfigurationError(
            f"nothing is done, since the audit log {path} could not tell it: {error.strerror}"
        ) from error


def note(settings: Settings, what: "What", **which: str | int) -> None:
    """Tells what has been done, where a key ring is set; complains when that cannot be written after all, since it is
    done."""
    note_each(settings, what, [which])


def note_each(settings: Settings, what: "What", each: Sequence[Mapping[str, str | int]], outcome: str = "done") -> None:
    """As `note`, of what was done with each of several."""
    from tasks.audit import Event, Who  # noqa: PLC0415
    from tasks.audit.log import AuditLog  # noqa: PLC0415

    try:
        if (ring := settings.ring()) is None:
            return
        log = AuditLog(settings.audit, ring.derive("audit"))
        who = Who("command", name=_user())
        log.append([Event(what, who, which, outcome) for which in each])
        log.sync()
        log.close()
    except (OSError, ConfigurationError) as error:
        reason = error.message if isinstance(error, ConfigurationError) else error.strerror
        complain(f"it is done, and the audit log {settings.audit} does not tell it: {reason}")


def _user() -> str:
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
