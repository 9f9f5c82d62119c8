"""A fast, readable DQN for Keras 3 on TensorFlow.

Read it in this order: `config.py` (every knob), `train.py` (the loop),
`agent.py` (the learning rule) with `losses.py` (its formulas), then the parts
they are made of: `network.py`, `policy.py`, `replay.py`, `nstep.py`, `envs.py`,
`schedules.py`, `strategy.py`, `optimizer.py`, `evaluate.py`, `report.py`.

Run it with `python -m examples.dqn.train`; `seeds.py`, `play.py` and `plot.py` are
what can be done with runs.
"""
