import io
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from deepseek_vision import events
from deepseek_vision.errors import ImageError, VisionError
from deepseek_vision.images import list_pictures
from deepseek_vision.predict import ObjectDetector, load_model
from deepseek_vision.spec import DetectSpec, ImageRef


@pytest.fixture(scope="module")
def detector(nano_folder):
    return ObjectDetector(load_model(nano_folder, precision="int8"))


def start(folder, spec):
    folder.mkdir(exist_ok=True)
    (folder / "spec.json").write_text(spec.to_json())
    return subprocess.Popen(
        [sys.executable, "-m", "deepseek_vision", "run", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def run(folder, spec):
    process = start(folder, spec)
    out, err = process.communicate(timeout=180)
    return (
        process.returncode,
        [events.from_wire(line) for line in out.splitlines()],
        err,
    )


def pictures_of(line):
    return sorted((line / "images").iterdir())


def test_a_child_answers_each_picture_and_names_a_bad_one(tmp_path, nano_folder, line):
    files = pictures_of(line)[:3]
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    paths = [files[0], bad, files[1], files[2]]
    spec = DetectSpec(
        model=str(nano_folder),
        images=tuple(ImageRef(id=n, path=str(p)) for n, p in enumerate(paths)),
        batch_size=2,
        score_threshold=0.0,
    )

    code, said, _ = run(tmp_path / "run", spec)

    assert code == 0
    assert [event.type for event in said] == [
        "started",
        "image_detected",
        "image_failed",
        "image_detected",
        "image_detected",
        "finished",
    ]
    assert [event.image_id for event in said[1:-1]] == [0, 1, 2, 3]
    assert said[2].reason.endswith("bad.jpg: not a picture in a known format")
    assert len(said[0].revision) == 64
    assert said[-1].num_images == 3
    assert said[-1].num_detections == sum(
        len(e.detections) for e in said if isinstance(e, events.ImageDetected)
    )
    assert said[1].detections
    for found in said[1].detections:
        x1, y1, x2, y2 = found.bbox
        assert 0 <= x1 <= x2 <= 640
        assert 0 <= y1 <= y2 <= 480


def test_a_child_without_its_model_says_why_in_one_line(tmp_path):
    code, said, err = run(tmp_path / "run", DetectSpec(model="nothing", images=()))

    assert code == 1
    assert said == []
    assert (
        err.strip().splitlines()[-1].startswith("no model named 'nothing'; there are")
    )


def test_a_child_answers_only_for_labels_it_knows(tmp_path, nano_folder, line):
    image = ImageRef(id=1, path=str(pictures_of(line)[0]))
    spec = DetectSpec(
        model=str(nano_folder),
        images=(image,),
        labels=("Scratch", "unheard of"),
        score_threshold=0.0,
    )

    code, said, _ = run(tmp_path / "run", spec)

    assert code == 0
    assert {found.label for found in said[1].detections} == {"Scratch"}


def test_a_child_that_knows_no_label_says_what_it_knows(tmp_path, nano_folder):
    spec = DetectSpec(model=str(nano_folder), images=(), labels=("unheard of",))

    code, _, err = run(tmp_path / "run", spec)

    assert code == 1
    assert "none of the labels unheard of is a class of this model" in err


def test_a_child_told_to_stop_ends_after_its_batch(tmp_path, nano_folder, line):
    file = pictures_of(line)[0]
    spec = DetectSpec(
        model=str(nano_folder),
        images=tuple(ImageRef(id=n, path=str(file)) for n in range(5000)),
        batch_size=1,
    )
    process = start(tmp_path / "run", spec)
    first = [process.stdout.readline() for _ in range(2)]

    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=90)

    assert process.returncode == 143
    assert time.monotonic() - began < 10
    kinds = [events.from_wire(line).type for line in [*first, *rest.splitlines()]]
    assert kinds[0] == "started"
    assert set(kinds[1:]) == {"image_detected"}
    assert len(kinds) < 5000


def test_serving_loads_no_torch(nano_folder, line):
    code = (
        "import sys, deepseek_vision as dv;"
        f"d = dv.ObjectDetector(dv.load_model({str(nano_folder)!r}));"
        f"d.detect({str(pictures_of(line)[0])!r});"
        "print('torch' in sys.modules)"
    )

    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert answer.stdout.strip() == "False"


def test_every_form_of_a_picture_gives_the_same_answer(detector, line):
    file = pictures_of(line)[0]
    image = Image.open(file)
    options = {"score_threshold": 0.001}

    answers = [
        detector.detect(source, **options)
        for source in (file, str(file), file.read_bytes(), image, np.asarray(image))
    ]

    assert answers[0]
    # A path may be decoded at half size, an array may not.
    assert answers[0] == answers[1] == answers[2]
    assert answers[3] == answers[4]


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_one_and_two_threads_answer_alike_bit_for_bit(nano_folder, line, precision):
    file = pictures_of(line)[1]
    found = [
        ObjectDetector(
            load_model(nano_folder, precision=precision, num_threads=threads)
        ).find(file, score_threshold=0.0)
        for threads in (1, 2, 1)
    ]

    for other in found[1:]:
        assert np.array_equal(found[0].boxes_xyxy_N4, other.boxes_xyxy_N4)
        assert np.array_equal(found[0].scores_N, other.scores_N)


def test_a_folder_goes_on_past_a_bad_file(detector, line, tmp_path):
    good = pictures_of(line)[0].read_bytes()
    for name, content in (("a.jpg", good), ("b.jpg", good[:500]), ("c.jpg", good)):
        (tmp_path / name).write_bytes(content)

    answers = list(detector.detect_many(tmp_path, score_threshold=0.001))

    assert isinstance(answers[1], ImageError)
    assert "b.jpg" in str(answers[1])
    assert answers[0] == answers[2]


def test_a_folder_is_detected_in_order_with_a_bar_at_a_terminal(
    detector, line, monkeypatch
):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    files = list_pictures(line / "images")[:3]
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    whole = detector.detect(line / "images")

    assert whole[:3] == detector.detect(files)
    assert f"{len(whole)}/{len(whole)}" in terminal.getvalue()


def test_a_list_goes_on_past_a_bad_file_and_names_it(detector, line, caplog):
    good = pictures_of(line)[0]

    answers = detector.detect([good, "/missing.jpg", good], score_threshold=0.001)

    assert answers[0] == answers[2] == detector.detect(good, score_threshold=0.001)
    assert answers[1] == []
    assert "/missing.jpg: no such file" in caplog.text


def test_a_larger_side_is_answered_in_original_pixels(nano_folder, line):
    wide = ObjectDetector(load_model(nano_folder), side_px=256)

    found = wide.find(pictures_of(line)[0], score_threshold=0.0)

    assert found.boxes_xyxy_N4[:, 2].max() <= 640
    with pytest.raises(VisionError, match="side_px must be at least 32, got 8"):
        ObjectDetector(load_model(nano_folder), side_px=8)


def test_a_batch_answers_like_single_pictures(detector, line):
    files = pictures_of(line)[:3]

    together = list(detector.detect_many(files, batch_size=3, score_threshold=0.001))

    alone = [detector.detect(file, score_threshold=0.001) for file in files]
    assert [[d["class"] for d in a] for a in together] == [
        [d["class"] for d in a] for a in alone
    ]
    for a, b in zip(together[0], alone[0], strict=True):
        assert a["bbox"] == pytest.approx(b["bbox"], abs=0.05)


def test_prompts_choose_what_is_named(detector, line):
    found = detector.detect(pictures_of(line)[0], text=["dent"], score_threshold=0.0)

    assert {d["class"] for d in found} == {"dent"}


def test_tiles_reach_the_whole_picture_and_boxes_stay_inside(detector):
    rng = np.random.default_rng(8)
    wide = rng.integers(0, 255, (200, 500, 3), dtype=np.uint8)

    found = detector.find(wide, score_threshold=0.0, tile=True)

    assert len(found.boxes_xyxy_N4)
    assert found.boxes_xyxy_N4.min() >= 0
    assert found.boxes_xyxy_N4[:, 2].max() <= 500
    assert found.boxes_xyxy_N4[:, 3].max() <= 200


def test_the_shell_prints_one_line_a_picture_and_draws(nano_folder, line, tmp_path):
    file = pictures_of(line)[0]

    answer = subprocess.run(
        [
            *(sys.executable, "-m", "deepseek_vision", "detect", str(file)),
            *("--model", str(nano_folder), "--score", "0.001"),
            *("--draw", str(tmp_path / "drawn")),
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    (line_of_json,) = answer.stdout.splitlines()
    assert json.loads(line_of_json)["file"] == str(file)
    with Image.open(tmp_path / "drawn" / f"{file.stem}.jpg") as drawn:
        assert drawn.size == (640, 480)
