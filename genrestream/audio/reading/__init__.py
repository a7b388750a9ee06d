"""From a name to packets: opening files, pipes and network streams, whatever they claim to be."""
