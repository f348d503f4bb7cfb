"""What the catalogue says, and how it is found."""

import pytest

from apps.marketplace.catalogue.formats.choosing import chosen, is_for_converter
from apps.marketplace.catalogue.formats.entries import (
    PATH,
    Sought,
    count,
    entries,
    made_from,
    read,
    search,
    write,
)
from apps.marketplace.catalogue.management.commands.build_catalogue import (
    own_entries,
)
from apps.marketplace.catalogue.types import UpstreamFile


def test_the_catalogue_holds_more_than_1800_models_in_less_than_200_kb():
    sources = [entry.source for entry in entries()]

    assert len(sources) == len(set(sources)) > 1800
    assert PATH.stat().st_size < 200_000
    assert set(made_from()) == {"timm", "transformers"}


def test_facts_are_those_of_the_models():
    known = {entry.source: entry for entry in entries()}

    resnet = known["timm/resnet50.a1_in1k"]
    detr = known["facebook/detr-resnet-50"]

    assert (resnet.parameters, resnet.height, resnet.classes) == (25_557_032, 224, 1000)
    assert (resnet.task, resnet.licence) == ("image-classification", "apache-2.0")
    # transformers says neither, so nobody does.
    assert (detr.task, detr.parameters, detr.licence) == ("object-detection", None, "")


def test_our_own_weights_stand_in_it_as_they_are():
    own = list(own_entries())

    assert own
    assert set(own) <= set(entries())


def test_what_is_written_is_read_again():
    told = write(entries(), made_from=made_from())

    assert read(told) == entries()
    assert told == PATH.read_text()


def test_words_and_facts_narrow_it_down():
    found = search(Sought(text="ResNet50 a1", licence="apache-2.0"))
    unknown = search(Sought(licence="unknown"))
    small = search(Sought(task="image-classification", most_parameters=3_000_000))

    assert {"timm/resnet50.a1_in1k"} <= {entry.source for entry in found}
    assert {entry.licence for entry in unknown} == {""}
    assert max(entry.parameters or 0 for entry in small) <= 3_000_000
    assert dict(count(small)["task"]) == {"image-classification": len(small)}


def test_ours_come_first_and_then_those_of_which_most_is_known():
    found = search(Sought())

    assert found[0].library == found[1].library == "dsportal"
    known = [None not in (one.parameters, one.height) for one in found]
    assert known == sorted(known, reverse=True)
    assert found[-1].parameters is None


def file(path: str) -> UpstreamFile:
    return UpstreamFile(path=path, size=1, git_oid="0" * 40)


def test_pickles_stay_away_where_safetensors_are():
    paths = [
        "a.bin",
        "b/model.SAFETENSORS",
        "README.md",
        "tf_model.h5",
        ".gitattributes",
    ]

    kept = chosen([file(path) for path in paths])

    assert [each.path for each in kept] == ["b/model.SAFETENSORS", "README.md"]


def test_a_pickle_comes_where_there_is_nothing_else():
    kept = chosen([file("pytorch_model.bin"), file("config.json")])

    assert [each.path for each in kept] == ["pytorch_model.bin", "config.json"]


@pytest.mark.parametrize(
    ("paths", "is_worth_it"),
    [
        (["pytorch_model.bin"], True),
        (["config.json", "model.safetensors"], True),
        (["config.json", "model.safetensors", "model.onnx"], False),
        (["README.md", "model.safetensors"], False),
        (["config.json"], False),
    ],
)
def test_a_converter_starts_where_it_could_make_something(
    paths: list[str],
    *,
    is_worth_it: bool,
):
    assert is_for_converter(paths) is is_worth_it
