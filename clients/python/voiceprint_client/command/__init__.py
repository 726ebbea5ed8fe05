"""The command line `voiceprint-client`, which needs the extra `[cli]`; `voiceprint client` is the same."""

import os
import sys


def main() -> None:
    """Runs it. Without the extra it says how to come by it."""
    try:
        from voiceprint_client.command.app import app  # noqa: PLC0415  # needs what may not be installed
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.exit(f"error: the command line needs {error.name}: pip install 'voiceprint-client[cli]'")
    app(prog_name="voiceprint-client", color=False if os.environ.get("NO_COLOR") else None)
