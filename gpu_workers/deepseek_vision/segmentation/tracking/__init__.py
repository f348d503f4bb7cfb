"""A box or a mask followed through a short video."""
