"""Loading, switching and failing while others serve."""

import http.client
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing

import psutil
import pytest

from model_server.runners import MOST_SAID, one_line
from tests.unit.model_server import graphs
from tests.unit.model_server.running import ModelServer, admin

ONE = json.dumps(
    {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [0, 0, 0]}]}
)


def _switch(server, name, **parameters):
    return server.ask(
        "POST",
        f"/v2/repository/models/{name}/load",
        json.dumps({"parameters": {k: str(v) for k, v in parameters.items()}}),
        admin(),
    )


def _ask(server, name="m"):
    status, body = server.ask("POST", f"/v2/models/{name}/infer", ONE)
    answer = json.loads(body)
    if status != 200:
        return status, answer["error"]
    return answer["model_version"], answer["outputs"][0]["data"][0]


def test_a_switch_under_traffic_loses_nothing_and_mixes_nothing(tmp_path):
    for number in range(1, 9):
        graphs.adder(tmp_path / str(number), plus=number)
    server = ModelServer(f"m:1={tmp_path / '1'}", "--workers", "2")
    seen: list[tuple[object, object]] = []
    done = threading.Event()

    def traffic() -> None:
        while not done.is_set():
            seen.append(_ask(server))

    threads = [threading.Thread(target=traffic) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(2, 9):
        assert (
            _switch(server, "m", directory=tmp_path / str(number), version=number)[0]
            == 200
        )
    done.set()
    for thread in threads:
        thread.join()

    assert _ask(server) == ("8", 8)
    assert len(seen) > 30
    assert {pair for pair in seen if str(pair[0]) != f"{pair[1]:.0f}"} == set()
    assert server.end() == 0


def _is_ready(at: tuple[str, int]) -> bool:
    connection = http.client.HTTPConnection(*at, timeout=20)
    connection.request("GET", "/v2/health/ready")
    with closing(connection), connection.getresponse() as answer:
        return answer.status == 200


def test_a_server_whose_keeper_is_gone_answers_what_has_come_in(tmp_path):
    graphs.adder(tmp_path / "m")
    command = [sys.executable, "-m", "model_server", f"m={tmp_path / 'm'}"]
    keeper = subprocess.Popen(
        ["/bin/sh", "-c", '"$@" --port 0 --parent $$ & wait', "sh", *command],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert keeper.stderr is not None
    found = re.search(r"listening on .*:(\d+)", keeper.stderr.readline())
    assert found is not None
    (server,) = psutil.Process(keeper.pid).children()
    at = ("127.0.0.1", int(found[1]))
    while not _is_ready(at):
        time.sleep(0.05)
    with socket.create_connection(at, timeout=20) as caller:
        head = f"POST /v2/models/m/infer HTTP/1.1\r\ncontent-length: {len(ONE)}\r\n\r\n"
        caller.sendall(head.encode() + ONE[:20].encode())
        keeper.kill()
        keeper.wait()
        time.sleep(1)
        caller.sendall(ONE[20:].encode())
        with caller.makefile("rb") as answers:
            answer = answers.readline()

    assert answer == b"HTTP/1.1 200 OK\r\n"
    server.wait(20)
    keeper.stderr.close()


def test_a_version_that_does_not_load_leaves_the_old_one_serving(tmp_path):
    graphs.adder(tmp_path / "good")
    graphs.adder(tmp_path / "bad")
    (tmp_path / "bad" / "model.onnx").write_bytes(b"\x08\x0anonsense")
    server = ModelServer(f"m:1={tmp_path / 'good'}")

    status, body = _switch(server, "m", directory=tmp_path / "bad", version=2)

    assert status == 500
    assert "does not load" in json.loads(body)["error"]
    assert _ask(server) == ("1", 1)
    assert server.ask("GET", "/v2/health/ready")[0] == 200
    status, body = server.ask("GET", "/v2/models/m/versions/2/ready")
    assert status == 503
    assert server.end() == 0


def test_a_model_that_fails_at_start_says_why_and_the_others_serve(tmp_path):
    graphs.adder(tmp_path / "good")
    graphs.greedy(tmp_path / "greedy")
    (tmp_path / "empty").mkdir()
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "config.json").write_text('{"format": "keras-zip"}')
    server = ModelServer("--root", tmp_path, wait=False)
    while _ask(server, "good")[0] != "1":
        assert server.process.poll() is None

    while b"loading" in (body := server.ask("GET", "/v2/health/ready")[1]):
        assert server.process.poll() is None

    reasons = json.loads(body)
    assert "needs more memory than there is" in reasons["greedy:1"]
    assert "there are: no ONNX files" in reasons["empty:1"]
    assert "nothing here runs the format 'keras-zip'" in reasons["strange:1"]
    assert server.ask("POST", "/v2/models/empty/infer", ONE)[0] == 503
    assert server.end() == 0


def test_only_who_shows_the_token_changes_what_is_served(server):
    path = "/v2/repository/models/adder/unload"

    for headers in ({}, {"Authorization": "Bearer wrong"}):
        assert server.ask("POST", path, "{}", headers)[0] == 403

    assert _ask(server, "adder") == ("1", 1)


def test_a_model_can_be_unloaded_and_loaded_again(tmp_path, server):
    folder = graphs.adder(tmp_path / "guest", plus=5)
    assert _switch(server, "guest", directory=folder)[0] == 200
    assert _ask(server, "guest") == ("1", 5)
    shutil.rmtree(folder)  # what is loaded needs no files

    assert _ask(server, "guest") == ("1", 5)
    assert (
        server.ask("POST", "/v2/repository/models/guest/unload", "{}", admin())[0]
        == 200
    )

    assert _ask(server, "guest")[0] == 404


@pytest.mark.parametrize(
    "parameters", [{"directory": "/nowhere"}, {}, {"directory": "/x", "version": "a/b"}]
)
def test_a_load_that_makes_no_sense_is_refused(server, parameters):
    status, _ = _switch(server, "ghost", **parameters)

    assert status in {400, 500}
    server.ask("POST", "/v2/repository/models/ghost/unload", "{}", admin())


def test_a_long_reason_is_cut_between_two_words_and_names_no_folder_twice():
    error = ValueError(
        "/models/x/model.onnx: bad graph " + "in node /model/backbone " * 40
    )

    told = one_line(error, without="/models/x/")

    assert told.startswith("model.onnx: bad graph in node")
    assert len(told) <= MOST_SAID
    assert told.endswith((" in …", " node …", "/model/backbone …"))


def test_cuda_that_is_not_there_is_said_with_the_next_step(tmp_path):
    server = ModelServer(
        f"m={graphs.adder(tmp_path / 'm')}", "--device", "cuda", wait=False
    )
    while b"loading" in (body := server.ask("GET", "/v2/health/ready")[1]):
        assert server.process.poll() is None

    assert "install onnxruntime-gpu" in json.loads(body)["m:1"]
    assert server.end() == 0
