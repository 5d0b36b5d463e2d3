"""The seam between NumPy and torch: windows, padding, their adjoints, and the checks of arrays."""

import re
import subprocess
import sys
import types

import numpy as np
import pytest
from hypothesis import given
from strategies import NUMPY_MODES, geometries, whole

import convlib as cl
from convlib import _arrays, _checks, _sums, _windows
from convlib.geometry import make_window


def window_of(g):
    return make_window(g.kernel, g.stride, g.padding, g.dilation, g.rank, g.mode)


# ---- by hand ----


def test_windows_by_hand(xp):
    x = xp.asarray([[[0, 1, 2, 3, 4, 5, 6]]])
    window = make_window(3, 2, 0, 2, 1)  # starts at 0 and 2, taps two apart
    assert xp.numpy(_windows.windows(x, window)).tolist() == [[[[0, 2, 4], [2, 4, 6]]]]


def test_scatter_by_hand(xp):
    parts = xp.asarray([[[[1, 10], [2, 20], [3, 30]]]])
    window = make_window(2, 1, 0, 1, 1)
    # cell 0: 1; cell 1: 10 + 2; cell 2: 20 + 3; cell 3: 30
    assert xp.numpy(_windows.scatter(parts, (4,), window)).tolist() == [[[1, 12, 23, 30]]]


@pytest.mark.parametrize(
    ("pair", "mode", "expected"),
    [
        ((2, 2), "zeros", [0, 0, 1, 2, 3, 4, 0, 0]),
        ((2, 2), "reflect", [3, 2, 1, 2, 3, 4, 3, 2]),
        ((2, 2), "replicate", [1, 1, 1, 2, 3, 4, 4, 4]),
        ((2, 2), "circular", [3, 4, 1, 2, 3, 4, 1, 2]),
        ((-1, -2), "zeros", [2]),
        ((-1, 2), "zeros", [2, 3, 4, 0, 0]),
        ((1, -3), "reflect", [2, 1]),
        ((-3, 1), "circular", [4, 1]),
        ((-5, 3), "replicate", [4, 4]),  # cells 5 and 6: in the padding alone
        ((-5, 3), "zeros", [0, 0]),
        ((3, -5), "zeros", [0, 0]),
    ],
)
def test_pad_by_hand(xp, pair, mode, expected):
    padded = _windows.pad(xp.asarray([[[1, 2, 3, 4]]]), (pair,), mode)
    assert xp.numpy(padded).tolist() == [[expected]]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("zeros", [10, 100, 1000]),
        ("reflect", [10, 1 + 100 + 10000, 1000]),  # cells 0 and 4 copied cell 1
        ("replicate", [1 + 10, 100, 1000 + 10000]),
        ("circular", [10 + 10000, 100, 1 + 1000]),
    ],
)
def test_add_unpadded_by_hand(xp, mode, expected):
    x = _arrays.new((1, 1, 3), xp.asarray([0]))
    x += 5  # what is there stays: the adjoint is added
    padded = xp.asarray([[[1, 10, 100, 1000, 10000]]])
    _windows.add_unpadded(x, padded, ((1, 1),), mode)
    assert (xp.numpy(x) - 5).tolist() == [[expected]]


# ---- oracle ----


@given(g=geometries())
def test_windows_hold_what_indexing_finds(xp, g):
    padded = g.padded(g.x)
    view = xp.numpy(_windows.windows(xp.asarray(padded), window_of(g)))
    assert view.shape == (*padded.shape[:2], *g.out, *g.kernel)
    for u in np.ndindex(*g.out):
        taps = [
            i * s + np.arange(k) * d
            for i, s, k, d in zip(u, g.stride, g.kernel, g.dilation, strict=True)
        ]
        np.testing.assert_array_equal(view[:, :, *u], padded[:, :, *np.ix_(*taps)])


@given(g=geometries())
def test_pad_is_numpys(xp, g):
    x = g.x
    padded = _windows.pad(xp.asarray(x), g.padding, g.mode)
    np.testing.assert_array_equal(xp.numpy(padded), g.padded(g.x))


@given(g=geometries(batches=(0, 2)))
def test_a_tile_padded_is_a_piece_of_the_input_padded(xp, g):
    whole_x, window = g.padded(g.x), window_of(g)
    for u in np.ndindex(*g.out):
        pairs = window.reach(g.size, [slice(i, i + 1) for i in u])
        piece = xp.numpy(_windows.pad(xp.asarray(g.x), pairs, g.mode))
        cells = [slice(i * s, i * s + n) for i, s, n in zip(u, g.stride, window.span, strict=True)]
        np.testing.assert_array_equal(piece, whole_x[:, :, *cells])


