"""The processes that decode and classify, and what they and the scan say to each other."""
