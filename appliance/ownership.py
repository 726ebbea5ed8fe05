"""Whose the appliance's files are. Root does no work in another user's folder: who owns it can lay a link there that
leads root's hand to any file of the machine."""

import os
from pathlib import Path

from appliance.settings import Settings
from schemas import private_file
from schemas.errors import ConfigurationError


def require_own(*paths: Path) -> None:
    """Raises ConfigurationError when root runs this and one of the `paths`, or the nearest folder above it that is
    there, belongs to another user."""
    if os.geteuid() != 0:
        return
    for path in paths:
        place = next(place for place in (path, *path.parents) if os.path.lexists(place))
        # Both a link and what it leads to.
        owner = place.lstat().st_uid or (place.stat().st_uid if place.exists() else 0)
        if owner:
            name = private_file.user_name(owner)
            raise ConfigurationError(
                f"{place} belongs to the user {name}: run this as that user, `sudo -u '{name}' voiceprint …`"
            )


def require_private(settings: Settings) -> None:
    """Raises ConfigurationError when what the appliance keeps is another user's and root runs this, or when others may
    write into its folders."""
    log, keys = settings.audit, settings.keys_file
    require_own(settings.data_dir, settings.store, keys.parent, keys, log.parent, log)
    if settings.key_ring:
        require_own(settings.key_ring.parent, settings.key_ring)
    for folder in dict.fromkeys((settings.data_dir, settings.store)):
        if fault := private_file.folder_amiss(folder):
            raise ConfigurationError(fault)
