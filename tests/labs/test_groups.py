"""The groups lab: its Python face, and its numbers in a browser against convlib's."""

import pytest
from labs.looks import sticks_out

import convlib as cl
from convlib import labs


def reached(page):
    """The outputs that are lit, by their numbers."""
    return [int(text) for text in page.locator(".cl-node-output.cl-lit").all_text_contents()]


def counts(page):
    """What the bars say: lines, weights, multiply-adds, outputs reached, each (part, whole)."""
    texts = page.locator(".cl-meter dd").all_text_contents()
    return [tuple(int(n.replace(",", "")) for n in text.split(" of ")) for text in texts]


def drawn(page):
    """How many lines there are on the screen."""
    paths = page.locator(".cl-wire").evaluate_all("all => all.map(e => e.getAttribute('d'))")
    return sum(path.count("M") for path in paths)


def reach(channels, kernels, groups, between=(), layers=1):
    layer = ("conv", kernels, groups)
    return cl.channel_reach(channels, [layer, *[*between, layer] * (layers - 1)])


def test_kernels_follow_channels():
    assert repr(labs.Groups()) == "Groups()"
    assert labs.Groups(channels=8).kernels == 8
    assert (labs.Groups(kernels=6).channels, labs.Groups(kernels=6).kernels) == (12, 6)


@pytest.mark.parametrize(
    ("traits", "sentence"),
    [
        ({"channels": 17}, "channels is a whole number from 1 to 16; got 17."),
        ({"groups": 0}, "groups is a whole number from 1 to 16; got 0."),
        ({"layers": 3}, "layers is a whole number from 1 to 2; got 3."),
        ({"channel": -1}, "channel is a whole number from 0 to 15; got -1."),
        ({"ask": "why"}, "ask is one of 'lines', 'reach'; got 'why'."),
    ],
)
def test_nonsense_is_refused(traits, sentence):
    with pytest.raises(ValueError, match="Groups: ") as refusal:
        labs.Groups(**traits)
    assert sentence in str(refusal.value)


def test_plain_form_counts_by_hand():
    html = labs.Groups().html()
    assert "432 of 1,296 weights" in html  # 12 * 12/3 * 9 of 12 * 12 * 9
    assert "338,688 of 1,016,064 multiply-adds" in html  # times 28 * 28
    assert "Channel 0 reaches 4 of 12 outputs: 0, 1, 2, 3." in html
    html = labs.Groups(groups=4, layers=2, shuffle=True, channel=15).html()
    assert "648 of 2,592 weights" in html
    assert "Channel 11 reaches 9 of 12 outputs: 3, 4, 5, 6, 7, 8, 9, 10, 11." in html


def test_plain_form_of_groups_that_do_not_divide_is_the_librarys_sentence():
    with pytest.raises(ValueError) as refusal:
        cl.channel_reach(12, [("conv", 12, 5)])
    assert str(refusal.value).split(";")[0] in labs.Groups(groups=5).html()


def test_question_then_answer(lab_page):
    page = lab_page(labs.Groups())
    assert page.locator(".cl-meter dd").first.inner_text() == "? of 144"
    field = page.get_by_label("Your answer")
    field.fill("36")
    field.press("Enter")
    assert "Not 36" in page.locator(".cl-reply").inner_text()
    field.fill("48")
    field.press("Enter")
    expected = "Right. Each kernel sees 1/3 of the channels: 144/3 = 48 lines."
    assert page.locator(".cl-reply").inner_text() == expected
    assert counts(page) == [(48, 144), (432, 1296), (338688, 1016064), (4, 12)]


def test_the_reach_is_covered_until_it_is_predicted(lab_page):
    page = lab_page(labs.Groups(groups=4, layers=2, shuffle=True, ask="reach"))
    assert page.locator(".cl-node-output").all_text_contents() == ["?"] * 12
    assert reached(page) == []
    page.get_by_label("Your answer").fill("9")
    page.get_by_role("button", name="Check").click()
    assert page.locator(".cl-reply").inner_text().startswith("Right. ")
    assert reached(page) == [*range(9)]


@pytest.mark.parametrize(("channels", "kernels"), [(12, 12), (6, 12), (16, 4)])
@pytest.mark.parametrize(("layers", "shuffle"), [(1, False), (2, False), (2, True)])
def test_lines_and_reach_are_those_of_the_library(lab_page, channels, kernels, layers, shuffle):
    lab = labs.Groups(channels=channels, kernels=kernels, groups=1, layers=layers, shuffle=shuffle)
    lab.channel, lab.revealed = channels - 1, True
    page = lab_page(lab)
    for groups in range(1, 17):
        try:
            matrix = reach(channels, kernels, groups, [("shuffle", groups)] * shuffle, layers)
        except ValueError as refusal:
            assert page.get_by_role("alert").inner_text() == str(refusal)
        else:
            assert reached(page) == matrix[:, -1].nonzero()[0].tolist()
            lines = sum(reach(n, kernels, groups).sum() for n in (channels, kernels)[:layers])
            assert counts(page)[0][0] == lines
            assert drawn(page) == lines + kernels * shuffle
        page.get_by_label("Groups G: more").dispatch_event("click")


def test_by_keyboard_alone(lab_page):
    page = lab_page(labs.Groups(revealed=True))
    page.get_by_label("Groups G", exact=True).focus()
    page.keyboard.press("ArrowUp")  # 4
    page.keyboard.press("Tab")  # the button "more"
    page.keyboard.press("Tab")  # layers
    page.keyboard.press("ArrowRight")  # two
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # shuffle
    page.keyboard.press("Tab")  # the input channel
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.ariaLabel") == "Input channel to follow: 11"
    matrix = reach(12, 12, 4, [("shuffle", 4)], 2)
    assert reached(page) == matrix[:, 11].nonzero()[0].tolist()
    page.keyboard.press("ArrowDown")  # round to the first
    expected = "Channel 0 reaches 9 of 12 outputs: 0, 1, 2, 3, 4, 5, 6, 7, 8."
    assert page.locator(".cl-readout").inner_text() == expected
    assert page.get_by_role("radio", name="Input channel to follow: 0").is_checked()


def test_a_channel_is_followed_by_click_and_reset(lab_page):
    page = lab_page(labs.Groups(revealed=True))
    page.get_by_role("radio", name="Input channel to follow: 9").click()
    assert reached(page) == [8, 9, 10, 11]
    page.get_by_role("button", name="Reset").click()
    assert reached(page) == [0, 1, 2, 3]


def test_groups_that_do_not_divide_are_refused_in_place(lab_page):
    page = lab_page(labs.Groups(groups=4, revealed=True))
    page.get_by_label("Groups G: more").click()
    with pytest.raises(ValueError) as refusal:
        cl.channel_reach(12, [("conv", 12, 5)])
    assert page.get_by_role("alert").inner_text() == str(refusal.value)
    page.get_by_label("Groups G: more").click()
    assert not page.get_by_role("alert").is_visible()
    assert reached(page) == [0, 1]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 768, 1280])
def test_nothing_sticks_out(lab_page, width, theme):
    lab = labs.Groups(channels=16, groups=16, layers=2, shuffle=True, revealed=True)
    page = lab_page(lab, width, theme)
    assert sticks_out(page, width) == []
