"""From PyTorch to torch-mlir text: sources, constant folding in torch, export.

The modules of this folder import torch; ``passes.import_model`` loads them once it is known to be installed.
"""
