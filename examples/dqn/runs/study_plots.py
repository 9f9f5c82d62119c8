"""Pictures of a study, as Optuna draws them."""

import warnings
from pathlib import Path
from typing import Any


def plot_study(study: Any, folder: Path) -> list[Path]:
    """Draws how scores rose, how trials went and which settings did well.

    Returns:
        The pictures that could be drawn: one needs several trials, or a package
        that is not there.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import optuna

    drawn = []
    kinds = {
        "history": "plot_optimization_history",
        "evaluations": "plot_intermediate_values",
        "settings": "plot_slice",
        "importances": "plot_param_importances",
    }
    for name, function in kinds.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that its pictures are experimental
                getattr(optuna.visualization.matplotlib, function)(study)
                for axes in plt.gcf().axes:  # or names of choices overlap
                    axes.tick_params(axis="x", labelrotation=60)
                path = folder / f"{name}.png"
                plt.gcf().savefig(path, bbox_inches="tight", dpi=100)
            drawn.append(path)
        except Exception as error:  # each picture has needs of its own
            reason = " ".join(str(error).split())[:200]
            print(f"no {name}.png: {reason}")
        finally:
            plt.close("all")
    return drawn
