"""How an appliance is set up: as it comes, or as a bank runs it, with a key ring and API keys."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from schemas.keyring import KeyRing
from schemas.signatures import UNSIGNED, Signatures
from tests.faults.appliance import VOICEPRINT

_CALLERS = ("front desk", "back office")


@dataclass(frozen=True, slots=True)
class Configuration:
    """`settings` are those that every appliance of it has, and `owners` the API keys of its callers, one that is empty
    where none is needed."""

    name: str
    settings: Mapping[str, object] = field(default_factory=dict)
    owners: Sequence[str] = ("",)
    signatures: Signatures = UNSIGNED

    @property
    def secured(self) -> bool:
        return bool(self.settings)

    def others(self, owner: str) -> list[str]:
        """The API keys to which a task of `owner` does not exist."""
        return [other for other in self.owners if other != owner]


PLAIN = Configuration("plain")


def secured(folder: Path) -> Configuration:
    """Signed voiceprints, authenticated records, an encrypted store, an audit log and two callers: a ring and keys of
    its own, made in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    ring, keys = folder / "key-ring.toml", folder / "api-keys.json"
    _made({}, "keyring", "create", str(ring))
    owners = [_made({"api_keys_file": keys}, "keys", "create", name) for name in _CALLERS]
    signatures = Signatures.of(KeyRing.read(ring), "refuse")
    return Configuration("secured", {"key_ring": ring, "api_keys_file": keys}, owners, signatures)


def fault_of_audit_log(configuration: Configuration, log: Path) -> str:
    """What `voiceprint audit verify` finds wrong with `log`, empty when it is whole."""
    done = _voiceprint(configuration.settings, "audit", "verify", "--log", str(log))
    return "" if done.returncode == 0 else f"exit code {done.returncode}: {(done.stdout + done.stderr)[-1000:]}"


def _made(settings: Mapping[str, object], *words: str) -> str:
    done = _voiceprint(settings, *words)
    done.check_returncode()
    return done.stdout.strip()


def _voiceprint(settings: Mapping[str, object], *words: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("VOICEPRINT_")}
    given = {f"VOICEPRINT_{name.upper()}": str(value) for name, value in settings.items()}
    return subprocess.run([VOICEPRINT, *words], env=clean | given, capture_output=True, text=True, check=False)
