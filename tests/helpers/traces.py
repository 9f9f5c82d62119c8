"""Traces whose norms are made up, so that what is said of them is known."""

import numpy as np

from keras_gradclip import Trace

GROUPS = ("lstm/kernel", "lstm/recurrent_kernel", "head/kernel")
SPIKES = (500, 1204, 2000)


def made(
    steps=3000,
    drift=1.0,
    spikes=SPIKES,
    groups=GROUPS,
    spread=0.3,
    bound=3.0,
    broken=(),
    observed=False,
    **about,
):
    """Returns a trace of norms that drift, spread and spike as they are told to.

    The groups' norms are around 1, 2, 0.5, ...; spikes of 60 times that are in the
    second, if there is one. Each group is clipped to `bound` times the drift.
    """
    random = np.random.default_rng(0)
    norm = np.exp(spread * random.normal(size=(steps, len(groups))))
    norm *= np.geomspace(1, drift, steps)[:, None]
    norm *= np.array([1.0, 2.0, 0.5])[: len(groups)]
    for step in spikes:
        norm[step, min(1, len(groups) - 1)] *= 60
    for step in broken:
        norm[step] = np.inf
    threshold = np.full(norm.shape, bound) * np.geomspace(1, drift, steps)[:, None]
    scale = np.ones_like(norm) if observed else np.minimum(1, threshold / norm)
    after = np.where(np.isfinite(norm), norm, 0) * scale
    columns = {
        "step": np.arange(steps),
        "epoch": np.arange(steps) // 400,
        "batch": np.arange(steps) % 400,
        "grad_norm": np.sqrt((norm**2).sum(axis=1)),
        "grad_norm_clipped": np.sqrt((after**2).sum(axis=1)),
        "norm": norm,
        "threshold": threshold,
        "scale": scale,
    }
    narrow = {
        n: v.astype("float32") for n, v in columns.items() if v.dtype == "float64"
    }
    settings = {"optimizer": "Adam", "clipper": f"ClipByNorm(max_norm={bound})"}
    return Trace({**columns, **narrow}, groups, **{"settings": settings, **about})