# ---- laws ----


@given(g=geometries())
def test_scatter_is_the_adjoint_of_windows(xp, g):
    """Sum(windows(x) * y) = sum(x * scatter(y)), exactly: all values are whole."""
    x, window = g.padded(g.x), window_of(g)
    y = whole(*x.shape[:2], *g.out, *g.kernel, seed=5)
    forth = xp.numpy(_windows.windows(xp.asarray(x), window))
    back = xp.numpy(_windows.scatter(xp.asarray(y), x.shape[2:], window))
    assert (forth * y).sum() == (x * back).sum()


@given(g=geometries())
def test_add_unpadded_is_the_adjoint_of_pad(xp, g):
    x = g.x
    y = whole(*g.padded(g.x).shape, seed=5)
    back = _arrays.new(x.shape, xp.asarray(x))
    _windows.add_unpadded(back, xp.asarray(y), g.padding, g.mode)
    forth = xp.numpy(_windows.pad(xp.asarray(x), g.padding, g.mode))
    assert (forth * y).sum() == (x * xp.numpy(back)).sum()


@given(g=geometries(batches=(1,)))
def test_the_adjoint_holds_for_every_tile(xp, g):
    window = window_of(g)
    for u in np.ndindex(*g.out):
        pairs = window.reach(g.size, [slice(i, i + 1) for i in u])
        forth = xp.numpy(_windows.pad(xp.asarray(g.x), pairs, g.mode))
        y = whole(*forth.shape, seed=6)
        back = _arrays.new(g.x.shape, xp.asarray(g.x))
        _windows.add_unpadded(back, xp.asarray(y), pairs, g.mode)
        assert (forth * y).sum() == (g.x * xp.numpy(back)).sum()


def test_windows_are_a_view():
    x = np.zeros((1, 1, 6, 6))
    view = _windows.windows(x, make_window(3, 2, 0, 1, 2))
    assert np.shares_memory(view, x)
    assert not view.flags.writeable  # one cell is in several windows


def test_windows_of_a_tensor_are_a_view(torch):
    x = torch.zeros(1, 1, 6, 6)
    view = _windows.windows(x, make_window(3, 2, 0, 1, 2))
    assert view.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()


@pytest.mark.parametrize("mode", NUMPY_MODES)
def test_padding_that_adds_nothing_copies_nothing(mode):
    x = np.arange(6.0).reshape(1, 1, 6)
    assert np.shares_memory(_windows.pad(x, ((0, -2),), mode), x)
    assert not np.shares_memory(_windows.pad(x, ((1, 0),), mode), x)


# ---- long sums ----


@pytest.mark.parametrize("n", [0, 1, 16, 17, 255, 256, 257, 1000, 4099, 2**16])
def test_every_number_is_in_the_sum_once(xp, n):
    numbers = np.arange(3 * n).reshape(3, n) % 1000
    rows = xp.asarray(numbers.astype(np.float64))
    expected = numbers.sum(1)
    assert xp.numpy(_sums.row_sums(rows)).tolist() == expected.tolist()
    assert xp.numpy(_sums.axis_sums(rows, 1)).tolist() == expected.tolist()
    assert xp.numpy(_sums.axis_sums(rows.T, 0)).tolist() == expected.tolist()
    assert xp.numpy(_sums.channel_sums(rows.reshape(1, 3, n))).tolist() == expected.tolist()
    if n:
        assert xp.numpy(_sums.pairwise(rows.T)).tolist() == expected.tolist()


def test_pairwise_keeps_few_sums():
    """Terms are asked for one by one, and no term is held once it is added."""
    alive = []

    class Term:
        def __init__(self, value):
            self.value = value
            alive.append(1)

        def __del__(self):
            alive.pop()

        def __add__(self, other):
            return Term(self.value + other.value)

    most = 0

    def terms():
        nonlocal most
        for i in range(5000):
            yield Term(i)
            most = max(most, len(alive))

    assert _sums.pairwise(terms()).value == 5000 * 4999 // 2
    assert most < 16  # log2(5000 / CHAIN) sums, about


