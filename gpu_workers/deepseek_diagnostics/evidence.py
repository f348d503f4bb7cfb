"""How well labels can be read off a model's features by a line: LogME.

LogME (You et al., ICML 2021, arXiv 2102.11005) is the logarithm of the evidence of a
Bayesian linear model from features to labels, a sample, with both of its precisions at
their best. It needs no training and no held-out data, and punishes features that only
happen to fit. Letters: N samples, D features.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_diagnostics.data import Floats

_MOST_ROUNDS = 20
_LEAST_CHANGE = 1e-3
_TINY = 1e-12


def log_me(features_ND: Floats, labels_N: NDArray[Any]) -> float:
    """The mean over labels of how evident each one is against all others.

    Features and targets are centred, so that the line has a free intercept.

    Raises:
        ValueError: There are fewer than two labels.
    """
    labels = np.unique(labels_N)
    if len(labels) < 2:
        raise ValueError(f"it takes two labels to tell apart, got {len(labels)}")
    centred = features_ND - features_ND.mean(axis=0)
    u, values, _v = np.linalg.svd(centred, full_matrices=False)
    energies = values**2
    kept = energies > _TINY * max(float(energies.max()), _TINY)
    u, energies = u[:, kept], energies[kept]
    scores = []
    for label in labels:
        target = (labels_N == label).astype(np.float64)
        scores.append(_evidence(u, energies, target - target.mean()))
    return float(np.mean(scores))


def _evidence(u_NK: Floats, energies_K: Floats, target_N: Floats) -> float:
    """The best log evidence a sample, by fixed-point steps on the two precisions."""
    num, rank = len(target_N), len(energies_K)
    along_K = (u_NK.T @ target_N) ** 2
    beside = max(float(target_N @ target_N - along_K.sum()), 0.0)
    # In units of the features themselves, so that their scale changes nothing.
    alpha, beta = max(float(energies_K.mean()), _TINY) if rank else 1.0, 1.0
    for _round in range(_MOST_ROUNDS):
        ratio = alpha / beta
        used = float((energies_K / (energies_K + ratio)).sum())
        weight = float((energies_K * along_K / (energies_K + ratio) ** 2).sum())
        error = beside + float((along_K * (ratio / (energies_K + ratio)) ** 2).sum())
        alpha = max(used, _TINY) / (weight + _TINY)
        beta = max(num - used, _TINY) / (error + _TINY)
        if abs(alpha / beta - ratio) <= _LEAST_CHANGE * ratio:
            break
    ratio = alpha / beta
    weight = float((energies_K * along_K / (energies_K + ratio) ** 2).sum())
    error = beside + float((along_K * (ratio / (energies_K + ratio)) ** 2).sum())
    log_volume = float(np.log1p(energies_K / ratio).sum())
    total = (
        num * math.log(beta)
        - log_volume
        - beta * error
        - alpha * weight
        - num * math.log(2 * math.pi)
    )
    return total / (2 * num)
