"""Serves one model directory over the Open Inference Protocol."""
