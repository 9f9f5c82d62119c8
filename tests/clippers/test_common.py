"""What holds for every rule at every scope; see `RULES` in `helpers.py`."""

import numpy as np
import pytest
from helpers.cases import clip_all, compiled_step, every_case, most_cases, of, step_of
from helpers.stepping import (
    COMPILED,
    MODES,
    PROPERTY,
    arrays,
    gradient_steps,
    piece_norms,
    pieces,
    random_gradients,
    same_states,
    tensors,
)
from hypothesis import given
from rules import CASES, RULES

# Properties.


@every_case
@PROPERTY
@given(steps=gradient_steps(3))
def test_norm_never_exceeds_threshold(name, scope, steps):
    done = clip_all(compiled_step(name, scope), steps)
    recorded_scope = "global" if scope == "unit" else scope
    for gradients, thresholds in zip(done.gradients, done.thresholds):
        norms = piece_norms(recorded_scope, gradients)
        assert (norms <= of(thresholds, scope) * (1 + 1e-5)).all()


@every_case
@PROPERTY
@given(steps=gradient_steps(3))
def test_record_tells_what_happened(name, scope, steps):
    done = clip_all(compiled_step(name, scope), steps)
    recorded_scope = "global" if scope == "unit" else scope
    for clipped, norms, scales in zip(done.gradients, done.norms, done.scales):
        np.testing.assert_allclose(
            of(norms, scope) * of(scales, scope),
            piece_norms(recorded_scope, clipped),
            rtol=1e-4,
        )
        assert (scales >= 0).all()
        assert (scales <= 1).all() or RULES[name].scales_up


@pytest.mark.parametrize("exclude", [None, "head/kernel"])
@every_case
def test_record_has_the_norm_of_the_whole_gradient(name, scope, exclude):
    steps = random_gradients(4)
    nothing, broken = [0.0 * g for g in steps[0]], [g.copy() for g in steps[0]]
    broken[1][0] = np.nan
    common = {} if exclude is None else {"exclude": exclude}
    done = clip_all(step_of(name, scope, **common), [*steps, nothing, broken])
    before = [piece_norms("global", gradients)[0] for gradients in steps]
    after = [piece_norms("global", gradients)[0] for gradients in done.gradients]
    np.testing.assert_allclose(done.whole[:-1], [*before, 0.0], rtol=1e-5)
    np.testing.assert_allclose(done.whole_after, after, rtol=1e-4)
    assert np.isnan(done.whole[-1])
    assert done.whole_after[-1] == 0.0
    assert (done.whole_after[:4] < done.whole[:4]).any()


@most_cases
def test_record_of_a_broken_step_that_is_handed_on_has_no_norm_after(name, scope):
    broken = random_gradients(1)[0]
    broken[1][0] = np.nan
    done = clip_all(step_of(name, scope, on_nonfinite="propagate"), [broken])
    assert np.isnan(done.whole_after[0])


@most_cases
@PROPERTY
@given(steps=gradient_steps(3))
def test_direction_is_kept_inside_a_group(name, scope, steps):
    if not RULES[name].keeps_direction:
        scope = "sign"
    done = clip_all(compiled_step(name, "global" if scope == "sign" else scope), steps)
    for before, after in zip(steps, done.gradients):
        if not RULES[name].keeps_signs:
            assert all((b * a).sum() >= 0 for b, a in zip(before, after))
            continue
        if scope == "sign":
            assert all((b * a >= 0).all() for b, a in zip(before, after))
            continue
        for b, a in zip(pieces(scope, before), pieces(scope, after)):
            length = max(np.linalg.norm(b), 1e-30)
            expected = b * (np.linalg.norm(a) / length)
            np.testing.assert_allclose(a, expected, rtol=1e-5, atol=1e-30)


