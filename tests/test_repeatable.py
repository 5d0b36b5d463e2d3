"""Whether the comparison of two builds sees what differs, and what makes two builds alike."""

import importlib.util
from pathlib import Path

import pytest

from tools import repeatable

PAGE = '<p>1</p><div class="cell {}docutils"><div class="in">f()</div>{}</div><p>2</p>'
OUTPUT = '<div class="cell_output"><div>{} s</div></div>'


def site(folder, **pages):
    for name, text in pages.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "a.html").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("tags", ["tag_nbval-ignore-output ", "tag_x tag_nbval-ignore-output "])
def test_what_varies_is_left_out_and_nothing_else(tags):
    one, other = (PAGE.format(tags, OUTPUT.format(t)) for t in ("0.1", "0.2"))
    assert repeatable.without_what_varies(one) == repeatable.without_what_varies(other)
    assert "<p>1</p>" in repeatable.without_what_varies(one)
    assert "f()" in repeatable.without_what_varies(one)
    assert "<p>2</p>" in repeatable.without_what_varies(one)
    assert "0.1" not in repeatable.without_what_varies(one)


@pytest.mark.parametrize("tags", ["", "tag_hide-input "])
def test_the_output_of_any_other_cell_counts(tags):
    one, other = (PAGE.format(tags, OUTPUT.format(t)) for t in ("0.1", "0.2"))
    assert repeatable.without_what_varies(one) == one
    assert repeatable.without_what_varies(other) == other


def test_differences_are_told(tmp_path, capsys):
    one = site(tmp_path / "one", same="<p>1</p>", changed="<p>1</p>", gone="<p>1</p>")
    other = site(tmp_path / "other", same="<p>1</p>", changed="<p>2</p>")
    assert repeatable.compare([one, other]) == 2
    said = capsys.readouterr().out
    assert "changed/a.html\n" in said
    assert "-<p>1</p>\n+<p>2</p>" in said
    assert "gone/a.html\nonly in one of the two" in said
    assert "3 pages and 0 other files compared" in said


def test_a_stream_in_parts_is_one_text():
    path = Path(__file__).parents[1] / "book" / "_ext" / "book_repeatable.py"
    spec = importlib.util.spec_from_file_location("book_repeatable", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def said(name, text):
        return {"output_type": "stream", "name": name, "text": text}

    picture = {"output_type": "display_data", "data": {}}
    parts = [said("stdout", "encoder:"), said("stderr", "!"), picture, said("stdout", " 1\n2\n")]
    assert module.joined(parts) == [said("stdout", "encoder: 1\n2\n"), said("stderr", "!"), picture]
    assert parts[0]["text"] == "encoder:"
