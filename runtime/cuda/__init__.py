"""Runs GPU code with NVIDIA's own packages: memory, graphs, and PyTorch tensors in and out."""
