import pytest
import torch

from deepseek_optimizer.errors import CheckpointError, CheckpointMismatchError
from deepseek_optimizer.events import CheckpointFailed, Resumed
from tests.unit.deepseek_optimizer.toys import Net, train


def _of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(tmp_path):
    train(30, tmp_path)
    newest = tmp_path / "step-00000030" / "__0_0.distcp"
    blob = bytearray(newest.read_bytes())
    blob[len(blob) // 2] ^= 1
    newest.write_bytes(blob)

    _, events = train(35, tmp_path)

    assert [e.step for e in _of(events, Resumed)] == [20]
    reason = _of(events, CheckpointFailed)[0].reason
    assert "__0_0.distcp is damaged" in reason
    assert list(tmp_path.glob("bad-step-00000030-*"))


def test_a_save_that_was_killed_midway_does_not_exist(tmp_path):
    train(20, tmp_path)
    (tmp_path / "step-00000020" / "manifest.json").unlink()
    (tmp_path / "step-00000025.tmp").mkdir()

    _, events = train(30, tmp_path)

    assert [e.step for e in _of(events, Resumed)] == [10]
    assert not (tmp_path / "step-00000025.tmp").exists()


def test_only_the_newest_checkpoints_are_kept(tmp_path):
    train(50, tmp_path, checkpoint={"keep_last": 2})

    names = sorted(p.name for p in tmp_path.glob("step-*"))
    assert names == ["step-00000040", "step-00000050"]


def test_a_durable_copy_brings_back_a_lost_folder(tmp_path):
    durable = {"durable_url": f"file://{tmp_path}/far"}
    straight, _ = train(30, tmp_path / "a")
    train(20, tmp_path / "near", checkpoint=durable)
    for path in (tmp_path / "near").glob("step-*"):
        path.rename(tmp_path / f"lost-{path.name}")

    resumed, events = train(30, tmp_path / "near", checkpoint=durable)

    assert [e.step for e in _of(events, Resumed)] == [20]
    assert torch.equal(resumed, straight)


def test_another_models_checkpoint_is_refused_by_name(tmp_path):
    train(10, tmp_path)

    with pytest.raises(
        CheckpointMismatchError, match=r"layers\.0\.weight.*\(24, 8\).*\(32, 8\)"
    ):
        train(20, tmp_path, model=Net(32))

    assert (tmp_path / "step-00000010" / "manifest.json").is_file()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(CheckpointError, match=r"file/here cannot be written"):
        train(5, tmp_path / "file" / "here")
