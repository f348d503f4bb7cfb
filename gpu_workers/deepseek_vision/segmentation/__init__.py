"""Masks: from clicks and boxes, in medical pictures, and through short videos."""
