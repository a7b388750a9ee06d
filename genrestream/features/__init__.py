"""The front ends: a waveform becomes a network's input."""
