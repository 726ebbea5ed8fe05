"""Makes the recordings beside it with espeak-ng, ffmpeg and PyAV; run once, by hand: the tests need no program.

    python tests/recordings/make.py

Synthetic voices read sentences written for this project, so nobody's voice and nobody's rights are in them.
"""

import subprocess
import tempfile
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr

HERE = Path(__file__).parent
RATE = 16_000
DEMO = "This is a recording of a voice. Send it to the appliance, and a voiceprint comes back."
ANSWER = "Another speaker answers the call, and asks whether the line is clear enough."

# Kind of file by name; every one holds the first seconds of the demo.
_FFMPEG = {
    "ulaw-8k.wav": ["-ar", "8000", "-c:a", "pcm_mulaw"],
    "gsm-8k.wav": ["-ar", "8000", "-c:a", "libgsm_ms"],
    "vorbis.ogg": ["-c:a", "libvorbis", "-q:a", "2"],
    "opus.opus": ["-c:a", "libopus", "-b:a", "24k"],
    "mpeg.mp3": ["-c:a", "libmp3lame", "-b:a", "32k"],
    "aac.m4a": ["-c:a", "aac", "-b:a", "32k"],
    "opus.webm": ["-c:a", "libopus", "-b:a", "24k"],
}


def speak(voice: str, text: str, words_per_minute: int = 160) -> np.ndarray:
    """espeak-ng's speech as float32 at RATE, shape (samples,)."""
    with tempfile.TemporaryDirectory() as folder:
        spoken = Path(folder) / "spoken.wav"
        subprocess.run(["espeak-ng", "-v", voice, "-s", str(words_per_minute), "-w", str(spoken), text], check=True)
        samples, rate = soundfile.read(spoken, dtype="float32")
    return soxr.resample(samples, rate, RATE, quality="HQ")


def main() -> None:
    demo, answer = speak("en-us+m3", DEMO), speak("en-gb+f2", ANSWER)
    soundfile.write(HERE / "demo.flac", demo, RATE, subtype="PCM_16")
    soundfile.write(HERE / "answer.flac", answer, RATE, subtype="PCM_16")
    # To a model the two voices above are not so different: both are one program. This one is.
    soundfile.write(HERE / "stranger.flac", speak("en-us+f4", ANSWER), RATE, subtype="PCM_16")
    # A call: one speaker on each side, one after the other.
    shorter = min(len(demo), len(answer))
    stereo = np.zeros((2 * shorter, 2), np.float32)
    stereo[:shorter, 0], stereo[shorter:, 1] = demo[:shorter], answer[:shorter]
    soundfile.write(HERE / "call.flac", soxr.resample(stereo, RATE, 8000), 8000, subtype="PCM_16")
    for name, arguments in _FFMPEG.items():
        plain = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags", "+bitexact"]
        source = ["ffmpeg", "-v", "error", "-y", "-i", str(HERE / "demo.flac")]
        subprocess.run([*source, *plain, *arguments, str(HERE / name)], check=True)
    write_amr(HERE / "narrow.amr", soxr.resample(demo, RATE, 8000))


def write_amr(path: Path, samples: np.ndarray) -> None:
    """By PyAV: the ffmpeg of most distributions has no encoder for AMR."""
    with av.open(str(path), "w", format="amr") as target:
        stream = target.add_stream("libopencore_amrnb", rate=8000, layout="mono")
        whole = (samples * 32767).astype(np.int16)[np.newaxis]
        # The encoder takes frames of 20 ms and nothing else.
        for start in range(0, whole.shape[1] - 159, 160):
            frame = av.AudioFrame.from_ndarray(whole[:, start : start + 160], format="s16", layout="mono")
            frame.sample_rate = 8000
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))


if __name__ == "__main__":
    main()
