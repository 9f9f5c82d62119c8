"""Networks on disk: the policy alone, and what is needed to go on training."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from examples.dqn.errors import RunError
from examples.dqn.networks.plain import PlainNetwork
from examples.dqn.networks.policy import Policy
from examples.dqn.settings.agent import NetworkSettings


class NetworkFiles:
    """Writes networks, unless one is somebody's own that Keras cannot save.

    Args:
        make: Makes a network of the kind that the policies have.
        settings: The settings of the network.
    """

    def __init__(self, make: Callable[[], Any], settings: NetworkSettings):
        self._make = make
        self._settings = settings
        self._plain: PlainNetwork | None = None
        self._unwritable: set[str] = set()

    def write_policy(self, folder: Path, policy: Policy) -> None:
        """Writes the network alone, with the weights of a policy.

        An earlier one is replaced at once, for whoever plays while the run goes on.

        Raises:
            RunError: If the disk fails.
        """
        if self._plain is None:
            self._plain = PlainNetwork(self._make(), self._settings)
        self._plain.set_weights(policy.weights)
        self._write(self._plain.write, folder / "policy.keras")

    def write(self, network: keras.Model, path: Path) -> None:
        """Writes a network with its optimizer.

        Raises:
            RunError: If the disk fails.
        """
        self._write(network.save, path)

    def _write(self, write: Callable[[Path], None], path: Path) -> None:
        if path.name in self._unwritable:
            return
        try:
            write(path)
        except OSError as error:
            raise RunError(f"{path} cannot be written ({error})") from error
        except Exception as error:  # each class fails in a way of its own
            path.unlink(missing_ok=True)
            self._unwritable.add(path.name)
            reason = " ".join(str(error).split())
            print(f"no {path.name}, since Keras cannot save this network: {reason}")
