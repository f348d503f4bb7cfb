import os
import socket
from pathlib import Path

import pytest

from dsportal.services.sockets import MAX_PATH_BYTES, listen, socket_folder
from dsportal.services.steps import StepError


def test_a_short_path_is_used_as_it_is(tmp_path: Path) -> None:
    assert socket_folder(Path("/srv/portal"), "valkey.sock") == Path("/srv/portal")


def test_a_path_too_long_for_a_socket_moves_to_a_closed_short_folder() -> None:
    far = Path("/srv") / ("deep" * 30)

    folder = socket_folder(far, "valkey.sock")

    assert len(os.fsencode(folder / "valkey.sock")) <= MAX_PATH_BYTES
    assert folder.stat().st_mode & 0o777 == 0o700
    assert socket_folder(far, "valkey.sock") == folder
    assert socket_folder(far.with_name("other" * 30), "valkey.sock") != folder


def test_a_given_port_that_is_taken_is_refused_and_left_alone() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(StepError) as caught:
            listen("127.0.0.1", port)

    assert str(caught.value) == (
        f"port {port} failed: 127.0.0.1:{port} cannot be used: Address already in use\n"
        "  what to do: choose another --port, or leave the option out to get the next "
        "free one from 8000"
    )


def test_a_port_that_no_machine_has_is_refused() -> None:
    with pytest.raises(StepError, match="port 70000 failed"):
        listen("127.0.0.1", 70000)


def test_without_a_port_two_portals_find_different_ones() -> None:
    with listen("127.0.0.1", None) as first, listen("127.0.0.1", None) as second:
        ports = [each.getsockname()[1] for each in (first, second)]

    assert 8000 <= ports[0] < ports[1] < 8100


def test_a_host_that_is_not_ours_is_refused() -> None:
    with pytest.raises(StepError, match=r"192\.0\.2\.1:0 cannot be used"):
        listen("192.0.2.1", 0)


def test_an_ipv6_address_listens_as_one() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")

    with listen("::1", 0) as listener:
        assert listener.family == socket.AF_INET6
