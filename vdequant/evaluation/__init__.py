"""Honest measurement: the same pictures, the same run, always with the untouched input and the strongest peers."""
