"""What others use for adaptive gradient clipping, hooked in where ours is.

On torch timm's function, on JAX optax's: neither looks for NaN, keeps a log or
has a history, so that they do less. Both take the default arguments of our AGC.
"""

from collections.abc import Sequence
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from benchmarks.overhead.bars import OPTAX, TIMM
from benchmarks.overhead.hook import BACKEND, Hook

CLIP_FACTOR, EPSILON = 0.01, 1e-3


class Timm(Hook):
    """timm's units are the rows of a weight, which is right for torch's layers.

    In Keras's they are the columns, as for our AGC. timm is given the weights as
    they are: rows lie together in memory, which makes its norms a little cheaper.
    """

    def prepare(self, variables: Sequence[Any]) -> None:
        self._clip_in_place = timm_function()
        self._parameters = [variable.value for variable in variables]

    def clip(self, gradients: Sequence[Any], variables: Sequence[Any]) -> Sequence[Any]:
        # The gradients that Keras hands over are those of the parameters.
        self._clip_in_place(self._parameters, CLIP_FACTOR, EPSILON)
        return gradients


class Optax(Hook):
    def prepare(self, variables: Sequence[Any]) -> None:
        import optax

        self._update = optax.adaptive_grad_clip(CLIP_FACTOR, EPSILON).update

    def clip(self, gradients: Sequence[Any], variables: Sequence[Any]) -> Sequence[Any]:
        weights = [variable.value for variable in variables]
        clipped, _ = self._update(list(gradients), None, weights)
        return clipped


def timm_function() -> Any:
    """Returns timm's `adaptive_clip_grad`, of a timm without its dependencies.

    Its file needs torch alone, but importing it by name imports all of timm and
    with it torchvision.
    """
    path = Path(find_spec("timm").origin).parent / "utils" / "agc.py"
    spec = spec_from_file_location("timm_agc", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.adaptive_clip_grad


def peers() -> dict[str, type[Hook]]:
    """Returns the active backend's peers, of those that are installed."""
    mine = {"torch": {TIMM: Timm}, "jax": {OPTAX: Optax}}.get(BACKEND, {})
    return {name: hook for name, hook in mine.items() if find_spec(name.split()[0])}


def remarks() -> list[str]:
    """Returns what to install for the active backend's peers that are missing."""
    commands = {
        "torch": ("timm", "pip install --no-deps timm"),
        "jax": ("optax", "pip install optax"),
    }
    package, command = commands.get(BACKEND, ("keras", ""))
    if find_spec(package):
        return []
    return [f"{package} is not installed and was left out: `{command}`"]
