"""Encoders are downloaded on request, checked, and never half there."""

import hashlib
import json
import shutil
from types import SimpleNamespace

import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.encoders.hub import (
    cache_folder,
    checked_files,
    download_encoder,
    find_download,
    is_downloaded,
)
from napari_mcwss.model.encoders.registry import load_encoder

NAME = "someone/small.model"
WEIGHTS = bytes(range(256)) * 10_000


@pytest.fixture
def server(hub):
    hub.add_model(NAME, b"{}", WEIGHTS)
    return hub


def fetch(name=NAME):
    return list(download_encoder(find_download(name)))


def files():
    return {path.name for path in cache_folder().rglob("*") if path.is_file()}


def test_size_licence_and_checksum_are_known_before_the_download(server):
    found = find_download(NAME)
    assert (found.size, found.licence) == (len(WEIGHTS), "test-licence")
    assert found.sha256 == hashlib.sha256(WEIGHTS).hexdigest()
    assert not cache_folder().exists()


def test_a_download_tells_its_progress_and_is_checked_when_read(server):
    progress = fetch()
    assert progress == sorted(progress)
    assert len(progress) > 1
    assert progress[-1] == len(WEIGHTS)
    folder, digest = checked_files(NAME)
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert digest == hashlib.sha256(WEIGHTS).hexdigest()


@pytest.mark.parametrize("stated", [True, False])
def test_weights_that_change_on_the_disk_are_refused(hub, stated):
    hub.add_model(NAME, b"{}", WEIGHTS, sha256=stated)
    fetch()
    path = cache_folder() / NAME / "model.safetensors"
    path.write_bytes(WEIGHTS[:-1] + b"x")
    with pytest.raises(McwssError, match=r"^[^\n]*is damaged[^\n]*encoders --download someone/sm"):
        checked_files(NAME)


def test_other_weights_than_the_hub_states_are_refused_and_not_kept(server):
    found = find_download(NAME)
    address = next(a for a in server.files if a.endswith("model.safetensors"))
    server.files[address] = WEIGHTS[:-1] + b"x"
    with pytest.raises(McwssError, match=r"^[^\n]*arrived damaged[^\n]*$"):
        list(download_encoder(found))
    assert not files()


@pytest.mark.parametrize("ending", ["blobs=true", "config.json", "model.safetensors"])
def test_a_download_that_is_cut_off_is_refused_and_not_kept(server, ending):
    server.cut = {address for address in server.files if address.endswith(ending)}
    with pytest.raises(McwssError, match=r"^[^\n]*(arrived damaged|cannot be downloaded)[^\n]*$"):
        fetch()
    assert not files()


def test_a_download_that_is_stopped_leaves_nothing(server):
    steps = download_encoder(find_download(NAME))
    next(steps)
    steps.close()
    assert not files()
    assert not is_downloaded(NAME)


def test_a_failed_download_leaves_the_former_one(server):
    fetch()
    found = find_download(NAME)
    server.files.clear()
    with pytest.raises(McwssError, match="HTTP 404"):
        list(download_encoder(found))
    assert checked_files(NAME)


@pytest.mark.parametrize("name", ["someone/else", "../../etc", "someone", "a/b/c", "some one/x"])
def test_a_model_that_the_hub_does_not_have_is_refused_in_one_line(server, name):
    with pytest.raises(McwssError, match=r"^[^\n]*$"):
        find_download(name)


def test_a_model_without_safe_weights_is_refused(server):
    server.files["/api/models/a/b?blobs=true"] = b'{"sha": "1", "siblings": []}'
    with pytest.raises(McwssError, match=r"^a/b on [^\n]* has no file model.safetensors[^\n]*$"):
        find_download("a/b")


def test_without_a_network_it_says_so_in_one_line(server):
    server.server_close()
    with pytest.raises(McwssError, match=r"^[^\n]*cannot be downloaded[^\n]*network[^\n]*$"):
        fetch()


@pytest.mark.parametrize("endpoint", ["nowhere", "http://[", "http://127.0.0.1:x"])
def test_an_endpoint_that_is_no_address_is_told_in_one_line(server, monkeypatch, endpoint):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(McwssError, match=r"^[^\n]*cannot be downloaded[^\n]*$"):
        fetch()


def test_a_model_without_a_licence_says_so(server):
    address = f"/api/models/{NAME}?blobs=true"
    answer = json.loads(server.files[address]) | {"cardData": {"license": None}}
    server.files[address] = json.dumps(answer).encode()
    assert find_download(NAME).licence == "not stated"


def test_a_disk_too_small_is_told_before_the_download(server, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    with pytest.raises(McwssError, match=r"needs 2.6 MB, '[^\n]*' has 1.0 MB free: make space"):
        fetch()
    assert not files()


def test_an_encoder_is_never_downloaded_unasked(server):
    with pytest.raises(McwssError, match=r"^[^\n]*not on this computer[^\n]*--download someone/"):
        load_encoder(NAME)
    assert not cache_folder().exists()


def test_the_command_line_lists_and_downloads(run, server):
    code, out, _ = run("encoders")
    assert code == 0
    assert "efficientnet-lite0\n" in out
    assert "timm/vit_small_patch14_dinov2.lvd142m\n" in out
    code, out, _ = run("encoders", "--download", NAME)
    assert code == 0
    assert "2.6 MB, licence test-licence, SHA-256 " in out
    assert is_downloaded(NAME)
    code, out, _ = run("encoders", "--download", "efficientnet-lite0")
    assert (code, "installed" in out) == (0, True)
    code, _, err = run("encoders", "--download", "someone/else")
    assert code == 2
    assert "HTTP 404" in err
