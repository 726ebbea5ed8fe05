"""What `voiceprint doctor` looks at of the audit log: that this user can write it, and how long it is."""

import os

from appliance.doctor import Finding
from appliance.settings import PREFIX, Settings
from tasks.audit.reading import ending
from tasks.audit.segments import kept_head


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
    if not kept_head(path).exists():
        return Finding("ok", f"{path}: begins with the first event")
    return Finding("ok", f"{path}: {ending(path).n} events; `voiceprint audit verify` proves them")
