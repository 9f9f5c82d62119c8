"""A fast, readable DQN for Keras 3 on TensorFlow.

Read it in this order: `config.py` (every knob), `train.py` (the loop),
`agent.py` (the learning rule), then the parts they are made of: `network.py`,
`policy.py`, `replay.py`, `schedules.py`, `envs.py`, `strategy.py`,
`optimizer.py`, `evaluate.py`, `report.py`, `plot.py`.

Run it with `python -m examples.dqn.train`.
"""
