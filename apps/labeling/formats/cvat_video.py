"""CVAT for videos 1.1: a track an object, over frames that images are named by.

An image called clip-000123.jpg is frame 123 of the video clip: that is how a video's
frames are named when it is added to a project.
"""

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO
from uuid import UUID, uuid4
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

from django.utils.translation import gettext as _

from apps.labeling.errors import FormatError
from apps.labeling.formats.archive import Archive
from apps.labeling.formats.catalog import Catalog
from apps.labeling.formats.cvat import SHAPES, node_of, said_attributes, shape_of
from apps.labeling.formats.items import Item, ItemLabel, ItemShape
from apps.labeling.formats.shapes import inside, number
from apps.labeling.formats.writing import Out
from apps.labeling.types import ShapeKind

_FRAME = re.compile(r"(?P<clip>.*?)[-_]?(?P<number>\d{1,9})")
# Between two keyframes these move in a straight line; all else stays until the next.
MOVING = ("xtl", "ytl", "xbr", "ybr", "cx", "cy", "rx", "ry", "rotation")
MOST_FRAMES = 200_000
Place = tuple[int, int, int]  # a frame, and where its line begins and how long it is


@dataclass(slots=True, kw_only=True)
class _Video:
    """What is known of a video while it is written.

    Attributes:
        waiting: Its shapes, line after line.
        tracks: Where the lines of each track lie in it, by the track's group.
    """

    width: int
    height: int
    waiting: IO[bytes]
    num_frames: int = 0
    tracks: dict[tuple[UUID, str, ShapeKind], list[Place]] = field(default_factory=dict)


def write_cvat_video(
    labels: Sequence[ItemLabel], items: Iterable[Item], out: Out
) -> None:
    """Write a file a video; shapes of one group are one track."""
    joints = {label.name: label.skeleton.get("joints", []) for label in labels}
    with ExitStack() as stack:
        videos: dict[str, _Video] = {}
        for item in items:
            place = _place(item.name)
            if place is None:
                out.num_left_out += len(item.shapes)
                continue
            clip, frame = place
            if clip not in videos:
                file = stack.enter_context(tempfile.TemporaryFile())
                videos[clip] = _Video(
                    width=item.width, height=item.height, waiting=file
                )
            video = videos[clip]
            video.num_frames = max(video.num_frames, frame + 1)
            for one in item.shapes:
                if one.kind is ShapeKind.TAG:
                    out.num_left_out += 1
                else:
                    _wait(video, frame, one, joints.get(one.label, []))
        for clip, video in videos.items():
            name = out.unique(f"{clip.replace('/', '-') or 'video'}.xml")
            out.stream(name, _document(clip, video, labels))


def _place(name: str) -> tuple[str, int] | None:
    stem = PurePosixPath(name.replace("\\", "/")).stem
    found = _FRAME.fullmatch(stem)
    return (found["clip"], int(found["number"])) if found else None


def _wait(video: _Video, frame: int, one: ItemShape, joints: Sequence[str]) -> None:
    node = node_of(one, joints)
    node.attrib.pop("label"), node.attrib.pop("source")
    node.attrib |= {"frame": str(frame), "outside": "0", "keyframe": "1"}
    for name, value in one.attributes.items():
        ET.SubElement(node, "attribute", {"name": name}).text = said_attributes(value)
    line = ET.tostring(node)
    key = (one.group or uuid4(), one.label, one.kind)
    places = video.tracks.setdefault(key, [])
    if places and places[-1][0] == frame:  # two of one group on a frame: two tracks
        places = video.tracks.setdefault((uuid4(), one.label, one.kind), [])
    places.append((frame, video.waiting.tell(), len(line)))
    video.waiting.write(line)


def _document(clip: str, video: _Video, labels: Sequence[ItemLabel]) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n'
    yield "  <version>1.1</version>\n  <meta>\n    <task>\n"
    yield f"      <name>{escape(clip)}</name>\n      <size>{video.num_frames}</size>\n"
    yield "      <mode>interpolation</mode>\n      <start_frame>0</start_frame>\n"
    yield "      <labels>\n"
    for row in labels:
        yield f"        <label><name>{escape(row.name)}</name></label>\n"
    yield "      </labels>\n      <original_size>"
    yield f"<width>{video.width}</width><height>{video.height}</height>"
    yield f"</original_size>\n      <source>{escape(clip)}</source>\n"
    yield "    </task>\n  </meta>\n"
    for at, ((_group, label, _kind), places) in enumerate(video.tracks.items()):
        yield f'  <track id="{at}" label={quoteattr(label)} source="manual">\n'
        for (frame, begin, length), after in zip(
            places, [*places[1:], None], strict=True
        ):
            video.waiting.seek(begin)
            line = video.waiting.read(length).decode()
            yield f"    {line}\n"
            if after is None or after[0] > frame + 1:
                yield f"    {_gone(line, frame + 1)}\n"
        yield "  </track>\n"
    yield "</annotations>\n"


