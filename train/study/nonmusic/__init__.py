"""Speech and noise from Debian's packages and from formulas, to train on and to score with."""
