"""The commands on models themselves."""
