"""Signatures of voiceprints: what is made here bears one, and what comes from elsewhere is not taken."""

from dataclasses import dataclass
from typing import Literal, Self

from schemas import voiceprint
from schemas.keyring import KeyRing, Keys
from schemas.voiceprint import Signer, Voiceprint


@dataclass(frozen=True, slots=True)
class Signatures:
    """Containers as this appliance writes and takes them.

    Those that it writes are signed with the current one of `keys`, those that it takes with any of them, or not at all
    when `accept_unsigned` is set. Without keys nothing is signed, and nothing that is signed can be taken.
    """

    keys: Keys | None = None
    accept_unsigned: bool = False

    @classmethod
    def of(cls, ring: KeyRing | None, unsigned: Literal["refuse", "accept"]) -> Self:
        """Those of the settings `key_ring` and `unsigned_voiceprints`."""
        return cls(ring.derive("voiceprint") if ring else None, unsigned == "accept")

    @property
    def required(self) -> bool:
        """Whether nothing is taken that is not signed."""
        return self.keys is not None and not self.accept_unsigned

    @property
    def signer(self) -> Signer | None:
        keys = self.keys
        return None if keys is None else Signer(keys.current, keys.by_id[keys.current])

    def encode(self, made: Voiceprint) -> bytes:
        """The container of `made`. Raises as `voiceprint.encode` does."""
        return voiceprint.encode(made, self.signer)

    def decode(self, container: bytes) -> Voiceprint:
        """What is in `container`. Raises VoiceprintError, before its map is parsed when the signature is at fault."""
        if self.keys is None:
            return voiceprint.decode(container)
        return voiceprint.decode(container, self.keys.by_id, unsigned=self.accept_unsigned)

    def key(self, container: bytes) -> bytes | None:
        """Under which `container` is signed, which `decode` has taken; None for one that is not."""
        key_id = voiceprint.key_id(container)
        return None if self.keys is None or key_id is None else self.keys.by_id[key_id]

    def signed(self, container: bytes) -> bytes:
        """The same voiceprint signed with the current key, byte for byte `container` when it is so already.

        Raises VoiceprintError for one that is damaged, forged, or signed with a key that is not here, and ValueError
        where there are no keys.
        """
        if self.keys is None or self.signer is None:
            raise ValueError("there are no keys to sign with")
        voiceprint.decode(container, self.keys.by_id)
        return voiceprint.sign(container, self.signer)


# As it is without a key ring.
UNSIGNED = Signatures()
