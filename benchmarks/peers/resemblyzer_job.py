"""Resemblyzer's whole job, in an environment of its own: a path on every line of standard input, a line for each done.

python resemblyzer_job.py THREADS
"""

import sys
from pathlib import Path

import torch
from resemblyzer import VoiceEncoder, preprocess_wav

# Windows a second: Resemblyzer's own default, and the appliance's hop.
_RATE = 1.3


def main(threads: int) -> None:
    torch.set_num_threads(threads)
    encoder = VoiceEncoder("cpu", verbose=False)
    for line in sys.stdin:
        vector = encoder.embed_utterance(preprocess_wav(Path(line.rstrip("\n"))), rate=_RATE)
        print(len(vector), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
