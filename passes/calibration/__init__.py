"""Calibration: where the images come from, and what is observed on them."""
