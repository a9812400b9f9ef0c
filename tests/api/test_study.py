"""A study through the front door: trainings, measurements, exports, and tables for notebooks."""

import pytest

import napari_mcwss as mcwss
from napari_mcwss.study import study as on_disk

QUICK = {"preset": "local", "epochs": 1, "width": 2, "device": "cpu", "progress": False}
VALUES = {"TC": (1, 4), "ED": 2}


def test_a_study_is_the_one_that_the_package_works_with(study):
    assert isinstance(study, on_disk.Study)
    assert type(mcwss.Study.open(study.folder)) is mcwss.Study
    assert on_disk.Study.open(study.folder).tags["pat0001"][0, "TC"] is mcwss.ABSENT


def test_a_model_is_replaced_only_when_asked_for(study):
    old = study.model("first").info.run
    with pytest.raises(mcwss.McwssError, match="there is a model 'first' already"):
        study.train("first", **QUICK)
    assert study.model("first").info.run == old
    assert study.train("first", replace=True, **QUICK).info.run != old


def test_a_setting_that_is_misspelt_is_refused_with_the_nearest_one(study):
    with pytest.raises(mcwss.McwssError, match="no setting 'epoch': did you mean 'epochs'"):
        study.training("second", epoch=3)
    with pytest.raises(mcwss.McwssError, match="no setting 'magic': expected preset, "):
        study.training("second", magic=3)


def test_leaving_the_loop_stops_a_training_that_can_be_resumed(study):
    settings = {"preset": "local", "epochs": 2, "width": 2, "device": "cpu"}
    for event in study.training("second", **settings):
        if isinstance(event, mcwss.events.Epoch):
            break
    del event
    with pytest.raises(mcwss.McwssError, match="an unfinished training of 'second'"):
        next(study.training("second", replace=True, **settings))
    with pytest.raises(mcwss.McwssError, match="give only resume=True"):
        study.training("second", resume=True, epochs=3)
    assert study.train("second", resume=True, progress=False).info.epochs == 2


def test_trusted_masks_are_learnt_from_as_they_are(study):
    trusted = {"trust": "seg", "values": VALUES, "refine": True, "scans": ["pat0001"]}
    model = study.train("second", **trusted, **QUICK)
    assert model.info.trusted_scans == ("pat0001",)
    with pytest.raises(mcwss.McwssError, match="name the masks with trust"):
        study.training("third", values=VALUES)


def test_scores_are_a_table_in_a_notebook_and_records_for_pandas(study):
    scores = study.evaluate("first", "seg", VALUES, unions={"<WT>": ["TC", "ED"]})
    with pytest.raises(mcwss.McwssError, match="'WT' was not measured: expected TC, ED, <WT>"):
        scores.mean("WT")
    html = scores._repr_html_()
    assert "<td>pat0006</td>" in html
    assert "&lt;WT&gt;" in html
    assert "<WT>" not in html
    assert {type(value) for record in scores.records() for value in record.values()} <= {
        str,
        float,
        int,
        type(None),
    }


def test_a_study_is_a_table_in_a_notebook(tmp_path, study):
    html = study._repr_html_()
    assert "<th>TC: present / absent / unknown</th>" in html
    counts = study.tags.read("pat0006").count("TC")
    numbers = " / ".join(str(counts[tag]) for tag in (mcwss.PRESENT, mcwss.ABSENT, mcwss.UNKNOWN))
    assert f"<td>pat0006</td><td>9</td><td>{numbers}</td>" in html
    assert html.count("<td>first</td>") == 1
    assert "models first" in html


def test_names_are_escaped_and_lost_scans_are_told(tmp_path, study):
    made = mcwss.Study.create(
        tmp_path / "a&b",
        scans={"first": study.files("pat0001"), "lost": study.files("pat0002")},
        channels=["t1c", "flair"],
        classes=["TC"],
    )
    made.files("lost")[0].unlink()
    html = mcwss.Study.open(made.folder)._repr_html_()
    assert "Study a&amp;b: " in html
    assert "does not exist" in html


def test_exports_are_chosen_by_name(study, tmp_path):
    out = study.export("report", tmp_path / "report.html", model="first", progress=False)
    assert "pat0006" in out.read_text("utf-8")
    with pytest.raises(mcwss.McwssError, match="no export 'pdf': expected"):
        study.export("pdf", tmp_path / "out", model="first")
    with pytest.raises(mcwss.McwssError, match="figures has no option 'chanel': expected channel"):
        study.export("figures", tmp_path / "out", model="first", chanel="flair")
    assert not (tmp_path / "out").exists()


def test_scans_that_are_left_out_of_an_export_are_named(study, tmp_path):
    scans = ["pat0006", "pat0001"]
    with pytest.raises(mcwss.McwssError, match=r"1 of 2 scans could not be exported, .*: pat0001"):
        study.export("bids", tmp_path / "bids", model="first", scans=scans, progress=False)
    assert (tmp_path / "bids").is_dir()
    study.train("second", **QUICK)
    with pytest.raises(mcwss.McwssError, match="second has segmented no scan"):
        study.export("bids", tmp_path / "other", model="second")


@pytest.mark.parametrize("kind", [mcwss.Study, mcwss.Model, mcwss.Segmentation, mcwss.Scores])
def test_every_method_shows_an_example(kind):
    methods = [name for name in dir(kind) if not name.startswith("_")]
    without = [
        name
        for name in methods
        if callable(getattr(kind, name)) and ">>>" not in (getattr(kind, name).__doc__ or "")
    ]
    assert not without
