"""Where the values of a picture lie, in its pixels: for a page that says them under the pointer.

They travel inside the PNG file, in a chunk of their own, so that a picture and its values are never
apart, whoever keeps the file. A program that does not know the chunk passes over it.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

__all__ = ["CHUNK", "Region", "Trace", "with_traces"]

# By its letters: not critical, not registered, safe to copy (PNG specification, section 5.4).
CHUNK = b"lrLb"
_MOST = 400  # points of a trace that are sent: there are not many more pixels
_END = 12  # bytes of the last chunk, IEND


@dataclass(frozen=True, eq=False)
class Trace:
    """Points of a picture, and what they stand for.

    Attributes:
        names: What each value of a point is; the first says where one is, as an epoch does.
        places: Pixels from the lower left corner, shape (points, 2).
        values: Shape (points, names).
    """

    names: tuple[str, ...]
    places: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class Region:
    """A part of a picture in which the pointer finds values.

    Attributes:
        box: Its left, lower, right and upper end, in pixels from the lower left corner.
        traces: What is found there.
        nearest: Whether the points are found that lie above each other, nearest in "x", or the one
            that is nearest in "place".
    """

    box: tuple[float, float, float, float]
    traces: Sequence[Trace]
    nearest: Literal["x", "place"] = "x"

    def moved(self, across: float, up: float) -> Region:
        """Return the same so many pixels to the right and upwards."""
        left, low, right, high = self.box
        traces = [
            replace(trace, places=trace.places + np.array([across, up])) for trace in self.traces
        ]
        box = left + across, low + up, right + across, high + up
        return replace(self, box=box, traces=traces)


def with_traces(png: bytes, regions: Sequence[Region], height: int) -> bytes:
    """Put the values of a picture, so many pixels high, into its file.

    The chunk holds the length of a header (4 bytes), the header (JSON), and of each trace its
    points, a row each: x and y in pixels from the upper left corner, then the values (float32,
    little-endian; a value beyond 3.4e38 is infinite there).
    """
    header: list[dict[str, Any]] = []
    rows: list[bytes] = []
    for region in regions:
        left, low, right, high = map(round, region.box)
        told = []
        for trace in region.traces:
            every = -(-len(trace.values) // _MOST) or 1
            places, values = trace.places[::every], trace.values[::every]
            x, y = places[:, :1], height - places[:, 1:]
            with np.errstate(over="ignore"):
                rows.append(np.hstack([x, y, values]).astype("<f4").tobytes())
            told.append({"names": trace.names, "points": len(values)})
        box = [left, height - high, right, height - low]
        header.append({"box": box, "nearest": region.nearest, "traces": told})
    words = json.dumps(header).encode()
    body = CHUNK + struct.pack("<I", len(words)) + words + b"".join(rows)
    chunk = struct.pack(">I", len(body) - len(CHUNK)) + body + struct.pack(">I", zlib.crc32(body))
    return png[:-_END] + chunk + png[-_END:]
