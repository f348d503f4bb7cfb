import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from dsportal.services.external import check_database, check_storage, check_valkey
from dsportal.services.postgres import Postgres
from dsportal.services.sockets import listen
from dsportal.services.steps import StepError
from dsportal.services.supervisor import Supervisor
from dsportal.services.valkey import Valkey

Supervise = Callable[..., Supervisor]


@pytest.fixture
def guarded_database(tmp_path: Path, supervise: Supervise) -> str:
    """A server that asks for a password; the address lacks it."""
    postgres = Postgres(tmp_path / "postgres", is_throwaway=True)
    postgres.create()
    supervise(postgres.program())
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE ROLE ann LOGIN PASSWORD 'right'")
        rules = postgres.data / "pg_hba.conf"
        rules.write_text("local all ann scram-sha-256\nlocal all postgres trust\n")
        connection.execute("SELECT pg_reload_conf()")
    return postgres.url("postgres").replace("postgres@", "ann:PASSWORD@")


def test_a_wrong_database_password_is_named_without_showing_it(
    guarded_database: str,
) -> None:
    with pytest.raises(StepError) as caught:
        check_database(guarded_database.replace("PASSWORD", "wrong-one"))

    assert "password authentication failed" in caught.value.reason
    assert "wrong-one" not in str(caught.value)
    assert caught.value.fix == "put the right user and password into DATABASE_URL"


def test_a_database_that_is_not_there_is_to_be_created(guarded_database: str) -> None:
    url = guarded_database.replace("PASSWORD", "right").replace("/postgres?", "/gone?")

    with pytest.raises(StepError) as caught:
        check_database(url)

    assert '"gone" does not exist' in caught.value.reason
    assert "createdb" in caught.value.fix


def test_the_right_password_passes(guarded_database: str) -> None:
    check_database(guarded_database.replace("PASSWORD", "right"))


@pytest.mark.parametrize(
    "address", ["postgresql://ann@127.0.0.1:{port}/plant", "mysql://ann@host/plant"]
)
def test_a_wrong_database_address_says_how_one_looks(address: str) -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(StepError) as caught:
        check_database(address.format(port=port))

    assert "postgresql://user:password@host:5432/name" in caught.value.fix


def test_a_wrong_valkey_password_is_named_without_showing_it(
    tmp_path: Path, supervise: Supervise
) -> None:
    valkey = Valkey(tmp_path / "valkey", is_throwaway=True)
    valkey.create()
    open_server = valkey.program()
    command = (*open_server.command, "--requirepass", "right")
    # A refusal starts with a minus, so the closed server is only called. Its socket's
    # file is there a moment before it listens.
    socket_file = tmp_path / "valkey" / "valkey.sock"

    def is_listening(_pid: int) -> bool:
        with socket.socket(socket.AF_UNIX) as caller:
            return caller.connect_ex(str(socket_file)) == 0

    supervise(replace(open_server, command=command, is_ready=is_listening))
    url = valkey.url.replace("unix://", "unix://:{}@")

    check_valkey(url.format("right"))
    with pytest.raises(StepError) as caught:
        check_valkey(url.format("wrong-one"))

    assert "wrong-one" not in str(caught.value)
    assert caught.value.fix == "put the right password into REDIS_URL"


@pytest.mark.parametrize("address", ["redis://127.0.0.1:{port}", "http://127.0.0.1"])
def test_a_wrong_valkey_address_says_how_one_looks(address: str) -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(StepError, match="REDIS_URL failed") as caught:
        check_valkey(address.format(port=port))

    assert "redis://:password@host:6379" in caught.value.fix


def test_a_storage_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    check_storage(f"file://{tmp_path}/blobs")

    assert list((tmp_path / "blobs").iterdir()) == []


def test_a_storage_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")

    with pytest.raises(StepError, match="STORAGE_URL failed: Not a directory"):
        check_storage(f"{tmp_path}/taken/blobs")


def test_a_bucket_is_not_tried_at_the_start() -> None:
    check_storage("s3://key:secret@nowhere.invalid/bucket")
