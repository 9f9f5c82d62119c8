"""The smallest run of the DQN example in which everything happens."""

SMALL = dict(
    total_steps=1536,
    learning_starts=512,
    train_every=128,
    updates_per_train=8,
    target_period=8,
    hidden_sizes=(16, 16),
    xla=False,  # takes longest to compile
    eval_every=512,
    eval_episodes=2,
    final_episodes=3,
    checkpoint_every=256,
)
