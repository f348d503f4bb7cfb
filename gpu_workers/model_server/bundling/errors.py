class BundleError(Exception):
    """A bundle cannot be made; the message says what to do."""
