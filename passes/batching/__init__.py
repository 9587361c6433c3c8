"""Where the batch is in each value of a torch-level function."""
