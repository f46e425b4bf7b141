"""Reads the files that a run writes for TensorBoard."""

import pathlib

from tensorboardX.proto import event_pb2


def scalars(folder: pathlib.Path) -> dict[str, list[tuple[int, float]]]:
    """Returns the steps and values of each scalar, in the order in which they were written.

    The files are TFRecords: length (8 bytes), checksum (4), the event, checksum (4).
    """
    found: dict[str, list[tuple[int, float]]] = {}
    for file in sorted(folder.glob("events.*")):
        data = file.read_bytes()
        while data:
            length = int.from_bytes(data[:8], "little")
            event = event_pb2.Event.FromString(data[12 : 12 + length])
            data = data[16 + length :]
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found
