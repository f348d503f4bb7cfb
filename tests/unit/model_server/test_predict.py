import base64
import http.client
import json
import socket
import time

import pytest

from model_server.__main__ import main
from model_server.errors import RequestError
from model_server.requests import RequestLimits

DETECTOR = "/predict?model=deepseek_vision_v2"


def _json(answer):
    status, body = answer
    return status, json.loads(body)


def test_a_picture_gives_named_boxes_in_its_own_pixels(server, part):
    status, answer = _json(server.ask("POST", DETECTOR, part.read_bytes()))

    assert status == 200
    assert (answer["width"], answer["height"]) == (640, 480)
    assert answer["version"] == "1"
    for found in answer["detections"]:
        x1, y1, x2, y2 = found["bbox"]
        assert 0 <= x1 < x2 <= 640
        assert 0 <= y1 < y2 <= 480
        assert 0.3 <= found["score"] <= 1
    assert {"dent", "pit"} <= {found["label"] for found in answer["detections"]}


def test_base64_in_json_is_the_same_picture(server, part):
    content = {"image": base64.b64encode(part.read_bytes()).decode()}
    plain = _json(server.ask("POST", DETECTOR, part.read_bytes()))[1]

    _, answer = _json(
        server.ask(
            "POST",
            DETECTOR,
            json.dumps(content),
            {"Content-Type": "application/json"},
        )
    )

    assert answer["detections"] == plain["detections"]


def test_the_least_score_and_words_may_be_chosen(server, part):
    path = f"{DETECTOR}&score_threshold=0.0001&text=dent"

    _, answer = _json(server.ask("POST", path, part.read_bytes()))

    assert {found["label"] for found in answer["detections"]} == {"dent"}
    assert min(found["score"] for found in answer["detections"]) < 0.3


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        (DETECTOR, b"", 400, "empty"),
        (DETECTOR, b"not a picture", 400, "not a picture"),
        (f"{DETECTOR}&score_threshold=7", None, 400, "in [0, 1]"),
        (f"{DETECTOR}&score_threshold=x", None, 400, "must be a number"),
        (f"{DETECTOR}&text=qqqq", None, 400, "no word of"),
        ("/predict?model=nope", None, 404, "there are: deepseek_vision_v2"),
        ("/predict?model=adder", None, 400, "takes tensors"),
        ("/predict", None, 400, "say which model"),
        ("/nowhere", None, 404, "see /v2"),
    ],
)
def test_what_cannot_be_answered_says_why(server, part, path, body, status, said):
    content = part.read_bytes() if body is None else body

    answered, answer = _json(server.ask("POST", path, content))

    assert answered == status
    assert said in answer["error"]


def test_a_cut_off_picture_is_refused_and_the_next_is_answered(server, part):
    whole = part.read_bytes()

    status, answer = _json(server.ask("POST", DETECTOR, whole[: len(whole) // 2]))

    assert status == 400
    assert "damaged or cut off" in answer["error"]
    assert server.ask("POST", DETECTOR, whole)[0] == 200


def test_an_answer_that_would_come_too_late_is_not_computed(server, part):
    status, answer = _json(
        server.ask("POST", DETECTOR, part.read_bytes(), {"X-Deadline-Ms": "1"})
    )

    assert status == 504
    assert "time" in answer["error"] or "waited" in answer["error"]


def test_a_gigabyte_is_refused_before_it_is_sent(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    before = server.rss_mb
    connection.putrequest("POST", DETECTOR)
    connection.putheader("Content-Length", str(2**30))
    connection.endheaders()

    response = connection.getresponse()

    assert response.status == 413
    assert "1024 MiB is more than the 4 MiB allowed" in response.read().decode()
    assert server.rss_mb < before + 20
    connection.close()


def test_a_body_without_a_length_is_cut_at_the_limit(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    piece = b"x" * 2**20

    connection.request(
        "POST",
        DETECTOR,
        iter([piece] * 5),
        {"Transfer-Encoding": "chunked"},
        encode_chunked=True,
    )

    assert connection.getresponse().status == 413
    connection.close()


def test_a_body_that_dribbles_in_is_given_up(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as slow:
        slow.sendall(
            b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nab"
        )

        answer = b"".join(iter(lambda: slow.recv(4096), b""))

    assert answer.startswith(b"HTTP/1.1 408")
    assert b"did not arrive within 1 s" in answer


def test_headers_that_never_end_are_given_up(server):
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=15) as slow:
        slow.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nX-A: ")

        assert slow.recv(4096) == b""

    assert time.monotonic() - began < 8


def test_metrics_name_models_but_never_what_callers_make_up(server, part):
    server.ask("POST", DETECTOR, part.read_bytes())
    server.ask("POST", "/predict?model=made-up", part.read_bytes())

    text = server.ask("GET", "/metrics")[1].decode()

    assert 'model="deepseek_vision_v2",status="200"' in text
    assert "made-up" not in text
    assert "model_server_batch_size_bucket" in text


def test_a_port_in_use_is_said_before_anything_loads(server, detector, capsys):
    code = main([str(detector), "--port", str(server.port)])

    assert code == 2
    assert "choose another --port" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name at least one model"),
        (["a=/x", "a=/y"], "two models have one name"),
        (["a b=/x"], "cannot be a model's name"),
    ],
)
def test_a_command_line_that_makes_no_sense_says_so(arguments, said, capsys):
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_the_protocol_timeout_is_in_microseconds():
    from model_server.requests import Request  # noqa: PLC0415 -- its only user here

    scope = {"method": "POST", "path": "/", "headers": [], "query_string": b""}
    request = Request(scope, None, RequestLimits(deadline_s=30))  # type: ignore[arg-type]

    assert request.deadline(2_000_000) == pytest.approx(request.began + 2)
    assert request.deadline(0) == pytest.approx(request.began + 30)
    with pytest.raises(RequestError):
        request.deadline("soon")
