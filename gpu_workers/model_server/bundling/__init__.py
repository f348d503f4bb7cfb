"""Bundles: a model with its server and everything that runs it, in one folder."""
