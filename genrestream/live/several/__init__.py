"""Several inputs at once: a process for each device, and the updates of all in one stream."""
