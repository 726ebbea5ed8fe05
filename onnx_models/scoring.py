"""From raw embeddings to vectors that compare, and their comparison."""

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]


def unit(vectors: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """`vectors` at length 1 along the last axis; zeros stay zeros."""
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=-1, keepdims=True)
    scaled: npt.NDArray[np.float64] = np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0)
    return scaled


def centred(vector: npt.NDArray[np.floating], mean: Vectors) -> Vectors:
    """The direction of `vector` seen from the `mean` of many speakers: unit length, float32, shape (dimension,).

    What all voices share would otherwise raise every score alike. Dehak et al., "Front-end factor analysis for speaker
    verification", 2011; Garcia-Romero and Espy-Wilson, "Analysis of i-vector length normalization", 2011.
    """
    return unit(unit(vector) - mean).astype(np.float32, copy=False)


def cosine(rows: Vectors, columns: Vectors) -> Vectors:
    """Cosine scores of unit vectors: (n, dimension) and (m, dimension) to (n, m), in [-1, 1]."""
    scores: Vectors = np.clip(rows @ columns.T, -1, 1)
    return scores