TENTH = 0.1  # as a float32 a little too large: added one by one, every sum errs to the same side
LONG_SUMS = {
    "global_avg_pool": lambda f: cl.global_avg_pool(f(1, 1, 512, 512)),
    "global_avg_pool, a prime number of cells": lambda f: cl.global_avg_pool(f(2, 2, 100003)),
    "adaptive_avg_pool, first axis": lambda f: cl.adaptive_avg_pool(f(1, 1, 30000, 2), (2, None)),
    "adaptive_avg_pool, last axis": lambda f: cl.adaptive_avg_pool(f(1, 1, 2, 30000), (None, 2)),
    "avg_pool": lambda f: cl.avg_pool(f(1, 1, 2, 20000), (1, 20000)),
    "lp_pool": lambda f: cl.lp_pool(f(1, 1, 20000), 2, 20000),
    "avg_pool_backward": lambda f: cl.avg_pool_backward(
        f(1, 1, 4001), f(1, 1, 8000), 4000, stride=1
    ),
    "col2im": lambda f: cl.col2im(f(1, 4000, 4001), 8000, 4000),
    "conv_transpose": lambda f: cl.conv_transpose(f(1, 1, 4000), f(1, 1, 4000), method="scatter"),
    "conv_backward, large images": lambda f: cl.conv_backward(
        f(1, 2, 200, 200), f(1, 1, 200, 200), f(2, 1, 3, 3), padding=1
    ),
    "conv_backward, many images": lambda f: cl.conv_backward(
        f(20000, 2, 1), f(20000, 1, 2), f(2, 1, 2)
    ),
    "conv_backward, small tiles": lambda f: cl.conv_backward(
        f(1, 1, 5000), f(1, 1, 5000), f(1, 1, 1), budget=1
    ),
    "conv_backward, copied edges": lambda f: cl.conv_backward(
        f(1, 1, 40002), f(1, 1, 2), f(1, 1, 1), padding=20000, padding_mode="replicate"
    ),
    "conv_transpose_backward": lambda f: cl.conv_transpose_backward(
        f(30, 1, 40, 40), f(30, 1, 20, 20), f(1, 1, 2, 2), stride=2
    ),
    "prelu_backward, one slope": lambda f: cl.prelu_backward(f(50000), -f(50000), f(1)),
    "prelu_backward": lambda f: cl.prelu_backward(f(20000, 3), -f(20000, 3), f(3)),
    "resize_backward": lambda f: cl.resize_backward(f(1, 1, 30000), f(1, 1, 2), size=30000),
}


@pytest.mark.parametrize("call", LONG_SUMS.values(), ids=LONG_SUMS)
def test_long_sums_keep_their_digits(xp, call):
    """Of float32, whose last digit is 1e-7 of a number; one by one they would lose 1e-4 or more."""

    def of(dtype):
        found = call(lambda *shape: xp.asarray(np.full(shape, TENTH, np.float32), dtype))
        return [xp.numpy(one) for one in (found if isinstance(found, tuple) else (found,))]

    for one, exact in zip(of("float32"), of("float64"), strict=True):
        np.testing.assert_allclose(one, exact, rtol=2e-5)


# ---- contract ----


def test_helpers_know_the_library(xp):
    x = xp.asarray([1.0, 2.0])
    assert _arrays.is_tensor(x) == xp.is_torch
    assert _arrays.namespace(x) is sys.modules["torch" if xp.is_torch else "numpy"]
    made = _arrays.new((2, 3), x, xp.dtype("float32"))
    assert xp.numpy(made).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert made.dtype == xp.dtype("float32")
    assert made.device == x.device
    assert _arrays.new([2], x, fill=False).shape == (2,)
    assert _arrays.cast(x, x.dtype) is x
    assert not _arrays.is_recording(x)


@pytest.mark.parametrize("name", ["float32", "float64", "int8", "uint8", "int64", "complex64"])
def test_sums_are_kept_in_the_dtype_itself(xp, name):
    x = xp.asarray([1], name)
    assert _arrays.accumulator(x) == x.dtype


def test_sums_of_half_precision_are_kept_in_float32(xp):
    assert _arrays.accumulator(xp.asarray([1.0], "float16")) == xp.dtype("float32")


@pytest.mark.parametrize("name", ["f2", "f4", "f8", "g", "c8", "G", "i2", "u4", "i8"])
def test_sums_are_kept_in_the_order_of_bytes_of_this_machine(name):
    swapped = np.dtype(name).newbyteorder()
    dtype = _arrays.accumulator(np.ones(1, swapped))
    assert dtype.isnative
    assert dtype == _arrays.accumulator(np.ones(1, name))


