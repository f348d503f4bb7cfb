"""Measuring code behind the reports: one tool a file."""
