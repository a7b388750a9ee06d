"""Transfer learning: a new head on a pretrained network."""
