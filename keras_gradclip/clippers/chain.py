"""One clipper after another."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any

import keras

from keras_gradclip._backend import ops
from keras_gradclip.clippers import base
from keras_gradclip.clippers.arguments import yes_or_no
from keras_gradclip.clippers.numbers_in_force import Numbers


@dataclass(frozen=True)
class ChainGroups(base.Groups):
    """The groups of all links, one link after another."""

    links: tuple[base.Groups, ...] = ()


def _links(name: str, value: Any) -> tuple[base.Clipper, ...]:
    """Returns what was given as the links of a chain, checked."""
    from keras_gradclip.clippers.lookup import get

    given = list(value) if isinstance(value, Iterable) else value
    links = [get(clipper) for clipper in given] if isinstance(given, list) else []
    if not links or None in links:
        raise ValueError(
            f"`{name}` must be a list of at least one clipper. "
            f"Received: {name}={given!r}"
        )
    return tuple(link for link in links if link is not None)


@keras.saving.register_keras_serializable(package="keras_gradclip")
class Chain(base.Clipper):
    """Applies several clippers in turn, each to what the last one left.

    Use it to combine an adaptive rule with a fixed bound, or to clip parts
    of a model by different rules with `include` and `exclude`.

    Each link keeps its own state, scope and `on_nonfinite`, and measures
    the gradient that reaches it. Its groups are recorded under its position,
    as in `"0/global"`.

    Args:
        clippers: The clippers, at least one, in the order of application.
        observe_only: Whether to change nothing; see `GroupedClipper`. Each link
            then measures what the links before it would have left.

    Raises:
        ValueError: If `clippers` is empty or holds anything else.

    Example:

    ```python
    clipper = Chain([AGC(0.1, exclude="head"), ClipByNorm(1.0, include="head")])
    ```
    """

    clippers: Annotated[Sequence[base.Clipper], _links]
    _: KW_ONLY
    observe_only: Annotated[bool, yes_or_no] = False

    @property
    def skips_nonfinite(self) -> bool:
        skips = any(clipper.skips_nonfinite for clipper in self.clippers)
        return skips and not self.observe_only

    @property
    def skips_spikes(self) -> bool:
        return any(clipper.skips_spikes for clipper in self.clippers)

    def group(
        self,
        variables: Sequence[Any],
        unit_axes: Mapping[str, Sequence[int]] | None = None,
    ) -> ChainGroups:
        links = tuple(link.group(variables, unit_axes) for link in self.clippers)
        names = tuple(f"{i}/{n}" for i, link in enumerate(links) for n in link.names)
        return ChainGroups(names, (None,) * len(variables), links=links)

    def initial_state(self, groups: base.Groups) -> base.State:
        return {
            f"{i}_{name}": value
            for i, (link, part) in enumerate(self._with_groups(groups))
            for name, value in link.initial_state(part).items()
        }

    def clip(
        self,
        gradients: Sequence[Any],
        state: base.State,
        weights: Sequence[Any],
        step: Any,
        groups: base.Groups,
    ) -> tuple[list[Any], base.State, base.Record]:
        new_state: base.State = {}
        records = []
        for i, (link, part) in enumerate(self._with_groups(groups)):
            own = _of_link(i, state)
            gradients, own, record = link.clip(gradients, own, weights, step, part)
            new_state.update({f"{i}_{name}": value for name, value in own.items()})
            records.append(record)
        return list(gradients), new_state, _joined(records)

    def numbers(self) -> dict[str, Numbers]:
        return {
            f"{i}_{name}": numbers
            for i, link in enumerate(self.clippers)
            for name, numbers in link.numbers().items()
        }

    def in_use(self, rows: Mapping[str, Any]) -> "Chain":
        there: Chain = super().in_use(rows)
        links = (link.in_use(_of_link(i, rows)) for i, link in enumerate(self.clippers))
        vars(there)["clippers"] = tuple(links)
        return there

    def _with_groups(self, groups: base.Groups) -> zip:
        assert isinstance(groups, ChainGroups)
        return zip(self.clippers, groups.links)


def _of_link(i: int, named: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what is of one link, under the link's own names."""
    prefix = f"{i}_"
    return {
        name.removeprefix(prefix): value
        for name, value in named.items()
        if name.startswith(prefix)
    }


def _joined(records: Sequence[base.Record]) -> base.Record:
    """Returns what a chain did: each link's groups, and the whole from end to end."""
    first, last = records[0], records[-1]
    norms, thresholds, scales = (
        ops.concatenate(parts)
        for parts in zip(*((r.norms, r.thresholds, r.scales) for r in records))
    )
    # What reaches a later link may be zeros in place of what was broken.
    skips = [r.skipped for r in records if r.skipped is not False]
    skipped = functools.reduce(ops.logical_or, skips) if skips else False
    return base.Record(
        norms, thresholds, scales, first.whole, last.whole_after, first.finite, skipped
    )
