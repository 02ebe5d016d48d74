"""Codes for months and regions with chosen cosines: the plain way to put a context beside a vector, without training.

The similarity of two contexts is a kernel, a matrix over all months or all regions; a code is a row of a factor of it.
Stage 2's labels are made of the same kernels (`spacetime.training.pairs`), so vectors with codes beside them reach
these labels exactly (lesson 07).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# What a similarity is made of, by default.
MEANING_WEIGHT = 0.6
TIME_WEIGHT = 0.2
REGION_WEIGHT = 0.2


def time_kernel(count: int, *, scale: float | None = None, lowest: float = -1.0) -> Floats:
    """Similarity of every month with every other, (count, count).

    Without `scale` it falls evenly with the months between, from 1 to `lowest` for the two ends of the range; with it,
    as exp(-months / scale).
    """
    position = np.arange(count, dtype=float)
    apart = np.abs(position[:, None] - position)
    if scale is not None:
        return np.exp(-apart / scale)
    return 1 - (1 - lowest) * apart / max(count - 1, 1)


def region_kernel(count: int, *, other: float | None = None) -> Floats:
    """1 for the same region and `other` for any other, (count, count).

    By default -1 / (count - 1), the lowest cosine that so many vectors can all have with each other.
    """
    if other is None:
        other = -1 / (count - 1) if count > 1 else 0.0
    return np.where(np.eye(count, dtype=bool), 1.0, other)


def kernel_factor(kernel: Floats) -> Floats:
    """Codes whose inner products are the kernel: F with F F' = K, (n, rank of K).

    Raises
    ------
    ValueError
        If the kernel has a negative eigenvalue: then no vectors have these inner products.
    """
    values, directions = np.linalg.eigh(kernel)
    if values[0] < -1e-8 * values[-1]:
        raise ValueError(
            f"the kernel has the eigenvalue {values[0]:.3g}, so no codes can have it as their cosines; give one "
            "without negative eigenvalues"
        )
    kept = values > 1e-12 * values[-1]
    factor: Floats = directions[:, kept] * np.sqrt(values[kept])
    return factor


def codes_by_id(kernel: Floats) -> Floats:
    """Codes to look up by id, (n + 1, rank of K): those of the kernel, and zeros last, which the id -1 reads."""
    return np.pad(kernel_factor(kernel), ((0, 1), (0, 0)))


def side_by_side(*parts: tuple[float, NDArray[Any]]) -> Floats:
    """Vectors whose inner products are the weighted sum of their parts' inner products, (n, sum of widths).

    A part is a weight and vectors (n, width).
    """
    return np.concatenate([np.sqrt(weight) * vectors for weight, vectors in parts], axis=1, dtype=np.float64)


def glued(*parts: tuple[float, NDArray[Any]]) -> Floats:
    """The same scaled to length 1, (n, sum of widths): zeros in a part leave it out of the cosine."""
    joined = side_by_side(*parts)
    return joined / np.linalg.norm(joined, axis=1, keepdims=True)


def with_codes(
    meaning: NDArray[np.float32],
    month_ids: NDArray[np.int64],
    region_ids: NDArray[np.int64],
    months: int,
    regions: int,
    *,
    time_weight: float = 1.0,
    region_weight: float = 1.0,
    time_scale: float | None = None,
) -> NDArray[np.float32]:
    """Unit vectors with codes for month and region beside them.

    Parameters
    ----------
    meaning : array (n, C)
        Unit vectors of the texts alone.
    month_ids, region_ids : arrays (n,)
        -1 where missing: that code is 0.
    months, regions
        How many there are.
    time_weight, region_weight
        A dial, from 0 (as if missing) to 1.
    time_scale
        Of `time_kernel`.

    Returns
    -------
    array (n, C + codes)
        Two in full contexts have the cosine .6 meaning + .2 time + .2 region.
    """
    time = codes_by_id(time_kernel(months, scale=time_scale))
    region = codes_by_id(region_kernel(regions))
    return glued(
        (MEANING_WEIGHT, meaning.astype(np.float64)),
        (TIME_WEIGHT * time_weight**2, time[month_ids]),
        (REGION_WEIGHT * region_weight**2, region[region_ids]),
    ).astype(np.float32)
