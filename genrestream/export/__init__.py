"""Models for other programs: waveform in, logits out, in formats that need neither genrestream nor its cache."""