def test_sums_of_bfloat16_are_kept_in_float32(torch):
    assert _arrays.accumulator(torch.ones(1, dtype=torch.bfloat16)) == torch.float32


def test_recording_is_seen(torch):
    plain, leaf = torch.ones(1), torch.ones(1, requires_grad=True)
    assert _arrays.is_recording(plain, leaf)
    assert not _arrays.is_recording(plain)
    with torch.no_grad():
        assert not _arrays.is_recording(leaf)


def test_without_torch_nothing_is_a_tensor(monkeypatch):
    for absent in ({}, {"torch": None}):  # never imported; import blocked
        monkeypatch.setattr(_arrays.sys, "modules", absent)
        assert not _arrays.is_tensor(np.ones(1))
        assert _arrays.namespace(np.ones(1)) is np


class Odd(np.ndarray):
    pass


@pytest.mark.parametrize(
    ("x", "got"),
    [
        ([[[1.0]]], "list"),
        (((1.0,),), "tuple"),
        (3.0, "float"),
        (None, "NoneType"),
        (np.float64(3), "numpy.float64"),
        (np.ma.masked_array(np.ones((1, 1, 1))), "numpy.ma.MaskedArray"),
        (np.ones((1, 1, 1)).view(Odd), f"{Odd.__module__}.Odd"),
        (np.rec.array(np.ones((1, 1, 1))), "numpy.rec.recarray"),
    ],
)
def test_what_is_no_plain_array_is_refused(x, got):
    words = re.escape(
        f"im2col: x must be a numpy.ndarray or a torch.Tensor; got {got}. "
        "Convert it, e.g. numpy.asarray(x)."
    )
    with pytest.raises(TypeError, match=words):
        cl.im2col(x, 1)


def test_a_matrix_is_refused():
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix([[1.0]])
    with pytest.raises(TypeError, match=r"conv: weight must be .* got numpy\.matrix"):
        cl.conv(np.ones((1, 1, 1)), matrix)


@pytest.mark.parametrize(
    "dtype",
    [
        *(bool, object, "U1", "S1", "M8[s]", [("a", float)]),
        pytest.param(
            "m8[s]",
        ),
    ],
    ids=str,
)
def test_what_holds_no_numbers_is_refused(dtype):
    x = np.zeros((1, 1, 1), dtype)
    words = re.escape(f"im2col: x must hold numbers; got dtype {x.dtype}. Convert it")
    with pytest.raises(TypeError, match=words):
        cl.im2col(x, 1)


def test_bool_tensors_are_refused(torch):
    with pytest.raises(TypeError, match=r"im2col: x must hold numbers; got dtype torch\.bool\."):
        cl.im2col(torch.ones(1, 1, 1, dtype=torch.bool), 1)


def test_sparse_tensors_are_refused(torch):
    words = r"im2col: x must be dense; got layout torch\.sparse_coo\. Convert it: x\.to_dense\(\)\."
    with pytest.raises(TypeError, match=words):
        cl.im2col(torch.ones(1, 1, 1).to_sparse(), 1)


@pytest.mark.filterwarnings("ignore")  # of torch: these tensors are prototypes, or leave soon
@pytest.mark.parametrize(
    ("make", "what", "repair"),
    [
        ("nested.nested_tensor([x[0], x[0, :, 1:]])", "a nested tensor", "to_padded_tensor(0)"),
        (
            "nested.nested_tensor([x[0], x[0, 1:]], layout=torch.jagged)",
            "a nested tensor",
            "to_padded_tensor(0)",
        ),
        ("quantize_per_tensor(x, 0.1, 0, torch.quint8)", "a quantised tensor", "dequantize()"),
        ("masked.masked_tensor(x, x > 0)", "a masked tensor", "to_tensor(0)"),
        ("Tensor.to_mkldnn(x)", "layout torch._mkldnn", "to_dense()"),
        ("Tensor.to_sparse(x)", "layout torch.sparse_coo", "to_dense()"),
    ],
)
def test_what_is_no_dense_tensor_is_refused_with_its_repair(torch, make, what, repair):
    x = torch.ones(2, 2, 3)
    strange = eval(f"torch.{make}", {"torch": torch, "x": x})
    words = f"must be dense; got {what}. Convert it: "
    with pytest.raises(TypeError, match=re.escape(f"relu: x {words}x.{repair}.")):
        cl.relu(strange)
    with pytest.raises(TypeError, match=re.escape(f"conv: weight {words}weight.{repair}.")):
        cl.conv(x, strange)
    assert cl.relu(eval(f"x.{repair}", {"x": strange})).shape == x.shape


