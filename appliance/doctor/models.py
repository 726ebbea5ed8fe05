"""What `voiceprint doctor` looks at of models, heads and profiles: whatever would keep the workers from starting."""

from collections.abc import Iterator

from appliance.doctor.finding import Finding
from appliance.settings import PREFIX, Settings
from onnx_models import heads, profiles, registry
from onnx_models.registry import SpeakerCard
from schemas.errors import ConfigurationError


def model(settings: Settings, name: str) -> Finding:
    """The file of a model that is served, or that all need."""
    try:
        if name == registry.VOICE_ACTIVITY_MODEL:
            card = registry.card(name, settings.models)
        else:
            card = registry.speaker_card(name, settings.models)
        if card.file is None:
            return Finding("ok", f"{name} has no network and needs no file")
        return Finding("ok", f"{registry.verify(card, settings.models)} is as pinned")
    except ConfigurationError as error:
        finding, _, cure = error.message.rpartition("; ")
        return Finding("fail", finding or error.message, cure if finding else f"see {PREFIX}MODEL and MORE_MODELS")


def cards(settings: Settings) -> Finding:
    """A user's own cards; one that is none keeps every command and worker from starting."""
    folder = registry.own_cards_dir(settings.models)
    try:
        known = registry.cards(settings.models)
    except ConfigurationError as error:
        return Finding("fail", error.message, f"mend the card, or move it out of {folder}")
    own = [card for card in known.values() if not card.shipped]
    for card in own:
        try:
            if isinstance(card, SpeakerCard):
                profiles.card_profile(card)
        except ConfigurationError as error:
            served = card.name in settings.served_models
            return Finding(
                "fail" if served else "warn", f"{card.name}: {error.message}", f"put the file right in {folder}"
            )
    return Finding("ok", f"{len(own)} own in {folder}" if own else "those of this package")


def told_by_heads(settings: Settings) -> Finding:
    """Heads; a worker opens all of them at its start."""
    try:
        own = sum(not head.shipped for head in heads.load_heads(settings.models))
    except ConfigurationError as error:
        folder = heads.user_folder(settings.models)
        return Finding("fail", error.message, f"remove it with `voiceprint heads remove`, or from {folder}")
    return Finding("ok", f"{own} own" if own else "those of this package")


def saved_profiles(settings: Settings) -> Finding:
    """Audio source profiles: the one that is set has to be there, the others need only be readable."""
    if settings.profile is not None:
        card = registry.speaker_card(settings.model, settings.models)
        try:
            # As workers do: `default` is not a name that can be set.
            profiles.load_profile(settings.profile, card.space, settings.models)
            profiles.find_profile(settings.profile, card, settings.models)
        except ConfigurationError as error:
            cure = f"make it with `voiceprint calibrate DIR --profile {settings.profile}`, or unset {PREFIX}PROFILE"
            return Finding("fail", error.message, cure)
    if broken := list(_broken(settings)):
        return Finding("warn", "; ".join(broken), "calibrate again, or remove them with `voiceprint profiles remove`")
    return Finding("ok", f"{settings.profile} is used" if settings.profile else "each model's own is used")


def _broken(settings: Settings) -> Iterator[str]:
    known = registry.cards(settings.models).values()
    # A space may have several models.
    for space, card in {card.space: card for card in known if isinstance(card, SpeakerCard)}.items():
        for name in profiles.profiles(settings.models, space):
            try:
                profiles.find_profile(name, card, settings.models)
            except ConfigurationError as error:
                yield error.message
