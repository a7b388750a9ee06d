"""Publishing: a run's model becomes one that is shipped, with its figures and its card."""
