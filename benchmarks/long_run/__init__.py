"""Do time, memory and thresholds stay as they are over a million updates?"""
