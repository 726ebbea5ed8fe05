"""Files that are there already, given new content: at once, and still their owner's."""

import os
import stat
from pathlib import Path

from appliance.ownership import require_own
from onnx_models.install import writing
from schemas import private_file
from schemas.errors import ConfigurationError


def rewrite(path: Path, content: bytes) -> None:
    """Whoever reads the file, or that which it links to, sees its old content or the new one; owner, group and mode
    stay.

    Raises ConfigurationError when it cannot be written or belongs to another user, and OSError when it is not there.
    """
    path = path.resolve()
    before = path.stat()
    if before.st_uid != os.geteuid():
        name = private_file.user_name(before.st_uid)
        raise ConfigurationError(f"{path} belongs to the user {name}: run this as that user")
    require_own(path.parent)
    with writing.replacing(path, stat.S_IMODE(before.st_mode)) as file:
        if os.fstat(file.fileno()).st_gid != before.st_gid:
            os.fchown(file.fileno(), -1, before.st_gid)
        file.write(content)
