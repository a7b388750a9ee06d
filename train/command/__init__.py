"""What the training commands share: errors to exit codes, and where a model comes from."""
