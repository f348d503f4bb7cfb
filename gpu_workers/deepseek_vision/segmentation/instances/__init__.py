"""Instance masks: a detector that outlines each thing it finds."""
