"""A project's images as files may call them."""

import posixpath
from collections.abc import Iterator

from django.utils.translation import gettext as _

from apps.labeling.errors import FormatError
from apps.labeling.formats.items import Item
from apps.labeling.models import Image


class Catalog:
    """Finds images by digest, or by the most of their path that a file's name shares.

    ``labels/train/7.txt`` is ``shots/train/7.png`` where no other image ends in
    ``train/7``; a name that is the whole of an image's comes first. Names that
    several images share find none of them.
    """

    def __init__(self, project_id: int) -> None:
        self._by_name: dict[str, Item | None] = {}
        self._by_path: dict[str, Item | None] = {}
        self._by_digest: dict[str, Item] = {}
        self.unknown: dict[str, None] = {}
        rows = Image.objects.filter(project_id=project_id).order_by("pk")
        fields = rows.values_list("pk", "name", "sha256", "width", "height")
        for pk, name, sha256, width, height in fields.iterator(chunk_size=5000):
            item = Item(id=pk, name=name, sha256=sha256, width=width, height=height)
            self._by_digest[sha256] = item
            self._by_name[name] = None if name in self._by_name else item
            for key in _keys(name):
                self._by_path[key] = None if key in self._by_path else item

    def known(self, stem: str) -> Item | None:
        """Return the image that is called so without folder and ending, if it is one."""
        return self._by_path.get(stem)

    def find(self, name: str, *, sha256: str = "") -> Item | None:
        """Return the image, or None after noting that there is none.

        Raises:
            FormatError: Several images are called that.
        """
        if sha256 in self._by_digest:
            return self._by_digest[sha256]
        for names, key in (
            (self._by_name, name),
            *((self._by_path, key) for key in _keys(name)),
        ):
            if key in names:
                found = names[key]
                if found is None:
                    raise FormatError(
                        _("several images of the project are called {key}").format(
                            key=key
                        )
                    )
                return found
        self.unknown[name] = None
        return None


def _keys(name: str) -> Iterator[str]:
    """Yield the ends of a path, longest first, each with and without its ending."""
    path = name.replace("\\", "/").lstrip("/")
    while True:
        yield path
        stem, ending = posixpath.splitext(path)
        if ending:
            yield stem
        _folder, slash, path = path.partition("/")
        if not slash:
            return
