"""The phantom has what the method is for."""

import numpy as np
import pytest

from napari_mcwss.scans.finding import find_scans
from napari_mcwss.scans.finding_masks import find_masks
from napari_mcwss.scans.phantom import (
    PHANTOM_CHANNELS,
    PHANTOM_CLASSES,
    PHANTOM_SIZE,
    PHANTOM_SPACING,
    phantom_scan,
)
from napari_mcwss.scans.reading import read_header, read_mask, read_scan
from napari_mcwss.tags.importing import tags_from_mask


@pytest.mark.parametrize("number", range(1, 7))
def test_core_comes_with_oedema_and_oedema_alone_too(number):
    volume, mask, _ = phantom_scan((0, number))
    assert volume.shape == (2, *PHANTOM_SIZE)
    assert volume.dtype == np.float32
    core, oedema = tags_from_mask(mask, PHANTOM_CLASSES).values.T == 1
    assert (core & oedema).sum() >= 3
    assert not (core & ~oedema).any()
    assert (oedema & ~core).sum() >= 3
    occupied = volume.any((0, 2, 3))
    assert (occupied & ~oedema).sum() >= 5
    assert not mask[volume[0] == 0].any()


def test_lesions_are_where_the_channels_are_bright():
    volume, mask, _ = phantom_scan(3)
    t1c, flair = volume
    healthy = (mask == 0) & (t1c > 0)
    assert flair[mask == 2].mean() > 1.3 * flair[healthy].mean()
    assert np.percentile(t1c[mask == 1], 90) > 1.4 * t1c[healthy].mean()


def test_seed_repeats_and_varies():
    np.testing.assert_array_equal(phantom_scan(5)[0], phantom_scan(5)[0])
    assert (phantom_scan(5)[1] != phantom_scan(6)[1]).any()


def test_files_are_those_scans_in_two_orders(phantom_folder):
    scans = find_scans(phantom_folder, PHANTOM_CHANNELS)
    assert list(scans) == ["phantom01", "phantom02"]
    masks = find_masks("seg", {name: paths[0] for name, paths in scans.items()})
    signs = []
    for number, (name, paths) in enumerate(scans.items(), 1):
        scan = read_scan(name, PHANTOM_CHANNELS, paths)
        volume, mask, _ = phantom_scan((0, number))
        np.testing.assert_array_equal(scan.volume(), volume.round())
        np.testing.assert_array_equal(read_mask(masks[name], scan.geometry), mask)
        assert scan.geometry.spacing == PHANTOM_SPACING
        signs.append(np.sign(read_header(paths[0]).geometry.source_affine.diagonal()[:2]))
    np.testing.assert_array_equal(signs, [[-1, -1], [1, 1]])
