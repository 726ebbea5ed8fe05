"""How every command begins that works on what the appliance keeps: its data folder, API keys, key ring, audit log or
models."""

import os
from typing import Any

from appliance.ownership import require_own, require_private
from appliance.settings import Settings, load

# What the appliance keeps is its user's alone. Models, reports and voiceprints are made for others too, by commands
# that leave the mask as the shell has it.
_MASK = 0o077


def own(**overrides: Any) -> Settings:
    """The settings, as `load` gives them. From here on this process makes files for its user alone.

    Raises ConfigurationError as `load` does, for folders that others may write to, and where root would work in another
    user's folder.
    """
    os.umask(_MASK)
    settings = load(**overrides)
    require_private(settings)
    return settings


def own_models(**overrides: Any) -> Settings:
    """As `own`, of commands that change models, heads or profiles: these are for others to read, so the mask stays as
    the shell has it.

    Raises ConfigurationError as `load` does, and where root would work in another user's folder.
    """
    settings = load(**overrides)
    require_own(settings.models)
    if settings.key_ring:
        # Where there is a key ring, the audit log tells of it.
        require_own(settings.key_ring.parent, settings.key_ring, settings.audit.parent, settings.audit)
    return settings
