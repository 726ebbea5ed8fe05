"""Files that are there already, given new content: at once, and still their owner's."""

import os
import stat
from pathlib import Path

from onnx_models.install import writing


def rewrite(path: Path, content: bytes) -> None:
    """Whoever reads the file, or that which it links to, sees its old content or the new one; owner and mode stay.

    Raises ConfigurationError when it cannot be written, and OSError when it is not there.
    """
    path = path.resolve()
    before = path.stat()
    with writing.replacing(path, stat.S_IMODE(before.st_mode)) as file:
        os.fchown(file.fileno(), before.st_uid, before.st_gid)
        file.write(content)
