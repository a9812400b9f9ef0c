"""Images as text, for events in JSON."""

import base64
import binascii
import zlib
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator


def pack(image: NDArray[np.uint8]) -> dict[str, Any]:
    """Return an image's shape and compressed bytes, for JSON."""
    data = base64.b64encode(zlib.compress(image.tobytes(), level=1))
    return {"shape": list(image.shape), "data": data.decode("ascii")}


def unpack(packed: object) -> NDArray[np.uint8]:
    """Return the image of `pack`, or an array as it is; raise a `ValueError` if it is damaged."""
    if isinstance(packed, np.ndarray):
        return packed
    try:
        values: Any = packed
        data = zlib.decompress(base64.b64decode(values["data"], validate=True))
        return np.frombuffer(data, np.uint8).reshape(values["shape"])
    except (TypeError, KeyError, zlib.error, binascii.Error) as error:
        raise ValueError(f"not a packed image: {error}") from error


PackedImage = Annotated[
    NDArray[np.uint8], PlainValidator(unpack), PlainSerializer(pack, when_used="json")
]
"""An image as the field of an event."""
