import json
import re

import pytest
from django.template import engines

from apps.core.charts import Axis, Chart, Series


def loss(**changes: object) -> Chart:
    parts = {
        "title": "Loss <script>",
        "kind": "line",
        "x": Axis(label="Step"),
        "y": Axis(label="Loss", unit="nats", scale="log"),
    }
    return Chart(**{**parts, **changes})  # type: ignore[arg-type]


def drawn(chart: Chart, arguments: str = "") -> str:
    page = engines["django"].from_string(
        "{% load charts %}{% chart spec " + arguments + " %}"
    )
    return str(page.render({"spec": chart}))


def test_what_json_cannot_say_is_a_gap() -> None:
    series = Series(name="train", x=[1, 2, 3, 4], y=[0.5, None, float("nan"), 1e999])

    assert series.as_json()["y"] == [0.5, None, None, None]


def test_columns_of_two_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="train: x has 2 values, y has 1"):
        Series(name="train", x=[1, 2], y=[0.5])


def test_a_page_carries_the_numbers_as_data_and_no_code() -> None:
    series = [Series(name="</script>", x=[1], y=[0.5])]

    html = drawn(loss(series=series), "name='loss' src='/numbers/' heading=2")

    found = re.findall(r"<script([^>]*)>(.*?)</script>", html, re.DOTALL)
    assert [attributes for attributes, _ in found] == [' type="application/json"']
    assert json.loads(found[0][1])["series"][0]["name"] == "</script>"
    assert 'id="loss"' in html
    assert 'src="/numbers/"' in html
    assert "<h2>Loss &lt;script&gt;</h2>" in html
    assert "style=" not in html
