"""How long from the start of the process until CartPole is solved?"""
