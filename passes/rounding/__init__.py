"""Rounding the weights of one linear layer, in NumPy: steps, integers, and corrections of what rounding did.

A layer has weight float64 [O, I] and sees rows x of its inputs: ``gram = Σ x xᵀ`` float64 [I, I] of
inputs as they are at run time (quantised), ``cross = Σ x x'ᵀ`` with x' the float model's for the same images.
"""
