"""Training: from labelled music to the checkpoints that genrestream ships."""
