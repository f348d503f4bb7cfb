"""Which tests run side by side.

Those that use the one running portal (fixture ``stack``) stay together in one lane and
begin first, for they last longest; all others go file by file to whichever lane is free.
"""

from xdist.scheduler import LoadFileScheduling

PORTAL = "tests with the running portal"
_FOLDERS = ("tests/e2e/", "tests/api/fetching/")
_FILES = (
    "tests/api/test_errand.py",
    "tests/api/test_hub_clients.py",
    "tests/api/test_tracing.py",
)


def lane(nodeid: str) -> str:
    file, _, _ = nodeid.partition("::")
    return PORTAL if file.startswith(_FOLDERS) or file in _FILES else file


class Lanes(LoadFileScheduling):
    """Hands out whole lanes' work in the order of collection."""

    def _split_scope(self, nodeid: str) -> str:
        return lane(nodeid)
