"""Classical classifiers on tables of features, compared under several protocols."""
