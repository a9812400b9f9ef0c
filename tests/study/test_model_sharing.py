"""A shared model arrives whole, and whatever else a file might hold is refused."""

import hashlib
import io
import json
import pickle
import zipfile
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.checkpoint import load_model, read_info
from napari_mcwss.study.model_sharing import read_card
from napari_mcwss.study.study import Study


@pytest.fixture
def packed(run, segmented: Study, tmp_path: Path) -> Path:
    path = tmp_path / "shared.zip"
    options = ("--licence", "CC-BY-4.0", "--data", "generated heads")
    assert run("model", "pack", segmented.folder, path, "--model", "model-1", *options)[0] == 0
    return path


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def write(path: Path, members: dict[str, bytes], *, compression=zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)


def forge(path: Path, *, config=None, weights=None, content: bytes | None = None) -> None:
    """Change config or weights of a packed model, and its checksums with them."""
    members = members_of(path)
    if content is not None:
        members["weights.safetensors"] = content
    if config:
        changed = {**json.loads(members["config.json"]), **config}
        members["config.json"] = json.dumps(changed).encode()
    if weights:
        members["weights.safetensors"] = save(weights(load(members["weights.safetensors"])))
    card = json.loads(members["card.json"])
    for name in card["checksums"]:
        card["checksums"][name] = hashlib.sha256(members[name]).hexdigest()
    members["card.json"] = json.dumps(card).encode()
    write(path, members)


def test_an_unpacked_model_is_the_packed_one(run, packed, segmented: Study):
    code, out, _ = run("model", "unpack", segmented.folder, packed, "--model", "copy")
    assert (code, "copy" in out) == (0, True)
    first, second = (
        load_model(segmented.model_folder(name), device="cpu") for name in ("model-1", "copy")
    )
    for mine, theirs in zip(
        first.preset.state_dict().values(), second.preset.state_dict().values(), strict=True
    ):
        assert torch.equal(mine, theirs)
    assert second.info.classes == first.info.classes


def test_names_of_scans_stay_at_home(packed, segmented: Study):
    learnt = read_info(segmented.model_folder("model-1")).scans
    content = b"".join(members_of(packed).values())
    assert learnt
    assert not [name for name in learnt if name.encode() in content]
    assert read_card(packed).training_scans == len(learnt)


def test_info_tells_licence_data_and_figures(run, segmented: Study, tmp_path):
    figures = tmp_path / "result.json"
    figures.write_text(json.dumps({"scans": {}, "mean": {"TC": {"dice": 0.8125}}}))
    path, options = tmp_path / "m.zip", ("--licence", "MIT", "--figures", figures)
    run("model", "pack", segmented.folder, path, "--model", "model-1", *options)
    _, out, _ = run("model", "info", path)
    for text in ("MIT", "TC, ED", "t1c, flair", "dice 0.812"):
        assert text in out


def test_info_tells_of_a_model_in_a_study_and_of_its_shortcoming(run, refused, segmented: Study):
    folder = segmented.folder
    assert "name one of its models with --model (model-1)" in refused("model", "info", folder)
    path = segmented.model_folder("model-1") / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"undivided": [["TC", "ED"]]}))
    code, out, _ = run("model", "info", folder, "--model", "model-1")
    assert code == 0
    for text in ("TC, ED", "t1c, flair", "stopped before it had learnt to tell TC from ED"):
        assert text in " ".join(out.replace("│", " ").split())


def test_nothing_is_replaced(refused, packed, segmented: Study):
    before = packed.read_bytes()
    folder = segmented.folder
    assert "exists already" in refused("model", "pack", folder, packed, "--model", "model-1")
    assert packed.read_bytes() == before
    assert "has a model 'model-1'" in refused("model", "unpack", folder, packed)


def without_head(weights):
    return dict(list(weights.items())[:-1])


def of_another_shape(weights):
    key = next(key for key, tensor in weights.items() if tensor.ndim == 4)
    return {**weights, key: weights[key][:-1].contiguous()}


def not_finite(weights):
    key = next(key for key, tensor in weights.items() if tensor.ndim == 4)
    return {**weights, key: weights[key] * torch.nan}


def in_a_circle(weights):
    return {**weights, "parents": torch.tensor([1, 0]), "contrasted": torch.tensor(True)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": {"width": 8}}, "expected"),
        ({"config": {"width": 10**9}}, "width"),
        ({"config": {"width": 10**5}}, "not that of a model"),
        ({"config": {"pixel": -1}}, "pixel"),
        ({"config": {"pixel": 3}}, "different models"),
        ({"config": {"preset": "os.system"}}, "preset"),
        ({"config": {"precedence": [[True]]}}, "precedence is not 2 x 2"),
        ({"weights": without_head}, "expected"),
        ({"weights": of_another_shape}, "have shape"),
        ({"weights": not_finite}, "finite"),
        ({"weights": in_a_circle}, "cycle"),
    ],
)
def test_a_forged_model_is_refused(refused, packed, segmented: Study, changes, message):
    forge(packed, **changes)
    assert message in refused("model", "unpack", segmented.folder, packed, "--model", "new")
    assert [path.name for path in (segmented.folder / "models").iterdir()] == ["model-1"]


class Evil:
    """Unpickling it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("by", ["pickle", "torch"])
def test_pickled_weights_are_refused_and_never_run(refused, packed, segmented, tmp_path, by):
    evil = Evil(tmp_path / "evil")
    buffer = io.BytesIO()
    if by == "pickle":
        pickle.dump(evil, buffer)
    else:
        torch.save({"weights": evil}, buffer)
    forge(packed, content=buffer.getvalue())
    message = refused("model", "unpack", segmented.folder, packed, "--model", "new")
    assert "not a complete model file" in message
    assert not evil.path.exists()
    pickle.loads(pickle.dumps(evil))
    assert evil.path.exists(), "it would have done no harm"


@pytest.mark.parametrize(
    "name", ["../../evil.py", "/etc/evil", "sub/card.json", "evil.pkl", "card.json"]
)
def test_a_file_with_more_in_it_is_refused(refused, packed, segmented: Study, name, tmp_path):
    with pytest.warns(UserWarning, match="Duplicate") if name == "card.json" else nullcontext():  # noqa: SIM117
        with zipfile.ZipFile(packed, "a") as file:
            file.writestr(name, "x")
    before = sorted(tmp_path.rglob("*"))
    assert "it holds" in refused("model", "unpack", segmented.folder, packed, "--model", "new")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_bomb_is_refused_before_it_is_read(packed):
    members = members_of(packed)
    write(
        packed,
        {**members, "weights.safetensors": bytes(10**7)},
        compression=zipfile.ZIP_DEFLATED,
    )
    with pytest.raises(McwssError, match="compressed"):
        read_card(packed)


def test_a_cut_file_is_refused(packed):
    whole = packed.read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        packed.write_bytes(whole[:size])
        with pytest.raises(McwssError, match="not a complete model file"):
            read_card(packed)


def test_a_flipped_bit_is_refused(packed):
    content = bytearray(packed.read_bytes())
    content[len(content) // 2] ^= 1
    packed.write_bytes(content)
    with pytest.raises(McwssError, match="not a complete model file"):
        read_card(packed)


def test_a_model_of_other_channels_is_refused(refused, packed, segmented: Study, tmp_path):
    files = {"one": list(segmented.files(segmented.scan_names[0]))}
    other = Study.create(tmp_path / "other", scans=files, channels=["a", "b"], classes=["TC", "ED"])
    assert "channels t1c, flair" in refused("model", "unpack", other.folder, packed)
    assert not other.model_names()
