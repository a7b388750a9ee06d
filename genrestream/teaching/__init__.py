"""Teaching a model genres of your own: a linear layer on the frozen network of another model."""
