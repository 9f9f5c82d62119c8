"""Environments as people write them, each with a habit of its own."""

import gymnasium
import numpy as np
from gymnasium import spaces


def plain(side):
    return np.array([side, 0], np.float32)


class Side(gymnasium.Env):
    """Action 1 pays where the light was on the right, action 0 where on the left.

    Episodes have no end of their own. `give` makes the observation of -1, 0 or 1;
    `space` is what is declared; `reward` and `flag` make those of theirs.
    """

    action_space = spaces.Discrete(2)

    def __init__(self, space=None, give=None, reward=float, flag=bool, length=0):
        self.observation_space = space or spaces.Box(-1, 1, (2,), np.float32)
        self.give = give or plain
        self.reward, self.flag, self.length = reward, flag, length
        self.actions = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.side, self.steps = 0, 0
        return self.give(0), {}

    def step(self, action):
        self.actions.append(action)
        pays = (action == 1) == (self.side > 0)
        self.side, self.steps = int(self.np_random.choice([-1, 1])), self.steps + 1
        ended = self.steps == self.length
        flags = self.flag(ended), self.flag(False)
        return self.give(self.side), self.reward(pays), *flags, {}


class NoSeed(Side):
    def reset(self):
        return super().reset()


class OldReset(Side):
    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed)[0]


class OldStep(Side):
    def step(self, action):
        return super().step(action)[:4]


class Masked(Side):
    """Forbids one of three actions at each step, and says which."""

    action_space = spaces.Discrete(3, start=2)

    def _info(self):
        self.mask = np.ones(3, np.int8)
        self.mask[self.steps % 3] = 0
        return {"action_mask": self.mask}

    def reset(self, *, seed=None, options=None):
        observation, _ = super().reset(seed=seed)
        return observation, self._info()

    def step(self, action):
        assert self.mask[action - 2], "it is forbidden"
        *outcome, _ = super().step(action - 2)
        return *outcome, self._info()


class OnlyOne(Side):
    """As a simulator that owns a port."""

    alive = False

    def __init__(self):
        super().__init__()
        if OnlyOne.alive:
            raise OSError("address already in use")
        OnlyOne.alive = True

    def close(self):
        OnlyOne.alive = False


class Sized(Side):
    def __init__(self, size, name="plain"):
        super().__init__(
            spaces.Box(-1, 1, (size,), np.float32),
            lambda side: np.full(size, side, np.float32),
        )
        self.size, self.label = size, name


def register(name, entry, limit=20, **arguments):
    """Makes an environment known, once."""
    if name not in gymnasium.registry:
        gymnasium.register(name, entry, max_episode_steps=limit, kwargs=arguments)
    return name


BOX3 = spaces.Box(-1, 1, (3,), np.float32)
BYTES = spaces.Box(0, 255, (8, 8, 3), np.uint8)
PARTS = spaces.Dict(
    cue=spaces.Box(-1, 1, (1,), np.float32), state=spaces.Discrete(3, start=-1)
)

# Those that cannot be played, with what is told of them.
FAULTY = {
    "OwnShape-v0": (
        dict(entry=Side, space=BOX3),
        "reset gave an observation of shape (2,), declared is (3,)",
    ),
    "OwnRow-v0": (
        dict(entry=Side, give=lambda side: np.array([[side, 0.0]])),
        "reset gave an observation of shape (1, 2), declared is (2,)",
    ),
    "OwnRagged-v0": (
        dict(entry=Side, give=lambda side: [[1.0], [1.0, 2.0]]),
        "reset gave an observation of list of 2, no array",
    ),
    "OwnHalfBytes-v0": (
        dict(entry=Side, space=BYTES, give=lambda _: np.full((8, 8, 3), 0.5)),
        "reset gave an observation with 0.5 of float64, which uint8 cannot hold",
    ),
    "OwnHuge-v0": (
        dict(entry=Side, give=lambda side: np.array([side * 1e39, 0])),
        "step gave an observation with ",
    ),
    "OwnHugeReward-v0": (
        dict(entry=Side, reward=lambda pays: 1e39),
        "step gives rewards that are not finite in float32: 1e+39",
    ),
    "OwnNaN-v0": (
        dict(entry=Side, give=lambda side: np.array([np.nan, 0], np.float32)),
        "reset gave an observation with nan",
    ),
    "OwnNoReward-v0": (
        dict(entry=Side, reward=lambda pays: None),
        "step gave a reward of NoneType, which is no number",
    ),
    "OwnWords-v0": (
        dict(entry=Side, flag=lambda ended: "no"),
        "step gave a flag terminated of str, which is no number",
    ),
    "OwnKeys-v0": (
        dict(entry=Side, space=PARTS, give=lambda side: {"cue": [side]}),
        "reset gave an observation with ['cue'], declared is ['cue', 'state']",
    ),
    "OwnPart-v0": (
        dict(entry=Side, space=PARTS, give=lambda s: {"cue": [s], "state": 2}),
        "reset gave an observation['state'] 2, declared is Discrete(3, start=-1)",
    ),
    "OwnNoSeed-v0": (
        dict(entry=NoSeed),
        "reset fails with TypeError: ",
    ),
    "OwnOldReset-v0": (
        dict(entry=OldReset),
        "reset gave a ndarray, not (observation, info)",
    ),
    "OwnOldStep-v0": (
        dict(entry=OldStep),
        "it must give (observation, reward, terminated, truncated, info)",
    ),
}

# Those that can, with the vector that the agent sees of the side 0 and of 1.
SOUND = {
    "OwnInts-v0": (
        dict(entry=Side, give=lambda side: [side, 0] if side else np.array([0, 0])),
        [0, 0],
    ),
    "OwnDoubles-v0": (
        dict(entry=Side, give=lambda side: np.array([side, 0.0])),
        [0, 0],
    ),
    "OwnReward-v0": (dict(entry=Side, reward=lambda pays: np.array([pays])), [0, 0]),
    "OwnFlags-v0": (
        dict(entry=Side, length=5, flag=lambda ended: np.array([int(ended)])),
        [0, 0],
    ),
    "OwnNumber-v0": (
        dict(entry=Side, space=spaces.Discrete(3, start=-1), give=np.int64),
        [0, 1, 0],
    ),
    "OwnBinary-v0": (
        dict(
            entry=Side,
            space=spaces.MultiBinary(2),
            give=lambda side: [side > 0, side < 0],
        ),
        [0, 0],
    ),
    "OwnDigits-v0": (
        dict(
            entry=Side,
            space=spaces.MultiDiscrete([2, 3]),
            give=lambda side: (0, side + 1),
        ),
        [1, 0, 0, 1, 0],
    ),
    "OwnParts-v0": (
        dict(
            entry=Side,
            space=PARTS,
            give=lambda side: {"state": side, "cue": np.array([side], np.float64)},
        ),
        [0, 0, 1, 0],
    ),
    "OwnPair-v0": (
        dict(
            entry=Side,
            space=spaces.Tuple([spaces.Discrete(3, start=-1), BOX3]),
            give=lambda side: (side, np.full(3, 0.5)),
        ),
        [0, 1, 0, 0.5, 0.5, 0.5],
    ),
}


def register_all():
    """All of the above, and those with an argument."""
    for name, (arguments, _) in {**FAULTY, **SOUND}.items():
        register(name, **arguments)
    register("OwnOnlyOne-v0", OnlyOne)
    register("OwnSized-v0", Sized)
    register("OwnMasked-v0", Masked)
    register("OwnEndless-v0", Side, limit=None)
