"""An appliance with a key ring and API keys, and what its audit log says."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pybase64 import b64encode

from appliance.access import api_key, key_file
from appliance.access.api_key import Scope
from appliance.settings import Settings
from schemas.keyring import KeyRing
from tasks.audit.reading import Snapshot
from tasks.audit.verifying import Report, verify
from tests.conftest import Appliance, running

SECRET = bytes(range(32))
RING = KeyRing({1: SECRET})


def ring_in(folder: Path) -> Path:
    """A key ring in a file of the folder."""
    path = folder / "ring.toml"
    path.write_text(f'[[key]]\nid = 1\nsecret = "{b64encode(SECRET).decode()}"\n')
    path.chmod(0o600)
    return path


def key_in(folder: Path, name: str) -> str:
    """An API key that opens everything, kept in the data folder."""
    with key_file.changing(folder / "api-keys.json") as kept:
        made, text = api_key.issued(name, taken={key.id for key in kept}, scopes=tuple(Scope))
        kept.append(made)
    return text


@contextmanager
def started(folder: Path, models_dir: Path, **settings: object) -> Iterator[Appliance]:
    """With its data in `folder`, and the ring beside it."""
    given = {"http_port": 0, "workers": 1, "models_dir": models_dir, "key_ring": ring_in(folder.parent)}
    with running(Settings.model_validate(given | {"data_dir": folder} | settings)) as appliance:
        yield appliance


def events(folder: Path, what: str = "") -> list[dict[str, Any]]:
    """Of the audit log in the data folder, those of one kind."""
    # The last line may be on its way.
    lines = (folder / "audit.log").read_bytes().rpartition(b"\n")[0].splitlines()
    return [found for found in map(json.loads, lines) if found["what"].startswith(what)]


def verified(folder: Path) -> Report:
    snapshot = Snapshot(folder / "audit.log")
    try:
        return verify(snapshot, RING.derive("audit"))
    finally:
        snapshot.close()
