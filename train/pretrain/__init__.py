"""Pre-training without labels: predicting masked patches."""
