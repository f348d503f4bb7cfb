import subprocess
import sys
from pathlib import Path

import pytest

from deepseek_optimizer.__main__ import main
from deepseek_optimizer.errors import CheckpointError
from deepseek_optimizer.plan import Cluster, Workload, gradient_bytes, predict
from deepseek_optimizer.spec import explain
from tests.unit.deepseek_optimizer.toys import train

ROOT = Path(__file__).parents[3]


def test_a_trillion_parameters_fit_only_where_they_are_sharded(capsys):
    status = main(
        [
            "plan",
            "--params",
            "1e12",
            "--gpus",
            "10000",
            "--layers",
            "128",
            "--tokens",
            "4096",
        ]
    )

    rows = [line for line in capsys.readouterr().out.splitlines() if "| none |" in line]
    fits = {row.split("|")[1].strip(): row.split("|")[4].strip() for row in rows}
    assert status == 0
    assert fits == {"ddp": "no", "fsdp2": "yes", "hybrid": "no"}


def test_compression_shortens_a_planned_step_on_slow_links_only():
    work = Workload(num_params=1e9, num_layers=24)
    slow = Cluster(num_devices=16, outer_gbyte_per_s=0.1)
    fast = Cluster(num_devices=8, inner_gbyte_per_s=450)

    slow_times = [predict(slow, work, "ddp", k).step_s for k in ("none", "fp16_quant")]
    fast_times = [predict(fast, work, "ddp", k).step_s for k in ("none", "fp16_quant")]

    assert slow_times[1] < 0.5 * slow_times[0]
    assert fast_times[1] == pytest.approx(fast_times[0], rel=0.01)
    assert gradient_bytes("fp16_quant") / gradient_bytes("none") <= 0.20


def test_inspect_verifies_and_shows_the_newest_checkpoint(tmp_path, capsys):
    train(20, tmp_path)

    assert main(["inspect", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "step         20" in shown
    assert "samples      240 consumed, seed 0" in shown
    assert "layers.0.weight: (24, 8) torch.float32" in shown
    (tmp_path / "step-00000020" / "common.pt").write_bytes(b"x")
    with pytest.raises(CheckpointError, match="damaged"):
        main(["inspect", str(tmp_path)])
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        main(["inspect", str(tmp_path / "nowhere")])


def test_every_key_stands_in_the_reference_as_the_code_says_it():
    page = (ROOT / "docs" / "reference" / "trainer-config.md").read_text()

    for name, text in explain():
        assert f"| `{name}` | {text} |" in page


def test_reading_a_spec_or_an_event_never_loads_torch():
    code = (
        "import sys, deepseek_optimizer, deepseek_optimizer.spec, "
        "deepseek_optimizer.events; print('torch' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(ROOT / "gpu_workers")},
    )  # fmt: skip

    assert done.stdout.strip() == "False"


def test_help_and_a_mistake_in_a_spec_need_no_torch(tmp_path):
    (tmp_path / "spec.json").write_text("{}")
    code = (
        "import sys; from deepseek_optimizer.__main__ import main\n"
        "for told in (['--help'], ['run', sys.argv[1]]):\n"
        "    try: main(told)\n"
        "    except (SystemExit, ValueError, TypeError) as end: print(type(end).__name__)\n"
        "print('torch' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(ROOT / "gpu_workers")},
    )  # fmt: skip

    assert done.stdout.split()[-3:] == ["SystemExit", "ConfigError", "False"]
