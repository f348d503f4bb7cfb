"""Metrics as people read them."""

COCO_ORDER = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large")


def reading_order(name: str) -> tuple[int, str]:
    """Sort key of a metric: COCO's in COCO's order, others behind by name."""
    known = name in COCO_ORDER
    return (COCO_ORDER.index(name) if known else len(COCO_ORDER), name)
