"""How fast is the DQN example on a game of Atari, and what takes the time?"""
