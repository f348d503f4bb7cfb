import sys

import pytest

from dsportal.services.steps import StepError, cause_of, run, step


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("OSError: [Errno 28] No space left on device", "free some space"),
        ("npm error code ENOSPC", "free some space"),
        (
            "OSError: [Errno 30] Read-only file system: '/opt/x'",
            "a folder you can write",
        ),
        ("error: failed to create: Permission denied (os error 13)", "someone else"),
        ("Temporary failure in name resolution", "check the network"),
        ("npm error code EAI_AGAIN", "check the network"),
        ("initdb: could not look up effective user ID 1001", "/etc/passwd"),
        ("invalid peer certificate: UnknownIssuer", "certificate file"),
    ],
)
def test_a_known_cause_is_turned_into_advice(output: str, advice: str) -> None:
    assert advice in cause_of(output, otherwise="nothing known")


def test_an_unknown_cause_leaves_the_steps_own_advice() -> None:
    assert cause_of("segmentation fault", otherwise="run it again") == "run it again"


def test_a_failed_tool_is_quoted_with_the_lines_that_name_the_reason() -> None:
    script = "print('noise\\n' * 40 + 'error: no such wheel\\n' + 'noise\\n' * 40)"
    command = [sys.executable, "-c", f"{script}; raise SystemExit(3)"]

    with pytest.raises(StepError) as caught:
        run(command, name="Python packages", fix="run it again")

    assert str(caught.value) == (
        "Python packages failed: python exited 3\n"
        "    error: no such wheel\n"
        "  what to do: run it again"
    )


def test_a_missing_tool_names_the_step() -> None:
    with pytest.raises(StepError, match="front end packages failed: No such file"):
        run(["no-such-tool"], name="front end packages", fix="install it")


def test_what_the_system_refuses_names_the_step(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(StepError, match="uv failed: No space left"), step("uv"):
        raise OSError(28, "No space left on device", "/srv/portal/.venv")

    assert capsys.readouterr().out == "  uv ... failed\n"
