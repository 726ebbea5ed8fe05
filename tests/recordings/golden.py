"""Writes `golden.npz`: the default model's vectors of the shipped recordings, which tests compare with.

    python tests/recordings/golden.py

To be run only when the vectors are meant to change, which makes another embedding space: see the model's card.
"""

from pathlib import Path

import numpy as np

from onnx_models import open_model

HERE = Path(__file__).parent


def main() -> None:
    model = open_model(device="cpu")
    paths = [path for path in sorted(HERE.iterdir()) if path.suffix not in {".py", ".npz"} and path.is_file()]
    np.savez(HERE / "golden.npz", **{path.name: [v.vector for v in model.extract(path)] for path in paths})


if __name__ == "__main__":
    main()
