"""A public sample of two small scans, which a server on this computer gives out."""

import hashlib
import io
import tarfile
from dataclasses import replace

import nibabel as nib
import numpy as np
from helpers.file_server import FileServer

from napari_mcwss.api.samples import SAMPLES, Sample


def archive() -> bytes:
    """Return a tar of some megabytes: two scans, laid out as the hippocampus, and their masks."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for number in range(2):
            mask = np.zeros((200, 200, 3), np.uint8)
            mask[1, 1, number] = 1
            mask[2, 2, 2] = 2
            for folder, voxels in (("imagesTr", mask * 10.0), ("labelsTr", mask)):
                content = nib.Nifti1Image(voxels, np.eye(4)).to_bytes()
                name = f"Task04_Hippocampus/{folder}/hippocampus_{number}.nii"
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return made.getvalue()


def small_sample(server: FileServer) -> Sample:
    """Have a server give out the archive as the hippocampus sample."""
    server.files["/Task04.tar"] = content = archive()
    md5 = hashlib.md5(content).hexdigest()
    return replace(SAMPLES["hippocampus"], address=f"{server.url}/Task04.tar", md5=md5)
