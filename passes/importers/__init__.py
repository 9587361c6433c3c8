"""From PyTorch to torch-mlir text: sources, constant folding in torch, export."""
