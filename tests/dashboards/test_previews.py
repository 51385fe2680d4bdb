"""docs/dashboards has one picture of each dashboard as it is now."""

import hashlib
import json
import re
import struct

import pytest

import documents
import expressions

PICTURES = documents.DOCS / "dashboards"
FILES = expressions.dashboard_files()
RENEW = "run: tests/vm/capture_previews data.json && dashboards/preview/render data.json"
LARGEST = 150_000  # bytes: every clone of the repository has them
WIDTH = 1200


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def recorded():
    return json.loads((PICTURES / "previews.json").read_text(encoding="utf-8"))


def test_every_dashboard_has_its_picture_and_nothing_else_has():
    stems = {path.stem for path in FILES}
    assert {path.stem for path in PICTURES.glob("*.png")} == stems, RENEW
    assert set(recorded()) == stems, RENEW


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_picture_is_of_the_dashboard_as_it_is(path):
    entry = recorded()[path.stem]
    assert entry["dashboard"] == sha256(path), RENEW
    assert entry["png"] == sha256(PICTURES / f"{path.stem}.png"), RENEW


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_picture_is_a_png_of_the_whole_page(path):
    content = (PICTURES / f"{path.stem}.png").read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n") and content[12:16] == b"IHDR"
    assert len(content) <= LARGEST
    width, height = struct.unpack(">II", content[16:24])
    places = [panel["gridPos"] for panel in expressions.load_dashboard(path)["panels"]]
    assert width == WIDTH
    assert height > max(place["y"] + place["h"] for place in places) * 20


def test_the_manual_shows_every_picture():
    text = (documents.DOCS / "dashboards.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^\]]+\]\(dashboards/([\w-]+)\.png\)", text)
    assert sorted(shown) == sorted(path.stem for path in FILES)
