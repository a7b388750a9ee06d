"""Files, streams and blocks of samples to mono chunks at the model's sample rate."""
