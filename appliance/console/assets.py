"""What the console is made of: every script, style and picture of this folder."""

from functools import partial
from pathlib import Path

from appliance.assets import POLICY as _STRICT
from appliance.assets import Asset

_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_FOLDER = Path(__file__).parent


def _found(name: str) -> Path:
    return _FOLDER / name


PAGE = Asset("page.html", "text/html", partial(_found, "page.html"))
# No other file can be asked for.
ASSETS = {
    path.name: Asset(path.name, _TYPES[path.suffix], partial(_found, path.name))
    for path in sorted(_FOLDER.iterdir())
    if path.suffix in _TYPES
}
# It computes in a worker, and plays what was dropped onto it or spoken to it.
POLICY = f"{_STRICT}; worker-src 'self'; media-src blob:"
# The microphone is asked for here and nowhere else, when its button is pressed.
PERMISSIONS = "camera=(), display-capture=(), geolocation=(), microphone=(self), payment=(), usb=()"
