"""One class for each pixel: microscopy, computed tomography, surfaces."""
