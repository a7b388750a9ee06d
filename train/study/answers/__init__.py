"""Studies of what a run's folds answer for the tracks that they did not learn from."""
