"""Tables of the 57 columns: extracting, reading and training on them."""
