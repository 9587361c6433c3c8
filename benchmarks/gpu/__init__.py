"""Speed and bits on an NVIDIA GPU. Only ``prepare`` and ``costs`` need the compiler."""
