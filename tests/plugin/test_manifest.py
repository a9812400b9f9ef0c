"""What napari is told of the plugin, and what importing it costs."""

import subprocess
import sys
from pathlib import Path

from npe2 import PluginManifest

from napari_mcwss.api.samples import SAMPLES
from napari_mcwss.scans.formats.registry import FORMATS, is_written, written_text


def test_the_manifest_is_valid_and_all_it_names_can_be_imported():
    manifest = PluginManifest.from_distribution("napari-mcwss")
    manifest.validate_imports()
    assert [widget.display_name for widget in manifest.contributions.widgets] == [
        *("Tagging", "Training", "Results", "Measure", "Planes")
    ]
    patterns = {
        pattern for reader in manifest.contributions.readers for pattern in reader.filename_patterns
    }
    # napari opens pictures itself, and folders of DICOM belong to studies.
    named = {f"*{suffix}" for kind in FORMATS if kind.spatial for suffix in kind.suffixes}
    samples = {f"{sample.address.rpartition('/')[0]}/*.tar" for sample in SAMPLES.values()}
    # Of an image in two files, either may be dropped.
    assert patterns == {*named, "*.img", *samples}
    for writer in manifest.contributions.writers:
        assert all(is_written(Path(f"a{suffix}")) for suffix in writer.filename_extensions)
        assert [*writer.filename_extensions] == written_text().split(" or ")


def test_all_samples_are_offered_with_what_they_are_and_how_large():
    manifest = PluginManifest.from_distribution("napari-mcwss")
    offered = {sample.key: sample for sample in manifest.contributions.sample_data}
    assert {*offered} == {"phantom", *SAMPLES}
    for name, sample in SAMPLES.items():
        title = sample.title.partition(" (")[0]
        assert offered[name].display_name == f"{title} ({sample.megabytes} MB to download) …"
        assert offered[name].uri == sample.address


def test_importing_the_plugin_loads_neither_torch_nor_monai():
    modules = (
        "tagging.dock",
        "training.dock",
        "results.dock",
        "reader_writer",
        "public_sample",
        "launch",
    )
    code = (
        f"import sys, {', '.join(f'napari_mcwss.plugin.{name}' for name in modules)}; "
        "print([name for name in ('torch', 'monai') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert result.stdout.strip() == "[]"
