"""Rewrites of the float graph that leave its function as it is and make it easier to quantise."""
