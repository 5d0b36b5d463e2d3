"""Integers only: how many windows fit, what they cover, how padding maps back to the input.

Nothing here knows arrays. Every other module asks this one for its sizes, so a size rule stands
in one place. Letters, per axis: input size n, kernel size N, stride s, padding p, dilation d.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import NamedTuple

from ._checks import (
    BadType,
    BadValue,
    as_int,
    check_choice,
    check_flags,
    check_index,
    per_axis,
    public_exact,
)
from ._types import IntOrInts, Ints, Padding, Windows

Pairs = tuple[tuple[int, int], ...]

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


@dataclass(frozen=True)
class Window:
    """A sliding window: one value per spatial axis, already checked.

    Convolution, pooling, im2col and their adjoints differ in what they do with a window's
    contents. What a window *is*, they share.
    """

    kernel_size: Ints
    stride: Ints
    dilation: Ints
    padding: Pairs  # (before, after) per axis
    mode: str = "zeros"  # what the padding holds
    span: Ints = field(init=False)
    """Cells from the first tap to the last, per axis: ``d*(N - 1) + 1``."""

    def __post_init__(self) -> None:
        axes = zip(self.kernel_size, self.dilation, strict=True)
        object.__setattr__(self, "span", tuple([d * (n - 1) + 1 for n, d in axes]))

    @property
    def is_point(self) -> bool:
        """True for a 1x1 window of stride 1: it rearranges nothing."""
        return math.prod(self.kernel_size) == 1 and math.prod(self.stride) == 1

    def output_size(self, input_size: Ints, ceil_mode: bool = False) -> Ints:
        """Windows that fit, per axis; zero or less where none does."""
        count = _round_up if ceil_mode else _round_down
        axes = zip(input_size, self.padding, self.span, self.stride, strict=True)
        return tuple([count(n, pair, span, s) for n, pair, span, s in axes])

    def reach(self, input_size: Ints, box: Sequence[slice]) -> Pairs:
        """Padding that turns the input into just what the outputs in `box` read.

        Output ``u`` reads padded cells ``u*s`` to ``u*s + span - 1``. Counted from the input's own
        edges that is a padding again, negative where the outputs leave cells unread: the
        same `pad` then both pads a whole input and cuts out the part that one tile needs.
        """
        return tuple(
            (before - b.start * s, (b.stop - 1) * s + span - before - n)
            for n, (before, _), span, s, b in zip(
                input_size, self.padding, self.span, self.stride, box, strict=True
            )
        )


def _round_down(n: int, pair: tuple[int, int], span: int, s: int) -> int:
    return (n + pair[0] + pair[1] - span) // s + 1


def _round_up(n: int, pair: tuple[int, int], span: int, s: int) -> int:
    out = -((span - n - sum(pair)) // s) + 1  # the ceiling of (n + p + p - span) / s, plus one
    # A window that starts in the padding after the input would see nothing of it.
    return out - 1 if (out - 1) * s >= n + pair[0] else out


def make_window(
    kernel_size: IntOrInts,
    stride: IntOrInts,
    padding: Padding,
    dilation: IntOrInts,
    rank: int,
    mode: str = "zeros",
    *,
    words: bool = True,
    alike: bool = True,
) -> Window:
    """Check the options of a window and give every axis its value.

    With `words`, padding may be "same" or "valid"; with `alike`, one in a tuple holds for all axes.
    """
    kernel = per_axis("kernel_size", kernel_size, rank, least=1, alike=alike)
    strides = per_axis("stride", stride, rank, least=1, alike=alike)
    dilations = per_axis("dilation", dilation, rank, least=1, alike=alike)
    if words and isinstance(padding, str):
        pairs = _named_padding(padding, kernel, strides, dilations)
    else:
        pairs = _padding_pairs(padding, rank, words, alike)
    check_choice("padding_mode", mode, PADDING_MODES)
    return Window(kernel, strides, dilations, pairs, mode)


def _padding_pairs(padding: object, rank: int, words: bool, alike: bool) -> Pairs:
    """An int, one int per axis, or one (before, after) pair per axis: all become pairs."""
    if type(padding) is int and 0 <= padding <= sys.maxsize:  # as it mostly is
        return ((padding, padding),) * rank
    values = list(padding) if isinstance(padding, (tuple, list)) else [padding] * rank
    if alike and len(values) == 1:
        values *= rank
    s = "s" * (rank > 1)
    rule = (
        f"padding must be an int, {rank} int{s} or {rank} (before, after) pair{s}, one "
        f"per spatial axis" + ', or "same" or "valid"' * words + f"; got padding={padding!r}."
    )
    if len(values) != rank:
        raise BadValue(rule)
    pairs = []
    for value in values:
        pair = list(value) if isinstance(value, (tuple, list)) else [value, value]
        if len(pair) != 2:
            raise BadValue(rule)
        pairs.append((as_int(rule, pair[0]), as_int(rule, pair[1])))
    if any(p < 0 for pair in pairs for p in pair):
        raise BadValue(
            f"padding must be at least 0; got padding={padding!r}. To crop, slice the input first."
        )
    check_index("padding", tuple(p for pair in pairs for p in pair))
    return tuple(pairs)


def _named_padding(padding: str, kernel: Ints, stride: Ints, dilation: Ints) -> Pairs:
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if padding != "same":
        raise BadValue(f'padding as a word must be "same" or "valid"; got padding={padding!r}.')
    if math.prod(stride) != 1:
        raise BadValue(
            f'padding="same" keeps the size, so it needs stride 1; got stride={stride}. '
            f"Give the padding as numbers."
        )
    # d*(N - 1) cells are missing in all; where that is odd, the extra one goes after the input.
    return tuple(
        (d * (n - 1) // 2, d * (n - 1) - d * (n - 1) // 2)
        for n, d in zip(kernel, dilation, strict=True)
    )


def check_fits(
    window: Window,
    input_size: Ints,
    ceil_mode: bool = False,
    *,
    most: Ints | None = None,
) -> None:
    """Raise where no window fits, with the arithmetic and the nearest repairs that there are.

    `most` is how much padding an axis may have: any, unless the caller or the mode says otherwise.
    """
    counts = window.output_size(input_size, ceil_mode)
    for axis, (n, pair, count) in enumerate(zip(input_size, window.padding, counts, strict=True)):
        if count < 1:
            kernel, d, span = window.kernel_size[axis], window.dilation[axis], window.span[axis]
            pads = f"2*{pair[0]}" if pair[0] == pair[1] else f"{pair[0]} + {pair[1]}"
            room = n + sum(pair)
            limit = {"reflect": n - 1, "circular": n}.get(window.mode, span)
            repairs = []
            if (span - n + 1) // 2 <= (limit if most is None else most[axis]):
                repairs.append(f"padding >= {(span - n + 1) // 2}")
            if room >= kernel > 1:
                repairs.append(f"dilation <= {(room - 1) // (kernel - 1)}")
            repairs = repairs or [f"a kernel of {(room - 1) // d + 1} or a larger input"]
            raise BadValue(
                f"no window fits: the dilated kernel spans {d}*({kernel} - 1) + 1 = "
                f"{span}, the padded input is {n} + {pads} = {room}. Use {' or '.join(repairs)}."
            )


def check_padding(window: Window, input_size: Ints) -> None:
    """Raise where the input is too small to be mirrored or wrapped as far as asked."""
    for n, pair in zip(input_size, window.padding, strict=True):
        if window.mode == "reflect" and max(pair) >= n:
            raise BadValue(
                f'padding_mode="reflect" mirrors without repeating the edge, so padding '
                f"must be less than the size; got padding {max(pair)} for size {n}. "
                f'Use padding <= {n - 1} or padding_mode="replicate".'
            )
        if window.mode == "circular" and max(pair) > n:
            raise BadValue(
                f'padding_mode="circular" wraps around once at most, so padding must not '
                f"exceed the size; got padding {max(pair)} for size {n}. Use padding <= {n}."
            )


def check_channels(
    x_shape: Ints, weight_shape: Ints, groups: int, names: str = "x.shape weight.shape"
) -> None:
    """Raise unless the channels of `x` (B, C, ...) are those that `weight` (K, C/G, ...) reads."""
    x_name, weight_name = names.split()
    got = f"got {x_name}={x_shape}, {weight_name}={weight_shape}, groups={groups}."
    channels, (kernels, depth) = x_shape[-len(weight_shape) + 1], weight_shape[:2]
    if channels != groups * depth:
        raise BadValue(
            f"x has {channels} channels, but weight and groups expect "
            f"{groups} * {depth} = {groups * depth}; {got}"
        )
    if kernels % groups:
        raise BadValue(
            f"groups must divide the {kernels} kernels of weight, but {kernels} = "
            f"{kernels // groups} * {groups} + {kernels % groups}; {got}"
        )


def padded_size(size: Sequence[int], pairs: Pairs) -> Ints:
    """The size per axis once padded: smaller, where counts are negative and crop."""
    return tuple([n + sum(pair) for n, pair in zip(size, pairs, strict=True)])


def source_index(cells: range, n: int, mode: str) -> list[int]:
    """Which of `n` cells each of the padded `cells` copies, for the modes that copy.

    Cells count from the input's first one: those of the padding before it are negative.

    >>> source_index(range(-2, 6), 4, "reflect")      # 1 2 3 4 -> 3 2 1 2 3 4 3 2
    [2, 1, 0, 1, 2, 3, 2, 1]
    >>> source_index(range(-2, 6), 4, "replicate")
    [0, 0, 0, 1, 2, 3, 3, 3]
    >>> source_index(range(-2, 6), 4, "circular")
    [2, 3, 0, 1, 2, 3, 0, 1]
    """
    if mode == "circular":
        return [i % n for i in cells]
    if mode == "replicate":
        return [min(max(i, 0), n - 1) for i in cells]
    # A mirror at both ends: go up to n - 1, come back, and start again.
    period = max(2 * (n - 1), 1)
    return [min(i % period, period - i % period) for i in cells]


def tiles(shape: Sequence[int], limit: int) -> Iterator[tuple[slice, ...]]:
    """Cut a box of `shape` into boxes of at most `limit` cells, the last axes kept whole longest.

    Boxes of one axis are alike in size, to within one step. An empty axis gives one empty box, so
    that a loop over the tiles runs once for an empty batch too.

    >>> [*tiles((2, 4), 3)]
    [(slice(0, 1, None), slice(0, 2, None)), (slice(0, 1, None), slice(2, 4, None)), \
(slice(1, 2, None), slice(0, 2, None)), (slice(1, 2, None), slice(2, 4, None))]
    """
    if math.prod(shape) <= limit:
        return iter([tuple(slice(0, n) for n in shape)])
    most = [
        max(1, min(n, limit // max(1, math.prod(shape[axis + 1 :]))))
        for axis, n in enumerate(shape)
    ]
    steps = [-(-max(n, 1) // -(-max(n, 1) // m)) for n, m in zip(shape, most, strict=True)]
    return product(
        *(
            [slice(i, min(i + step, n)) for i in range(0, max(n, 1), step)]
            for n, step in zip(shape, steps, strict=True)
        )
    )


@public_exact
def output_size(
    input_size: IntOrInts,
    kernel_size: IntOrInts,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
) -> int | Ints:
    r"""How many windows fit: the output size of a convolution or a pooling.

    .. math:: n' = \left\lfloor \frac{n + 2p - d\,(N - 1) - 1}{s} \right\rfloor + 1

    Parameters
    ----------
    input_size : int or tuple of int
        An int for one axis, a tuple for one size per axis.
    kernel_size, stride, dilation : int or one int per axis
        All at least 1; `stride` and `dilation` default to 1.
    padding : int, one int per axis, one (before, after) pair per axis, "same" or "valid"
        Cells added on *each* side; default 0.
    ceil_mode : bool
        Round up instead of down, as pooling may; a last window that would start beyond the input
        and its left padding is left out.

    Returns
    -------
    int or tuple of int
        An int for an int `input_size`, else a tuple.

    Raises
    ------
    TypeError, ValueError
        An option is no int or out of range, or no window fits.

    Notes
    -----
    Constant time. Derivation: Dumoulin and Visin, "A guide to convolution arithmetic for deep
    learning" (2016), relationship 6, with dilation. `ceil_mode` follows ``torch.nn.MaxPool2d``.
    Book: "Stride, padding and size".

    Examples
    --------
    >>> output_size(32, 3)
    30
    >>> output_size((224, 224), 7, stride=2, padding=3)
    (112, 112)
    >>> output_size(6, 3, stride=2), output_size(6, 3, stride=2, ceil_mode=True)
    (2, 3)
    """
    check_flags(ceil_mode=ceil_mode)
    single = not isinstance(input_size, (tuple, list))
    rank = 1 if single else len(input_size)  # type: ignore[arg-type]
    sizes = per_axis("input_size", input_size, rank, least=1)
    window = make_window(kernel_size, stride, padding, dilation, rank)
    check_fits(window, sizes, ceil_mode)
    out = window.output_size(sizes, ceil_mode)
    return out[0] if single else out


def transpose_window(
    input_size: Ints,
    kernel_size: IntOrInts,
    stride: IntOrInts,
    padding: Padding,
    output_padding: IntOrInts,
    dilation: IntOrInts,
) -> tuple[Window, Ints]:
    """The window whose adjoint is asked for, and the size that the adjoint gives.

    The window slides over the *output*. Output padding adds nothing to it: it takes cells off the
    padding behind, so that a larger output has just as many windows.
    """
    rank = len(input_size)
    window = make_window(kernel_size, stride, padding, dilation, rank, words=False)
    extra = per_axis("output_padding", output_padding, rank, least=0, alike=True)
    for op, s, d in zip(extra, window.stride, window.dilation, strict=True):
        if op >= max(s, d):
            raise BadValue(
                f"output_padding chooses among the sizes that a stride makes equal, so it "
                f"must be less than stride or dilation; got output_padding={op}, stride={s}, "
                f"dilation={d}. Use output_padding <= {max(s, d) - 1}."
            )
    pairs, size = [], []
    axes = zip(input_size, window.stride, window.span, window.padding, extra, strict=True)
    for axis, (n, s, span, (before, after), op) in enumerate(axes):
        pairs.append((before, after - op))
        size.append((n - 1) * s + span - sum(pairs[-1]))
        if size[-1] < 1:
            least, most = op + 1 - size[-1], max(s, window.dilation[axis]) - 1
            more = f", or output_padding >= {least}" if least <= most else ""
            raise BadValue(
                f"nothing is left of the output: its size is ({n} - 1)*{s} + {span} - "
                f"{sum(pairs[-1])} = {size[-1]}. Use less padding{more}."
            )
    return replace(window, padding=tuple(pairs)), tuple(size)


@public_exact
def transpose_output_size(
    input_size: IntOrInts,
    kernel_size: IntOrInts,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    output_padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
) -> int | Ints:
    r"""The output size of a transposed convolution.

    .. math:: n' = (n - 1)\,s - 2p + d\,(N - 1) + p_{\mathrm{out}} + 1

    Parameters
    ----------
    input_size : int or tuple of int
        An int for one axis, a tuple for one size per axis.
    kernel_size, stride, dilation : int or one int per axis
        All at least 1; `stride` and `dilation` default to 1.
    padding : int, one int per axis or one (before, after) pair per axis
        Cells taken off *each* side of the output; default 0.
    output_padding : int or one int per axis
        Chooses among the sizes that a convolution of this stride maps to the same one; less than
        stride or dilation; default 0.

    Returns
    -------
    int or tuple of int
        An int for an int `input_size`, else a tuple.

    Raises
    ------
    TypeError, ValueError
        An option is no int or out of range, or nothing is left of the output.

    Notes
    -----
    Constant time. Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep
    learning" (2016), relationship 14, with dilation.  Book: "Size and output padding".

    Examples
    --------
    >>> transpose_output_size(4, 3, stride=2, padding=1, output_padding=1)
    8
    >>> output_size(17, 5, stride=3, padding=2)           # 17 becomes 6 ...
    6
    >>> transpose_output_size(6, 5, stride=3, padding=2)  # ... and 6 becomes 16, not 17
    16
    """
    single = not isinstance(input_size, (tuple, list))
    rank = 1 if single else len(input_size)  # type: ignore[arg-type]
    sizes = per_axis("input_size", input_size, rank, least=1)
    _, out = transpose_window(sizes, kernel_size, stride, padding, output_padding, dilation)
    return out[0] if single else out


class Field(NamedTuple):
    """What one output ``u`` of a stack sees: `size` cells from ``start + u*jump`` on."""

    size: int
    jump: int
    start: int


@public_exact
def receptive_field(layers: Windows) -> list[Field]:
    r"""Receptive field along one axis, after each layer of a stack.

    .. math:: r \leftarrow r + d\,(N - 1)\,j, \qquad a \leftarrow a - p\,j, \qquad j \leftarrow s\,j

    starting from :math:`r = 1`, :math:`a = 0`, :math:`j = 1`.

    Parameters
    ----------
    layers : sequence of (kernel_size, stride, padding, dilation)
        One tuple of ints a layer, convolution or pooling; what is left off at the end is 1, 0, 1.

    Returns
    -------
    list of Field
        ``(size, jump, start)`` after each layer: output ``u`` sees the `size` input cells from
        ``start + u*jump`` on. A negative `start` lies in the padding.

    Raises
    ------
    TypeError, ValueError
        A layer is no tuple of one to four ints, or an int is out of range.

    Notes
    -----
    One step a layer. Source: Araujo, Norris and Sim, "Computing receptive fields of convolutional
    neural networks", Distill (2019).  Book: "Stride, padding and size".

    Examples
    --------
    >>> [field.size for field in receptive_field([(3,), (2, 2), (3,), (2, 2)])]
    [3, 4, 8, 10]
    >>> receptive_field([(3, 1, 1), (3, 2, 1)])[-1]
    Field(size=5, jump=2, start=-2)
    """
    fields, field = [], Field(size=1, jump=1, start=0)
    if not isinstance(layers, (tuple, list)):
        raise BadType(f"layers must be a list of tuples, one a layer; got {layers!r}.")
    for layer in layers:
        if not isinstance(layer, (tuple, list)) or not 1 <= len(layer) <= 4:
            raise BadValue(
                f"a layer is (kernel_size, stride, padding, dilation), of which all but "
                f"the first may be left off; got {layer!r}."
            )
        kernel, s, p, d = list(layer) + [1, 0, 1][len(layer) - 1 :]
        window = make_window(kernel, s, p, d, rank=1)
        size, jump, start = field
        field = Field(
            size + (window.span[0] - 1) * jump,
            jump * window.stride[0],
            start - window.padding[0][0] * jump,
        )
        fields.append(field)
    return fields
