"""What quantization did to a model, op by op: numbers, and how they are shown."""
