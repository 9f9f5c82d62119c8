"""The command of the DQN example, in a process that may be told to die.

Its first argument is the environment step at which it dies, "never" for none.
"""

import sys

from examples.dqn import train

dies_at, *flags = sys.argv[1:]

if dies_at != "never":
    from work import die

    from examples.dqn.trainer import Trainer

    collect = Trainer._collect

    def collect_or_die(self, end):
        if self.step >= int(dies_at):
            die()
        collect(self, end)

    Trainer._collect = collect_or_die

sys.exit(train.run_command(flags))
