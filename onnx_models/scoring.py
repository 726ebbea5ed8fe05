"""From raw embeddings to vectors that compare, and their comparison."""

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
# Steps of a component from 0 to 1, as fine as a float32's. Products of two unit vectors in such steps sum up to 2**50
# at most, and float64 adds whole numbers up to 2**53 without rounding.
_STEPS = 2.0**25


def unit(vectors: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """`vectors` at length 1 along the last axis; zeros stay zeros."""
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=-1, keepdims=True)
    scaled: npt.NDArray[np.float64] = np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0)
    return scaled


def centred(vectors: npt.NDArray[np.floating], mean: Vectors, unit_length: bool = True) -> Vectors:
    """`vectors` (…, dimension) seen from the `mean` (dimension,) of many speakers, float32 of their shape.

    With `unit_length`, of models whose embeddings have no length of their own, the direction alone: unit length before
    and after the mean is taken off. What all voices share would otherwise raise every score alike. Dehak et al.,
    "Front-end factor analysis for speaker verification", 2011; Garcia-Romero and Espy-Wilson, "Analysis of i-vector
    length normalization", 2011.
    """
    seen = unit(unit(vectors) - mean) if unit_length else vectors.astype(np.float64) - mean
    return seen.astype(np.float32, copy=False)


def recovered(vectors: Vectors, mean: Vectors, unit_length: bool = True) -> Vectors:
    """What `centred` was given: raw embeddings (n, dimension) of the centred `vectors` (n, dimension), zeros for zeros.

    A raw embedding u of unit length lies on the ray from the `mean` (dimension,) along its centred vector c:
    u = m + t c with |u| = 1, whose one positive root is t = -m·c + sqrt((m·c)² + 1 - |m|²). Raises ValueError for a
    mean that is not shorter than a unit vector, beyond which there may be no root, or two.
    """
    wide, from_origin = vectors.astype(np.float64), mean.astype(np.float64)
    if unit_length:
        squared = from_origin @ from_origin
        if squared >= 1:
            raise ValueError("the mean of unit vectors is shorter than one")
        along = unit(wide) @ from_origin
        reach = np.sqrt(along**2 + 1 - squared) - along
        raw = from_origin + reach[..., np.newaxis] * unit(wide)
    else:
        raw = from_origin + wide
    raw[~vectors.any(axis=-1)] = 0
    return raw.astype(np.float32)


def cosine(rows: Vectors, columns: Vectors) -> Vectors:
    """Cosine scores of unit vectors: (n, dimension) and (m, dimension) to (n, m), in [-1, 1].

    A pair has the same bits whichever side is which and whatever it is scored among: no sum is rounded.
    """
    on_grid = [np.rint(side.astype(np.float64) * _STEPS) for side in (rows, columns)]
    scores = on_grid[0] @ on_grid[1].T
    # In place: a million scores at a time are slow to find room for.
    scores /= _STEPS**2
    return np.clip(scores, -1, 1, out=scores).astype(np.float32)
