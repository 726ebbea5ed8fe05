"""Resemblyzer's whole job, in an environment of its own: a path on every line of standard input, and for each
that is done a line with the seconds of speech that were embedded.

python resemblyzer_job.py THREADS
"""

import sys
from pathlib import Path

import torch
from resemblyzer import VoiceEncoder, preprocess_wav, sampling_rate

# Windows a second: Resemblyzer's own default, and the appliance's hop.
_RATE = 1.3


def main(threads: int) -> None:
    torch.set_num_threads(threads)
    encoder = VoiceEncoder("cpu", verbose=False)
    for line in sys.stdin:
        speech = preprocess_wav(Path(line.rstrip("\n")))
        encoder.embed_utterance(speech, rate=_RATE)
        print(len(speech) / sampling_rate, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
