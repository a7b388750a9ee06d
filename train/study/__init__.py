"""Experiments. Nothing else imports them; each file's first lines say what it measures."""
