"""Kernels: one file a family. Each turns fused ops into launches, and launches into loops."""
