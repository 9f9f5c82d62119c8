"""What is learned, and what its last weights are held to."""

from dataclasses import dataclass

# Never looked at while settings are chosen, which is on 100 to 199.
SEEDS = range(1000, 1020)


@dataclass(frozen=True)
class Task:
    """An environment with its flags, and the bars of its last weights."""

    env_id: str
    mean: float
    """What the mean over the seeds is to be, at least."""
    published: str
    """The best that others have published for a DQN, and after how many steps."""
    flags: str = ""
    """Beside environment and seed."""
    each: float | None = None
    """What a seed is to have by itself, at least."""
    exceptions: int = 0
    """How many seeds may have less."""

    @property
    def name(self) -> str:
        """Names its row and its score file."""
        return " ".join([self.env_id, *self.flags.replace("--", "").split()])

    @property
    def command(self) -> str:
        """The command of one run."""
        words = ["python -m examples.dqn.train", "--env-id", self.env_id, self.flags]
        return " ".join([*filter(None, words), "--seed SEED"])

    @property
    def bar(self) -> str:
        """The bars in words."""
        if self.each is None:
            return f"{self.mean:g}"
        seeds = f"{len(SEEDS) - self.exceptions} of {len(SEEDS)} seeds"
        return f"{self.mean:g}, and {seeds} {self.each:g}"

    def holds(self, scores: list[float]) -> bool:
        """Whether these scores, one of each seed, keep the bars."""
        below = 0 if self.each is None else sum(s < self.each for s in scores)
        return sum(scores) / len(scores) >= self.mean and below <= self.exceptions


TASKS = [
    Task("CartPole-v1", 495, "500.0, 50k (zoo)", each=475, exceptions=1),
    Task("Acrobot-v1", -72, "-69.1, 100k (zoo, QR-DQN)", each=-80),
    Task("MountainCar-v0", -100, "-100.8, 120k (zoo)"),
    Task("LunarLander-v3", 200, "154.4, 100k (zoo, v2)"),
    Task("LunarLander-v3", 250, "265.9, 300k (SLM)", flags="--total-steps 300000"),
]
