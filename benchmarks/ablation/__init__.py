"""What each choice of quantization does to a model's outputs."""
