"""All kinds of exports: to add one, write its module and list its `ExportKind` here."""

from napari_mcwss.export.bids import BIDS
from napari_mcwss.export.dicom_seg import DICOM_SEG
from napari_mcwss.export.figures import FIGURES
from napari_mcwss.export.kind import ExportKind
from napari_mcwss.export.nnunet import NNUNET
from napari_mcwss.export.study_report import REPORT

_KINDS: tuple[ExportKind, ...] = (
    NNUNET,
    BIDS,
    FIGURES,
    REPORT,
    DICOM_SEG,
)

EXPORTS = {kind.name: kind for kind in _KINDS}
"""All kinds by name."""
