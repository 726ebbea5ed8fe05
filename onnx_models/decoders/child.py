"""What a confined child does with a recording: opens it, says what its header says, then all its sound."""

import os
import sys
from collections.abc import Mapping
from io import FileIO
from typing import Any

from onnx_models.decoders import opening
from onnx_models.decoders.decoder import MOST_BLOCK_FRAMES, SAMPLE_BYTES
from onnx_models.sandbox.wire import Answers
from schemas.errors import MediaError

# A WAV file of one sample.
_SAMPLE = b"RIFF\x26\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\2\0\0\0\0\0"
# An interpreter has learnt a piece of code after as many times.
_REHEARSALS = 16


def work(request: Mapping[str, Any], media: FileIO, answers: Answers) -> None:
    """Answers with the header as `MediaInfo`, blocks of samples, or the MediaError that ended it; or with the name of
    the library that it lacks for this recording."""
    try:
        container, library = opening.identified(media, request["has_extra"])
        # Forking a process that holds FFmpeg takes twice as long: those that do are children of another zygote.
        if library == "ffmpeg" and "onnx_models.decoders.ffmpeg" not in sys.modules:
            answers.text({"lacks": library})
            return
        with opening.opened(media, container, library) as decoder:
            info = decoder.info
            answers.text(
                {
                    "container": info.container,
                    "sample_rate": info.sample_rate,
                    "channels": info.channels,
                    "frames": info.frames,
                    "allowed_shortfall": decoder.allowed_shortfall,
                    "samples": decoder.samples,
                }
            )
            most = MOST_BLOCK_FRAMES * info.channels * SAMPLE_BYTES[decoder.samples]
            for block in decoder.blocks():
                for start in range(0, len(block), most):
                    answers.data(block[start : start + most])
    except MediaError as error:
        answers.text({"refused": error.kind, "message": error.message})


def rehearse() -> None:
    """Does in the zygote, whose pages its children share, what would else be done in each of them."""
    with FileIO(os.devnull, "w") as nowhere, FileIO(os.memfd_create("sample"), "w+") as sample:
        sample.write(_SAMPLE)
        for _ in range(_REHEARSALS):
            work({"has_extra": False}, sample, Answers(nowhere.fileno()))


rehearse()
