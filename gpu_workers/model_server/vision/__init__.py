"""Foreign picture models: how to read and how to understand them, by declaration."""