@pytest.mark.parametrize(
    ("name", "scope"), [case for case in CASES if RULES[case[0]].is_idempotent]
)
@PROPERTY
@given(steps=gradient_steps(2))
def test_clipping_twice_changes_nothing_more(name, scope, steps):
    step = compiled_step(name, scope)
    _, state, _ = step(tensors(steps[0]), step.initial_state(), 0)
    once, _, _ = step(tensors(steps[1]), state, 1)
    twice, _, _ = step(once, state, 1)
    for a, b in zip(arrays(once), arrays(twice)):
        np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "scope"),
    [case for case in CASES if case[1] != "layer" and RULES[case[0]].loose is not None],
)
@PROPERTY
@given(steps=gradient_steps(3))
def test_bound_that_is_never_reached_is_the_identity(name, scope, steps):
    done = clip_all(compiled_step(name, scope, "loose"), steps)
    np.testing.assert_array_equal(done.scales, 1.0)
    for before, after in zip(steps, done.gradients):
        for b, a in zip(before, after):
            np.testing.assert_array_equal(a, b)


@every_case
def test_tight_arguments_do_clip(name, scope):
    # Without this the properties above could hold for a rule that does nothing.
    done = clip_all(compiled_step(name, scope), random_gradients(10))
    assert (done.scales < 1).any()


# Situations.


@most_cases
def test_first_steps_have_a_record_without_nan(name, scope):
    done = clip_all(compiled_step(name, scope), random_gradients(5))
    assert (done.thresholds > 0).all()
    assert np.isfinite(done.scales).all()
    assert (done.scales > 0).all() or RULES[name].skips


# The core as a pure function.


@pytest.mark.parametrize("mode", sorted({COMPILED, *MODES} - {"eager"}))
@most_cases
def test_compiled_core_gives_the_same_numbers_and_traces_once(name, scope, mode):
    steps = random_gradients(8)
    eager = clip_all(step_of(name, scope), steps)
    is_common = mode == COMPILED
    step = compiled_step(name, scope) if is_common else step_of(name, scope, mode)
    done = clip_all(step, steps)
    assert step.traces == 1
    np.testing.assert_allclose(done.norms, eager.norms, rtol=1e-5)
    np.testing.assert_allclose(done.thresholds, eager.thresholds, rtol=1e-4)
    np.testing.assert_allclose(done.scales, eager.scales, rtol=1e-4)
    for a, b in zip(done.gradients, eager.gradients):
        for x, y in zip(a, b):
            np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-7)


@most_cases
def test_state_keeps_names_shapes_and_dtypes(name, scope):
    step = step_of(name, scope)
    start = step.clipper.initial_state(step.groups)
    done = clip_all(step, random_gradients(2))
    assert {k: (v.shape, v.dtype) for k, v in done.state.items()} == {
        k: (v.shape, v.dtype) for k, v in start.items()
    }


@most_cases
def test_clipping_changes_none_of_its_arguments(name, scope):
    step = step_of(name, scope)
    start = step.clipper.initial_state(step.groups)
    copies = {k: v.copy() for k, v in start.items()}
    gradients = random_gradients(1)[0]
    given_tensors = tensors(gradients)
    step(given_tensors, start, 0)
    same_states(start, copies)
    for a, b in zip(arrays(given_tensors), gradients):
        np.testing.assert_array_equal(a, b)


@most_cases
def test_one_clipper_serves_two_states(name, scope):
    step = compiled_step(name, scope)
    mine, other = random_gradients(4, seed=1), random_gradients(4, seed=2)
    alone = clip_all(step, mine)
    states = [step.initial_state(), step.initial_state()]
    for t, (a, b) in enumerate(zip(mine, other)):
        clipped, states[0], _ = step(tensors(a), states[0], t)
        _, states[1], _ = step(tensors(b), states[1], t)
        for x, y in zip(arrays(clipped), alone.gradients[t]):
            np.testing.assert_array_equal(x, y)


@most_cases
def test_record_has_one_float32_for_each_group(name, scope):
    step = step_of(name, scope)
    done = clip_all(step, random_gradients(1))
    for column in (done.norms, done.thresholds, done.scales):
        assert column.dtype == np.float32
        assert column.shape == (1, len(step.groups))
