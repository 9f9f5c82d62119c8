"""One clipper after another."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from keras_gradclip.clippers.clipper import Clipper
from keras_gradclip.clippers.measured import Record, State
from keras_gradclip.groups import Groups


@dataclass(frozen=True)
class ChainGroups(Groups):
    """The groups of all links, one link after another."""

    links: tuple[Groups, ...] = ()

    @property
    def whole(self) -> slice:
        # The later links measure the same gradient again.
        return slice(len(self.links[0]))


@keras.saving.register_keras_serializable(package="keras_gradclip")
class Chain(Clipper):
    """Applies several clippers in turn, each to what the last one left.

    Use it to combine an adaptive rule with a fixed bound, or to clip parts
    of a model by different rules with `include` and `exclude`.

    Each link keeps its own state, scope and `on_nonfinite`, and measures
    the gradient that reaches it. Its groups are recorded under its position,
    as in `"0/global"`.

    Args:
        clippers: The clippers, at least one, in the order of application.

    Raises:
        ValueError: If `clippers` is empty or holds anything else.

    Example:

    ```python
    clipper = Chain([AGC(0.1, exclude="head"), ClipByNorm(1.0, include="head")])
    ```
    """

    def __init__(self, clippers: Iterable[Any]):
        from keras_gradclip.clippers import get

        super().__init__()
        given = list(clippers) if isinstance(clippers, Iterable) else clippers
        links = [get(clipper) for clipper in given] if isinstance(given, list) else []
        if not links or None in links:
            raise ValueError(
                "`clippers` must be a list of at least one clipper. "
                f"Received: clippers={given!r}"
            )
        self.clippers = [link for link in links if link is not None]

    @property
    def skips_nonfinite(self) -> bool:
        return any(clipper.skips_nonfinite for clipper in self.clippers)

    def group(
        self,
        variables: Sequence[Any],
        unit_axes: Mapping[str, Sequence[int]] | None = None,
    ) -> Groups:
        links = tuple(link.group(variables, unit_axes) for link in self.clippers)
        names = tuple(f"{i}/{n}" for i, link in enumerate(links) for n in link.names)
        return ChainGroups(names, (None,) * len(variables), links=links)

    def initial_state(self, groups: Groups) -> State:
        return {
            f"{i}_{name}": value
            for i, (link, part) in enumerate(zip(self.clippers, _links(groups)))
            for name, value in link.initial_state(part).items()
        }

    def clip(
        self,
        gradients: Sequence[Any],
        weights: Sequence[Any],
        state: State,
        step: Any,
        groups: Groups,
    ) -> tuple[list[Any], State, Record]:
        new_state: State = {}
        records = []
        for i, (link, part) in enumerate(zip(self.clippers, _links(groups))):
            prefix = f"{i}_"
            own = {
                name.removeprefix(prefix): value
                for name, value in state.items()
                if name.startswith(prefix)
            }
            gradients, own, record = link.clip(gradients, weights, own, step, part)
            new_state.update({prefix + name: value for name, value in own.items()})
            records.append(record)
        norms, thresholds, scales = (
            ops.concatenate(parts) for parts in zip(*(r.logged for r in records))
        )
        # What reaches a later link may be zeros in place of what was broken.
        joined = Record(norms, thresholds, scales, records[0].finite)
        return list(gradients), new_state, joined

    def get_config(self) -> dict[str, Any]:
        return {
            "clippers": [keras.saving.serialize_keras_object(c) for c in self.clippers]
        }


def _links(groups: Groups) -> tuple[Groups, ...]:
    assert isinstance(groups, ChainGroups)
    return groups.links
