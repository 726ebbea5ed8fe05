"""The page that shows the description: ours, with Swagger UI's script and style as a package carries them."""

from functools import partial
from importlib.metadata import distribution
from pathlib import Path

from appliance.assets import Asset

# Its files are found without an import, since that would load another web framework.
_PACKAGE, _FOLDER = "flask-swagger-ui", "flask_swagger_ui/dist"


def _ours(name: str) -> Path:
    return Path(__file__).with_name(name)


def _theirs(name: str) -> Path:
    return Path(str(distribution(_PACKAGE).locate_file(f"{_FOLDER}/{name}")))


PAGE = Asset("page.html", "text/html", partial(_ours, "page.html"))
# No other file can be asked for.
ASSETS = {
    name: Asset(name, content_type, partial(found, name))
    for name, content_type, found in (
        ("page.js", "text/javascript", _ours),
        ("page.css", "text/css", _ours),
        ("swagger-ui-bundle.js", "text/javascript", _theirs),
        ("swagger-ui.css", "text/css", _theirs),
        ("favicon-32x32.png", "image/png", _theirs),
    )
}
