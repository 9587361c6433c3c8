"""The parts of ``quantize``: the model as nodes (graph, trace), numbers (dyadic, scales, …), ops (emit)."""
