"""Numbers: ranges to scales, scales to dyadic multipliers, weights to integers, functions to tables."""
