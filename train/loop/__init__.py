"""Batches to weights: the step, the loop, its checkpoints and its reports."""