def test_dtypes_are_not_mixed(xp):
    x, weight = xp.asarray(np.ones((1, 1, 1))), xp.asarray(np.ones((1, 1, 1), np.float32))
    call = "weight.to(x.dtype)" if xp.is_torch else "weight.astype(x.dtype)"
    words = (
        f"conv: x and weight must have one dtype; got {x.dtype} and {weight.dtype}. "
        f"Convert one, e.g. {call}."
    )
    with pytest.raises(TypeError, match=re.escape(words)):
        cl.conv(x, weight)


def test_libraries_are_not_mixed(torch):
    array, tensor = np.ones((1, 1, 1)), torch.ones(1, 1, 1, dtype=torch.float64)
    words = (
        "conv: cannot mix numpy.ndarray (x) and torch.Tensor (weight); "
        "convert one, e.g. torch.from_numpy(x)."
    )
    with pytest.raises(TypeError, match=re.escape(words)):
        cl.conv(array, tensor)
    words = (
        "conv: cannot mix torch.Tensor (x) and numpy.ndarray (bias); "
        "convert one, e.g. torch.from_numpy(bias)."
    )
    with pytest.raises(TypeError, match=re.escape(words)):
        cl.conv(tensor, tensor, np.ones(1))


def test_devices_are_not_mixed(torch):
    here, there = torch.ones(1, 1, 1), torch.ones(1, 1, 1, device="meta")
    words = (
        "conv: x and weight must be on one device; got cpu and meta. "
        "Move one, e.g. weight.to(x.device)."
    )
    with pytest.raises(TypeError, match=re.escape(words)):
        cl.conv(here, there)


def test_memory_mapped_files_are_read_where_they_lie(tmp_path):
    x = np.memmap(tmp_path / "x", np.float64, "w+", shape=(1, 1, 3))
    x[:] = [1, 2, 3]
    y = cl.conv(x, np.ones((1, 1, 2)))
    assert y.tolist() == [[[3, 5]]]  # 1 + 2, 2 + 3
    assert type(y) is np.ndarray
    assert type(cl.im2col(x, 1)) is np.ndarray


def test_numpys_error_state_is_left_alone_on_tensors(torch):
    """Dynamo cannot look into it; and torch's arithmetic does not warn."""
    seen = _checks.public(lambda *_, **__: np.geterr()["invalid"])
    with np.errstate(invalid="print"):
        assert seen("max", np.ones(1)) == seen("max", x=np.ones(1)) == seen() == "ignore"
        assert seen("max", torch.ones(1)) == seen("max", x=torch.ones(1)) == "print"


# ---- a torch that is not all there ----


@pytest.mark.parametrize("attributes", [{}, {"Tensor": None}, {"Tensor": lambda: 0}])
def test_a_stub_of_torch_has_no_tensors(monkeypatch, attributes):
    """Other libraries set one, to be rid of torch."""
    stub = types.ModuleType("torch")
    vars(stub).update(attributes)
    monkeypatch.setitem(sys.modules, "torch", stub)
    x, weight = np.arange(4.0).reshape(1, 1, 4), np.ones((1, 1, 2))
    assert cl.conv(x, weight).tolist() == [[[1, 3, 5]]]
    assert cl.avg_pool(x, 2).tolist() == [[[0.5, 2.5]]]
    assert cl.relu(-x).tolist() == [[[0, 0, 0, 0]]]
    assert not _arrays.is_transformed(x)
    with pytest.raises(TypeError, match=r"x must be a numpy.ndarray or a torch.Tensor; got list"):
        cl.relu([1.0])


WHILE_IMPORTING = """
import sys, threading
import numpy as np, convlib as cl
x, weight, calls = np.ones((1, 2, 4, 4)), np.ones((3, 2, 3, 3)), 0
thread = threading.Thread(target=__import__, args=("torch",))
thread.start()
while thread.is_alive():
    half_way = "torch" in sys.modules and not hasattr(sys.modules["torch"], "compiler")
    cl.conv(x, weight), cl.avg_pool(x, 2), cl.relu(x), cl.prelu(x, x[0, 0, 0, :1])
    calls += half_way
print(calls)
"""


@pytest.mark.usefixtures("torch")
def test_numpy_does_not_wait_for_another_threads_import_of_torch():
    command = [sys.executable, "-c", WHILE_IMPORTING]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) > 0, done.stderr
