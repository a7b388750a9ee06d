"""The 57 columns of GTZAN's CSV files, as librosa computes them; only tabular models use them."""
