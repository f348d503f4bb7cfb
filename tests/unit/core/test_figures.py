from apps.core.templatetags.figures import figures


def test_metrics_stand_in_the_order_of_coco_with_a_dash_for_what_was_not_measured():
    found = figures({"loss": 2.0, "AP_large": -1.0, "AP50": 0.5, "AP": 0.31249})

    assert found == [
        ("AP", "0.312"),
        ("AP50", "0.500"),
        ("AP_large", "-"),
        ("loss", "2.000"),
    ]
