"""The vote: from the predictions of chunks to what a stream is, over all of it or now."""
