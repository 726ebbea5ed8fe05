"""What `voiceprint doctor` looks at of the key ring: that it is there, for its owner alone, and apart from the data."""

import os
import stat

from appliance.doctor.finding import Finding
from appliance.ring_file import holding
from appliance.settings import PREFIX, Settings

_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def key_ring(settings: Settings) -> Finding:
    """Raises ConfigurationError for a ring that is set and cannot be used."""
    path, ring = settings.key_ring, settings.ring()
    if path is None or ring is None:
        return Finding(
            "ok" if settings.loopback else "warn",
            "none: voiceprints and task records are not signed, the store is not encrypted",
            "" if settings.loopback else f"`voiceprint keyring create`, and set {PREFIX}KEY_RING",
        )
    if within := holding(settings, path):
        return Finding(
            "warn",
            f"{path} lies inside {within}: whoever has a backup of that folder has the keys as well",
            f"move it elsewhere, and set {PREFIX}KEY_RING",
        )
    folder = path.resolve().parent
    if _open_to_others(folder.stat()):
        return Finding("warn", f"others may put another file in the place of {path}", f"chmod go-w {folder}")
    found = f"{path}: key {ring.current} signs" + (" and encrypts" if settings.encrypt_store else "")
    older = len(ring.secrets) - 1
    found += f", {older} older still read" if older else ""
    if settings.unsigned_voiceprints == "accept":
        return Finding(
            "warn",
            f"{found}; unsigned voiceprints are taken",
            f"once all are signed, set {PREFIX}UNSIGNED_VOICEPRINTS=refuse",
        )
    return Finding("ok", found)


def _open_to_others(folder: os.stat_result) -> bool:
    """Whether they may rename files of others in it."""
    return bool(folder.st_mode & _OTHERS_MAY_WRITE) and not folder.st_mode & stat.S_ISVTX
