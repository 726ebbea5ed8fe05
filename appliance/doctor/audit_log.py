"""What `voiceprint doctor` looks at of the audit log: that this user can write it, and how long it is."""

import os

from appliance.doctor.finding import Finding
from appliance.settings import PREFIX, Settings
from tasks.audit.reading import ending, kept
from tasks.audit.segments import earlier, kept_head


def audit_log(settings: Settings) -> Finding:
    """Raises ConfigurationError for a key ring that is set and cannot be used."""
    path = settings.audit
    if settings.ring() is None:
        return Finding("ok", "none is kept without a key ring")
    there = [place for place in (path, kept_head(path), path.parent) if place.exists()]
    for place in there:
        if not os.access(place, os.W_OK):
            return Finding(
                "fail",
                f"{place} cannot be written: nothing would be taken in or handed out",
                f"run this as the user of the appliance; else give it to that user, or set {PREFIX}AUDIT_LOG",
            )
    begun = path.exists() or bool(earlier(path))
    if not kept_head(path).exists():
        if begun:
            return Finding(
                "warn",
                f"{kept_head(path)} is missing: nothing here shows whether the log was cut off",
                "`voiceprint audit verify --head` with a head that was exported; the next event makes a new one",
            )
        return Finding("ok", f"{path}: begins with the first event")
    # In this order: others write meanwhile.
    known, found = kept(path).n, ending(path).n
    if found < known:
        return Finding(
            "fail",
            f"{path} is truncated: it has {found} events, and had {known}",
            "keep what is there, and see docs/audit.md; `voiceprint audit verify` tells more",
        )
    return Finding("ok", f"{path}: {found} events; `voiceprint audit verify` proves them")
