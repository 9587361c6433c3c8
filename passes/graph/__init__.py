"""The float model as a graph of tensors with resolved layouts: made from torch ops, named, and walked."""
