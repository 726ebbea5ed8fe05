"""What `voiceprint doctor` looks at of the embedded Redis: append-only files that were damaged and are kept."""

from appliance.doctor.finding import Finding
from appliance.embedded_redis.salvage import kept_aside
from appliance.settings import Settings


def salvaged(settings: Settings) -> Finding:
    """Such a file holds records of tasks for as long as it is there, whatever is erased meanwhile."""
    found = kept_aside(settings.data_dir / "redis")
    if not found:
        return Finding("ok", "none was damaged")
    size = sum(path.stat().st_size for path in found)
    named = str(found[-1]) if len(found) == 1 else f"{len(found)} files, the newest {found[-1]}"
    return Finding(
        "warn",
        f"one was damaged, and is kept beside its repair: {named} ({size} bytes)",
        "find out why, such as by the disk's own log; then remove it: erased tasks are still told in it",
    )
