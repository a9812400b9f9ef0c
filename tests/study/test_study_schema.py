"""The format of ``mcwss.json`` is written down, and what was written once is always read."""

import json
from pathlib import Path

import pytest

from napari_mcwss.study.description import Description
from napari_mcwss.study.study import Study

SCHEMA = Path(__file__).parents[2] / "docs" / "mcwss.schema.json"


def schema_text() -> str:
    """Return the schema as it is committed: run this file after a change of the format."""
    return json.dumps(Description.model_json_schema(), indent=2) + "\n"


def test_the_schema_is_that_of_the_program():
    written, made = json.loads(SCHEMA.read_text("utf-8")), json.loads(schema_text())
    # Versions of pydantic say in different words that a value is the only one.
    for schema in (written, made):
        axis = schema["properties"].pop("slice_axis")
        assert axis["const"] == axis["default"] == "z"
    assert written == made


def test_what_is_written_fits_the_schema(tagged_study: Study):
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json.loads(SCHEMA.read_text("utf-8"))
    written = json.loads((tagged_study.folder / "mcwss.json").read_text("utf-8"))
    assert written["format"] == 1
    jsonschema.validate(written, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(written | {"classes": []}, schema)


def test_a_study_of_format_1_becomes_format_2_by_the_first_change_that_needs_it(
    tagged_study: Study,
):
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    path = tagged_study.folder / "mcwss.json"
    before = {scan: tagged_study.tags.read(scan).values for scan in tagged_study.scan_names}
    assert json.loads(path.read_text("utf-8"))["format"] == 1
    tagged_study.change_classes(["core", "ED"], renamed={"TC": "core"})
    written = json.loads(path.read_text("utf-8"))
    assert written["format"] == 2
    jsonschema.validate(written, json.loads(SCHEMA.read_text("utf-8")))
    opened = Study.open(tagged_study.folder)
    for scan, tags in before.items():
        assert (opened.tags.read(scan).values == tags).all()


if __name__ == "__main__":
    SCHEMA.write_text(schema_text(), "utf-8")
