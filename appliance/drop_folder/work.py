"""A drop folder at work: what is settled and not known yet is extracted, one recording after the other."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.drop_folder.journal import Journal
from appliance.drop_folder.settled import Dropped, Settling, dropped, version_of
from onnx_models.extractor import Extractor
from onnx_models.install.writing import write_atomically
from onnx_models.passage import Stopped
from schemas import plain_file
from schemas.errors import Refusal, VoiceprintError
from schemas.signatures import Signatures
from schemas.voiceprint import MAXIMUM_BYTES, Voiceprint

# A recording at which the process was ended so often, as by the system when memory is short, is not begun once more.
MOST_ATTEMPTS = 5
_DEADLY = f"the watch was ended {MOST_ATTEMPTS} times while it was at work on it"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has become of a file: the voiceprints that lie there now and their seconds of speech, or why it was
    refused."""

    name: str
    paths: Sequence[Path] = ()
    speech_length: float = 0.0
    reason: str = ""


class Watch:
    """Of one folder, into the folder `out`, which may be the same."""

    def __init__(
        self,
        folder: Path,
        out: Path,
        extractor: Extractor,
        signatures: Signatures,
        journal: Journal,
        *,
        settle: float,
        stop: Callable[[], bool],
    ) -> None:
        """`stop` is asked between the blocks of a recording."""
        self._folder, self._out = folder, out
        self._extractor, self._signatures, self._journal, self._stop = extractor, signatures, journal, stop
        self._settling = Settling(settle)
        # Of this process only: what could not be read now may be readable after the next start.
        self._unreadable: dict[str, object] = {}

    def look(self) -> tuple[Iterator[Outcome], int]:
        """What comes of the files that can be taken now, and how many have to be waited for."""
        new = [file for file in dropped(self._folder) if self._is_new(file)]
        settled = [file for file in new if self._settling.is_settled(file)]
        return self._outcomes(settled), len(new) - len(settled)

    def _is_new(self, file: Dropped) -> bool:
        known = self._journal.entry(file)
        return (known is None or known.state == "begun") and self._unreadable.get(file.name) != file.version

    def _outcomes(self, files: Sequence[Dropped]) -> Iterator[Outcome]:
        for file in files:
            if self._stop():
                return
            # It may have been replaced while the others were worked on.
            if version_of(file.path) == file.version and (outcome := self._worked(file)):
                yield outcome

    def _worked(self, file: Dropped) -> Outcome | None:
        """None for a file that has changed meanwhile, or was left because the watch is being stopped."""
        known = self._journal.entry(file)
        if known is not None and known.attempts >= MOST_ATTEMPTS:
            return self._reject(file, "internal", _DEADLY)
        self._journal.begun(file)
        try:
            with plain_file.opened(file.path) as source:
                found = self._extractor.extract(source, stop=self._stop)
        except Refusal as refusal:
            return self._reject(file, refusal.kind, refusal.message)
        except (Stopped, OSError) as error:
            self._journal.left(file)
            return self._left_unread(file, error) if isinstance(error, OSError) else None
        if version_of(file.path) != file.version:
            self._journal.left(file)
            return None
        paths = [self._written(file, one) for one in found]
        self._journal.done(file)
        return Outcome(file.name, paths, sum(one.speech_length for one in found))

    def _left_unread(self, file: Dropped, error: OSError) -> Outcome | None:
        if version_of(file.path) != file.version:
            return None
        self._unreadable[file.name] = file.version
        return Outcome(file.name, reason=error.strerror or str(error))

    def _reject(self, file: Dropped, kind: str, message: str) -> Outcome:
        self._journal.rejected(file, kind, message)
        return Outcome(file.name, reason=message)

    def _written(self, file: Dropped, made: Voiceprint) -> Path:
        """Where the voiceprint lies. One of the same channel, recording and model that lies there already stays as it
        is: nobody is given the same voiceprint twice."""
        path = self._out / f"{file.below}.{made.channel_number}.vp"
        held = self._held(path)
        if held is None or (held.media_sha256, held.model_sha256, held.channel_number) != (
            made.media_sha256,
            made.model_sha256,
            made.channel_number,
        ):
            write_atomically(path, self._signatures.encode(made))
        return path

    def _held(self, path: Path) -> Voiceprint | None:
        try:
            return self._signatures.decode(plain_file.read(path, MAXIMUM_BYTES))
        except (OSError, VoiceprintError):
            return None
