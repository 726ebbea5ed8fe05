"""The stores that every face of the appliance works with, as the settings say."""

from appliance.settings import Settings
from schemas.keyring import KeyRing
from tasks.stores import Stores


def shared(settings: Settings, redis_url: str, ring: KeyRing | None) -> Stores:
    """Redis at `redis_url` and the store folder; the disk of the data folder counts as well where that is there."""
    return Stores(
        redis_url,
        settings.store,
        ring,
        encrypt=settings.encrypt_store,
        beside=settings.data_dir if settings.data_dir.is_dir() else None,
    )
