"""Reports of a running training: the terminal, metrics.jsonl, and loggers such as TensorBoard."""
