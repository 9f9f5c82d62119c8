"""Why do runs of the DQN example end worse than they were?"""
