"""What a terminal shows: the screens, and plain lines in their place."""
