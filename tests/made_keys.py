"""API keys for appliances of the tests."""

from datetime import datetime
from pathlib import Path

from appliance.access import key_file
from appliance.access.api_key import Scope, issued

FILE = "api-keys.json"


def made_keys(
    folder: Path,
    *names: str,
    scopes: tuple[Scope, ...] = tuple(Scope),
    technologies: tuple[str, ...] | None = None,
    expires: datetime | None = None,
    rate_limit: int | None = None,
) -> tuple[str, ...]:
    """New keys of these names, which an appliance with `folder` as its data folder finds there."""
    texts = []
    with key_file.changing(folder / FILE) as kept:
        for name in names:
            made, text = issued(
                name,
                taken={key.id for key in kept},
                scopes=scopes,
                technologies=technologies,
                expires=expires,
                rate_limit=rate_limit,
            )
            kept.append(made)
            texts.append(text)
    return tuple(texts)


def revoke(folder: Path, text: str, at: datetime) -> None:
    """Makes a key open nothing any more."""
    with key_file.changing(folder / FILE) as kept:
        kept[:] = [key.model_copy(update={"revoked": at}) if key.id in text else key for key in kept]
