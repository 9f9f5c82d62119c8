"""The figures of one epoch, gathered part by part."""

from collections.abc import Mapping

import numpy as np

PERCENTILES = (50, 90, 99)


class EpochLogs:
    """Gathers what clipping did in an epoch, and tells it in a few figures.

    A step whose gradient held a NaN or an inf enters neither norms nor
    thresholds. It does enter scale and fraction, as what was done to it: one
    that was dropped was scaled by 0.
    """

    def __init__(self) -> None:
        self._norms: list[np.ndarray] = []
        self._clipped_sum = 0.0
        self._nonfinite = 0
        self._thresholds, self._scales, self._clipped = _Mean(), _Mean(), _Mean()
        self._of_groups: list[tuple[np.ndarray, np.ndarray, int]] = []

    def add(
        self, part: Mapping[str, np.ndarray], skipped: int = 0, nonfinite: int = 0
    ) -> None:
        """Adds steps.

        Args:
            part: Rows, as `optimizer.clip_history` returns them.
            skipped: How many steps were skipped, which have no row.
            nonfinite: How many of those held a NaN or an inf.
        """
        scales, groups = part["scale"], part["scale"].shape[1]
        finite = np.isfinite(part["grad_norm"]) & np.isfinite(part["norm"]).all(axis=1)
        thresholds = part["threshold"][finite]
        self._thresholds.add(thresholds[np.isfinite(thresholds)])
        self._scales.add(scales)
        self._clipped.add(scales < 1.0)
        self._scales.count += skipped * groups
        self._clipped.add(np.ones(skipped * groups))
        clipped = (scales < 1.0).sum(axis=0) + skipped
        summed = part["norm"][finite].sum(axis=0, dtype="float64")
        self._of_groups.append((summed, clipped, len(scales) + skipped))
        self._norms.append(part["grad_norm"][finite])
        self._clipped_sum += part["grad_norm_clipped"][finite].sum(dtype="float64")
        self._nonfinite += int((~finite).sum()) + nonfinite

    def figures(self) -> dict[str, float]:
        """Returns the entries for the logs by name."""
        norms = np.concatenate([np.zeros(0, "float32"), *self._norms])
        some = bool(norms.size)
        mean = float(norms.mean(dtype="float64")) if some else float("inf")
        after = self._clipped_sum / norms.size if some else 0.0
        return {
            "grad_norm": mean,
            "grad_norm_clipped": float(after),
            **self._percentiles(norms),
            "clip_threshold": self._thresholds.value(float("inf")),
            "clip_scale": self._scales.value(1.0),
            "clip_fraction": self._clipped.value(0.0),
            "clip_nonfinite": self._nonfinite,
        }

    def of_groups(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns each group's mean norm and its share of clipped steps."""
        norms = sum(part[0] for part in self._of_groups)
        clipped = sum(part[1] for part in self._of_groups)
        steps = sum(part[2] for part in self._of_groups)
        finite = sum(len(part) for part in self._norms)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.where(finite, norms / np.float64(finite), np.inf)
        return means, np.asarray(clipped) / max(steps, 1)

    def _percentiles(self, norms: np.ndarray) -> dict[str, float]:
        values = [float("inf")] * len(PERCENTILES)
        if norms.size:
            values = np.percentile(norms, PERCENTILES).tolist()
        return {f"grad_norm_p{p}": v for p, v in zip(PERCENTILES, values)}


class _Mean:
    """A mean of numbers that come in parts."""

    def __init__(self) -> None:
        self.sum, self.count = 0.0, 0

    def add(self, values: np.ndarray) -> None:
        self.sum += float(values.sum(dtype="float64"))
        self.count += values.size

    def value(self, otherwise: float) -> float:
        return self.sum / self.count if self.count else otherwise
