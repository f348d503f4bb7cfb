import json
import time

from deepseek_optimizer.events import Finished, StepDone
from deepseek_optimizer.reporting import EventLog, Reporter


def test_a_sink_that_sleeps_does_not_hold_the_training():
    def slow(_event, _line):
        time.sleep(0.2)

    reporter = Reporter([slow])
    started = time.perf_counter()
    for step in range(2000):
        reporter.report(
            StepDone(
                step=step, epoch=0, loss=1, lr=1, grad_norm=1, images_per_s=1,
                step_ms=1, bytes_sent=0, exposed_comm_ms=0, compute_ratio=1,
            )
        )  # fmt: skip
    spent = time.perf_counter() - started
    reporter.close()

    assert spent < 0.2


def test_a_sink_that_raises_is_taken_out_and_the_others_hear_of_it():
    heard = []

    def broken(_event, _line):
        raise ValueError("full")

    reporter = Reporter([broken, lambda _, line: heard.append(json.loads(line))])
    for _ in range(2):
        reporter.report(Finished(status="x", step=1, loss=None, elapsed_s=0))
    reporter.close()

    assert [e["type"] for e in heard] == ["finished", "finished", "log"]
    assert [e["seq"] for e in heard] == [1, 2, 3]


def test_the_event_log_goes_on_with_the_next_number_after_a_kill(tmp_path):
    path = tmp_path / "events.jsonl"
    first = EventLog(path)
    first(None, '{"seq": 1}\n')
    first(None, '{"seq": 2')
    first.close()

    again = EventLog(path)
    again.close()

    assert again.next_seq == 2
    assert path.read_text() == '{"seq": 1}\n'
