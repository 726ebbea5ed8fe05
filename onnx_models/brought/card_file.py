"""Cards of a user's own, written into the models folder."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from onnx_models import registry
from onnx_models.install.writing import require_writable, write_atomically
from onnx_models.registry import SpeakerCard
from schemas.errors import ConfigurationError
from schemas.faults import reason

Value = str | int | float | bool
Fields = dict[str, Value | dict[str, Value] | None]


def write(fields: Fields, models_dir: Path, network: bytes, files: Mapping[str, bytes]) -> SpeakerCard:
    """The card of `fields`, written among the user's own after the `network`, and the `files` that lie beside a card.

    Nothing stays when something fails. Raises ConfigurationError, also for a name, a card or a file that is there.
    """
    folder = registry.own_cards_dir(models_dir)
    kept = {key: value for key, value in fields.items() if value not in (None, {})}
    try:
        SpeakerCard.model_validate(kept | {"folder": folder})
        text = toml(fields).encode()
        if tomllib.loads(text.decode()) != kept:
            raise ValueError("it would not read back the same")
    except ValueError as error:
        raise ConfigurationError(f"no card can be made of this: {reason(error)}") from error
    path = folder / f"{fields['name']}.toml"
    contents = {models_dir / str(fields["file"]): network, **{folder / name: held for name, held in files.items()}}
    for taken in (*contents, path):
        if os.path.lexists(taken):
            raise ConfigurationError(f"{taken} is already there; choose another --name, or remove that model first")
    written: list[Path] = []
    try:
        # The card comes last: what it names is there as soon as it is seen.
        for target, content in (*contents.items(), (path, text)):
            write_atomically(target, content)
            written.append(target)
        card = registry.speaker_card(str(fields["name"]), models_dir)
        registry.verify(card, models_dir)
    except BaseException:
        for target in reversed(written):
            target.unlink(missing_ok=True)
        raise
    return card


def require_places(name: str, models_dir: Path) -> None:
    """Raises ConfigurationError when a model called `name` could not be written, before it is worked on."""
    require_writable(models_dir / f"{name}.onnx")
    require_writable(registry.own_cards_dir(models_dir) / f"{name}.toml")


def remove(card: SpeakerCard, models_dir: Path) -> None:
    """Takes away a user's own card with its files, the card first."""
    files = [name for name in (card.mean, card.calibration) if name is not None]
    for path in (card.folder / f"{card.name}.toml", *(card.folder / name for name in files), card.path(models_dir)):
        path.unlink(missing_ok=True)


def toml(fields: Fields) -> str:
    """`fields` as TOML: plain values first, then a table for each mapping; what is None is left out."""
    plain = [f"{key} = {_value(value)}" for key, value in fields.items() if isinstance(value, Value)]
    tables = [
        "\n".join(["", f"[{key}]", *(f"{inner} = {_value(value)}" for inner, value in table.items())])
        for key, table in fields.items()
        if isinstance(table, dict) and table
    ]
    return "\n".join([*plain, *tables, ""])


def _value(value: Value) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{"".join(_escaped(letter) for letter in value)}"'
        case _:
            return repr(value)


def _escaped(letter: str) -> str:
    """What TOML does not allow within a basic string: quotes, backslashes and control characters."""
    if letter in '"\\':
        return f"\\{letter}"
    return f"\\u{ord(letter):04x}" if ord(letter) < 0x20 or ord(letter) == 0x7F else letter


def of_space(fields: Fields, member: SpeakerCard) -> dict[str, bytes]:
    """What a card shares with another of its space: the mean that all vectors are centred with, and the calibration.

    Names both in `fields`, under the card's own name, and gives their contents.
    """
    found = {}
    for field, name in (("mean", member.mean), ("calibration", member.calibration)):
        if name is not None:
            own = f"{fields['name']}-{field}{Path(name).suffix}"
            fields[field] = own
            found[own] = (member.folder / name).read_bytes()
    return found
