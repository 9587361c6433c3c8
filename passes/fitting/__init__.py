"""What is fitted to calibration images: ranges, weights and biases, in one sweep over the float graph."""