def _gone(line: str, frame: int) -> str:
    """The same shape once more, to say that it is not on the next frame."""
    node = ET.fromstring(line)  # noqa: S314 -- written above
    node.attrib |= {"frame": str(frame), "outside": "1"}
    return ET.tostring(node, encoding="unicode")


def read_cvat_video(
    archive: Archive, catalog: Catalog
) -> Iterator[tuple[Item, list[ItemShape]]]:
    """Yield what lies on each frame that the project has as an image."""
    for name in archive.some(".xml"):
        root = archive.xml(name)
        if root.tag != "annotations" or root.find("image") is not None:
            raise FormatError(
                _("{name}: not CVAT for videos, which has tracks").format(name=name)
            )
        yield from _frames(name, root, catalog)


def _frames(
    name: str, root: ET.Element, catalog: Catalog
) -> Iterator[tuple[Item, list[ItemShape]]]:
    image_of = _images(name, root, catalog)
    found: dict[int, tuple[Item, list[ItemShape]]] = {}
    for at, track in enumerate(root.iter("track")):
        where = f"{name} track {track.get('id', at)}"
        label = track.get("label")
        if not label:
            raise FormatError(_("{where}: it has no label").format(where=where))
        nodes = [node for node in track if node.tag in SHAPES]
        seen = [
            (frame, node, item)
            for frame, node in _moved(where, nodes)
            if (item := image_of(frame)) is not None
        ]
        group = uuid4() if len(seen) > 1 else None
        for frame, node, item in seen:
            node.set("label", label)
            spot = f"{where} frame {frame}"
            one = inside(spot, shape_of(spot, node, item, group), item)
            found.setdefault(frame, (item, []))[1].append(one)
    for frame in sorted(found):
        yield found[frame]


def _images(
    name: str, root: ET.Element, catalog: Catalog
) -> Callable[[int], Item | None]:
    """How to find a frame's image: by the video's name and the frame's number in it."""
    clips = [
        PurePosixPath(text.replace("\\", "/")).stem
        for path in (".//meta//source", ".//meta//task/name", ".//meta//job/name")
        for text in [root.findtext(path) or ""]
        if text
    ] or [PurePosixPath(name).stem]
    begin = int(number(name, root.findtext(".//meta//start_frame") or "0"))
    step = re.search(r"step\s*=\s*(\d+)", root.findtext(".//meta//frame_filter") or "")
    every = int(step[1]) if step else 1

    def find(frame: int) -> Item | None:
        real = begin + frame * every
        for clip in clips:
            for stem in (
                f"{clip}-{real:06d}",
                f"{clip}_{real:06d}",
                f"{clip}{real:06d}",
            ):
                item = catalog.known(stem)
                if item is not None:
                    return item
        catalog.find(f"{clips[0]}-{real:06d}")  # notes that there is none
        return None

    return find


def _moved(where: str, nodes: Sequence[ET.Element]) -> Iterator[tuple[int, ET.Element]]:
    """Yield a track's shape on each frame on which it is to be seen.

    Where a file has keyframes alone, the frames between them are filled in.
    """
    places = []
    for node in nodes:
        frame = int(number(where, node.get("frame")))
        if not 0 <= frame < MOST_FRAMES:
            raise FormatError(
                _("{where}: there is no frame {frame}").format(where=where, frame=frame)
            )
        places.append((frame, node))
    places.sort(key=lambda place: place[0])
    for (frame, node), after in zip(places, [*places[1:], None], strict=True):
        if node.get("outside") == "1":
            continue
        yield frame, node
        if after is None:
            continue
        stop, target = after
        for between in range(frame + 1, stop):
            share = (between - frame) / (stop - frame)
            is_gone = target.get("outside") == "1"
            yield between, node if is_gone else _between(where, node, target, share)


def _between(
    where: str, one: ET.Element, other: ET.Element, share: float
) -> ET.Element:
    node = ET.Element(one.tag, dict(one.attrib))
    node.extend(one)
    for key in MOVING:
        here, there = one.get(key), other.get(key)
        if here is not None and there is not None:
            a, b = number(where, here), number(where, there)
            node.set(key, repr(a + (b - a) * share))
    return node
