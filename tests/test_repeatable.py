"""Whether the comparison of two builds sees what differs, and what makes two builds alike."""

import importlib.util
import io
import re
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


def extension(name):
    path = Path(__file__).parents[1] / "book" / "_ext" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_figure_hangs_on_no_last_bit():
    """matplotlib names a clip by a hash of all digits, of which it prints six."""
    plt = pytest.importorskip("matplotlib.pyplot", reason="matplotlib is not installed")
    pytest.importorskip("sphinx", reason="Sphinx is not installed")
    drawn = []
    for hair in (0, 1e-13):
        with plt.rc_context({"svg.hashsalt": "test", "svg.fonttype": "none"}):
            fig = plt.figure(figsize=(3, 2))
            ax = fig.add_axes((0.1 + hair, 0.1, 0.8, 0.8))
            ax.plot([1, 2, 3], [0, 1, 0.5], "o-")
            ax.scatter([1, 2], [0.5, 0.25])
            page = io.StringIO()
            fig.savefig(page, format="svg", metadata={"Date": None})
            plt.close(fig)
        drawn.append(page.getvalue())
    assert drawn[0] != drawn[1]
    one, other = (extension("book_figures").inlined(svg, "f-", "a line") for svg in drawn)
    assert one == other
    names, uses = (set(re.findall(p, one)) for p in (r'\bid="([^"]+)"', r"#(f-[^\")]+)[\")]"))
    assert uses
    assert uses <= names, "each clip and marker is still found"
    assert not re.search(r"[0-9a-f]{10}", one)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<path d="M 0 -0 \nL 4.5 -0 \nL -0 -0.5 z"/>', '<path d="M 0 0 \nL 4.5 0 \nL 0 -0.5 z"/>'),
        ('transform="translate(-0 7) rotate(-90)"', 'transform="translate(0 7) rotate(-90)"'),
        ('<use x="20.298438" y="-0.000001"/>', '<use x="20.298" y="0"/>'),
        ('<use x="20.298437" y="0.125"/>', '<use x="20.298" y="0.125"/>'),
        ('d="M 0.187501 -3.187500"', 'd="M 0.188 -3.187"'),
        ('d="M 0.187499 -3.187499"', 'd="M 0.188 -3.187"'),
        ('transform="scale(0.015625)"',) * 2,
        ('<g id="xtick_1"/><use href="#DejaVuSans-30"/>',) * 2,
    ],
)
def test_the_last_digits_are_left_out(text, expected):
    pytest.importorskip("sphinx", reason="Sphinx is not installed")
    assert extension("book_figures").steadied(text) == expected


def test_a_stream_in_parts_is_one_text():
    module = extension("book_repeatable")

    def said(name, text):
        return {"output_type": "stream", "name": name, "text": text}

    picture = {"output_type": "display_data", "data": {}}
    parts = [said("stdout", "encoder:"), said("stderr", "!"), picture, said("stdout", " 1\n2\n")]
    assert module.joined(parts) == [said("stdout", "encoder: 1\n2\n"), said("stderr", "!"), picture]
    assert parts[0]["text"] == "encoder:"
