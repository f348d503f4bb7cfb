from unittest import mock

import psutil

from apps.deployments.forms import REPLICA_BYTES, plan_of


def test_a_plan_says_what_will_be_made_and_whether_memory_will_do():
    free = psutil.virtual_memory()
    with mock.patch("psutil.virtual_memory", return_value=free):
        fits = plan_of(num_replicas=2, num_threads=2)
        short = plan_of(num_replicas=free.available // REPLICA_BYTES + 1, num_threads=1)

    assert "2 processes on this host, up to 400.0\xa0MB" in fits.lines[1]
    assert fits.lines[2] == "up to 4 cores while requests come in"
    assert not fits.is_short
    assert short.is_short
    assert "memory will not do" in short.lines[-1]
