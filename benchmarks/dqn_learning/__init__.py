"""How well does the DQN example learn, on ten seeds of each environment?"""
