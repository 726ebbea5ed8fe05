"""The page that shows the description: ours, with Swagger UI's script and style as a package carries them."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

# Its files are found without an import, since that would load another web framework.
_PACKAGE, _FOLDER = "flask-swagger-ui", "flask_swagger_ui/dist"
_OURS = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its type, and whether it is ours or Swagger UI's."""

    name: str
    content_type: str
    ours: bool = False

    def read(self) -> tuple[bytes, str]:
        """Its bytes, and a digest of them.

        Raises OSError or PackageNotFoundError for a package that is not installed as it was made.
        """
        return _read(_OURS / self.name if self.ours else _theirs(self.name))


PAGE = Asset("page.html", "text/html", ours=True)
# No other file can be asked for.
ASSETS = {
    asset.name: asset
    for asset in (
        Asset("page.js", "text/javascript", ours=True),
        Asset("page.css", "text/css", ours=True),
        Asset("swagger-ui-bundle.js", "text/javascript"),
        Asset("swagger-ui.css", "text/css"),
        Asset("favicon-32x32.png", "image/png"),
    )
}
# Scripts and styles are files from here, and talk to here. Swagger UI's style holds small pictures.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def _theirs(name: str) -> Path:
    return Path(str(distribution(_PACKAGE).locate_file(f"{_FOLDER}/{name}")))


@cache
def _read(path: Path) -> tuple[bytes, str]:
    content = path.read_bytes()
    return content, digest(content)


def digest(content: bytes) -> str:
    """Names a version of `content`."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()
