"""A fast, readable DQN for Keras 3 on TensorFlow.

What is read first lies here, in this order: `train.py` puts the parts together,
`trainer.py` is the loop, `agent.py` the learning rule with its formulas in
`losses.py`, then `optimizer.py`, `schedules.py` and `evaluate.py`. Their organs are
in folders: `settings/` (every knob), `envs/`, `replay/`, `networks/` and `runs/`.

Run it with `python -m examples.dqn.train`; `play.py` and `plot.py` are what can be
done with runs.
"""
