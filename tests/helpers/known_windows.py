"""What napari works out anew for every window, worked out once for all windows of a run."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from npe2 import PluginManifest
from numpy.typing import NDArray
from vispy.gloo.program import Program
from vispy.visuals.text.text import SDFRendererCPU


@contextmanager
def known_windows() -> Iterator[None]:
    """Keep the manifests of plugins, the variables of shaders and the shapes of letters.

    They are the same for every window, and a program has few windows, but tests have a
    fresh one each.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PluginManifest, "discover", _found_once(PluginManifest.discover))
        patch.setattr(Program, "_parse_variables_from_code", _parsed_once())
        patch.setattr(SDFRendererCPU, "render_to_texture", _drawn_once())
        yield


def _found_once(discover):
    """Look for plugins once: none is installed while tests run."""
    found = functools.cache(lambda paths: list(discover(paths)))
    return lambda paths=(): found(tuple(paths))


def _parsed_once():
    """Look for variables once in a code of shaders."""
    parse = Program._parse_variables_from_code
    known = {}

    def parse_variables(self, update_variables=True) -> None:
        code = tuple(shader.code for shader in self._shaders)
        if code in known:
            self._code_variables = dict(known[code])
            if update_variables:
                self._process_pending_variables()
        else:
            parse(self, update_variables)
            known[code] = dict(self._code_variables)

    return parse_variables


def _drawn_once():
    """Work out once how a letter lies in its texture."""
    draw = SDFRendererCPU.render_to_texture

    @functools.cache
    def drawn(letter: bytes, shape: tuple[int, int], size: tuple[int, int]) -> NDArray[np.uint8]:
        texture = np.zeros((size[1], size[0], 3), np.uint8)
        draw(None, np.frombuffer(letter, np.uint8).reshape(shape), texture, (0, 0), size)
        return texture

    def render_to_texture(_self, data, texture, offset, size) -> None:
        (x, y), (width, height) = offset, size
        texture[y : y + height, x : x + width] = drawn(data.tobytes(), data.shape, tuple(size))

    return render_to_texture
