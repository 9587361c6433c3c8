"""Kernels written for the GPU, one family per file; what has none here runs in its SPMD form."""
