"""How fast is the DQN example, beside its peers and beside what bounds it?"""
