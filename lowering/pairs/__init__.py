"""8-bit weights for instructions that add two products in 16 bits: what may saturate, and how to avoid it."""
