"""convlib against the calls with which PyTorch tests its functions: values, gradients, refusals."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from laws.catalogue import FUNCTIONS  # noqa: E402

import convlib as cl  # noqa: E402
from tests.conformance import torch_samples as theirs  # noqa: E402

CLOSE = {"float64": 1e-12, "float32": 1e-5, "int64": 0}
GRADED = [n for n, (ours, *_) in theirs.OPERATORS.items() if hasattr(cl, f"{ours}_backward")]


def flat(results):
    return results if isinstance(results, (tuple, list)) else (results,)


def applicable(calls):
    """At most some hundred: those of max_pool are all products of a few options, a thousand."""
    found = [call for call in calls if theirs.out_of_scope(call) is None]
    return found[:: len(found) // 100 | 1]  # an odd step, for options come in twos


def as_arrays(xp, call):
    """The tensors of a call as arrays of the library under test."""
    return {k: xp.asarray(v.detach().numpy()) for k, v in call.arrays().items()}


@pytest.mark.filterwarnings("ignore:.*:UserWarning")  # torch's own, of its own calls
@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("name", theirs.OPERATORS)
def test_what_torch_takes_is_taken_and_gives_the_same(xp, name, dtype):
    ours = theirs.OPERATORS[name][0]
    if dtype == "int64" and dtype not in FUNCTIONS[ours].whole:
        pytest.skip("not for integers")
    calls = applicable(theirs.samples(name, getattr(torch, dtype)))
    assert calls or dtype == "int64"
    for call in calls:
        made, expected = flat(call.run(**as_arrays(xp, call))), flat(call.theirs())
        for one, other in zip(made, expected, strict=True):
            one, other = xp.numpy(one), other.detach().numpy()
            assert (one.dtype, one.shape) == (other.dtype, other.shape), call
            close = CLOSE[dtype] * max(1, abs(other).max(initial=0))  # sums round by their size
            np.testing.assert_allclose(one, other, rtol=0, atol=close, err_msg=repr(call))


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@pytest.mark.parametrize("name", GRADED)
def test_gradients_are_torchs(xp, name):
    for call in applicable(theirs.samples(name, torch.float64)):
        y = flat(call.theirs())[0]
        slopes = {k: v for k, v in call.arrays().items() if v.requires_grad}
        grad = torch.arange(y.numel(), dtype=y.dtype).reshape(y.shape) % 7 - 3
        expected = torch.autograd.grad(y, [*slopes.values()], grad)
        arrays = as_arrays(xp, call) | {"grad_output": xp.asarray(grad.numpy())}
        options = {k: v for k, v in call.arguments.items() if k not in call.arrays()}
        if options.pop("return_indices", False):  # then they are known
            arrays["indices"] = xp.asarray(flat(call.theirs())[1].numpy())
        arrays.pop("bias", None), options.pop("bias", None)
        ours = flat(getattr(cl, f"{call.ours}_backward")(**arrays, **options))
        # torch has its own sixth for hardsigmoid, in float32
        close = 1e-7 if call.ours == "hardsigmoid" else 1e-12
        for one, other in zip(ours, expected, strict=False):  # a bias may have been left out
            one, other = xp.numpy(one), other.numpy()
            np.testing.assert_allclose(one, other, rtol=close, atol=close, err_msg=repr(call))
        assert len(ours) >= len(expected)


@pytest.mark.parametrize("name", theirs.OPERATORS)
def test_what_torch_refuses_is_refused(xp, name):
    for call in applicable(theirs.errors(name)):
        with pytest.raises((TypeError, ValueError), match=rf"^{call.ours}: "):
            pytest.fail(f"{call} gives {call.run(**as_arrays(xp, call))}")


def test_every_operator_has_samples_and_what_is_left_out_is_little():
    reasons = {}
    for name in theirs.OPERATORS:
        assert theirs.entries(name), f"torch has no {name} any more"
        for call in theirs.samples(name, torch.float64):
            reasons.setdefault(theirs.out_of_scope(call), []).append(call)
    assert {*reasons} == {None, "no batch", "align_corners"}
    assert all(call.arguments["x"].ndim == call.rank + 1 for call in reasons["no batch"])
    assert len(reasons[None]) > 1000


# ---- one in a tuple for all axes ----

X, KERNELS = torch.ones(1, 2, 6, 6), torch.ones(2, 2, 2, 2)
CELLS = torch.arange(72).reshape(X.shape) % 36
SPELLED = {  # arrays, then what to call both with
    "conv": ([X, KERNELS], {"stride": 2, "padding": 1, "dilation": 2, "groups": 1}),
    "conv_transpose": (
        [X, KERNELS],
        {"stride": 2, "padding": 1, "output_padding": 1, "dilation": 2, "groups": 1},
    ),
    "max_pool": ([X], {"kernel_size": 2, "stride": 2, "padding": 1, "dilation": 2}),
    "avg_pool": ([X], {"kernel_size": 2, "stride": 2, "padding": 1}),
    "adaptive_avg_pool": ([X], {"output_size": 2}),
    "adaptive_max_pool": ([X], {"output_size": 2}),
    "max_unpool": ([X, CELLS], {"kernel_size": 2, "stride": 2, "padding": 0}),
    "resize": ([X], {"size": 3}),
    "im2col": ([X], {"kernel_size": 2, "stride": 2, "padding": 1, "dilation": 2}),
    "pixel_shuffle": ([X.reshape(1, 8, 3, 3)], {"upscale_factor": 2}),
    "pixel_unshuffle": ([X], {"downscale_factor": 2}),
    "channel_shuffle": ([X], {"groups": 2}),
}
TORCHS = {"resize": "interpolate", "im2col": "unfold"}


def takes(function, *arrays, **options):
    try:
        function(*arrays, **options)
    except (TypeError, ValueError, IndexError, RuntimeError):
        return False
    return True


@pytest.mark.parametrize("kind", [tuple, list])
@pytest.mark.parametrize(
    ("name", "option"), [(name, option) for name, (_, o) in SPELLED.items() for option in o]
)
def test_one_in_a_tuple_is_taken_where_torch_takes_it(name, option, kind):
    arrays, options = SPELLED[name]
    functional, known = torch.nn.functional, TORCHS.get(name, name)
    oracle = getattr(functional, known, None) or getattr(functional, f"{known}2d")
    spelled = {**options, option: kind([options[option]])}
    assert takes(oracle, *arrays, **options)
    assert takes(getattr(cl, name), *arrays, **options)
    assert takes(getattr(cl, name), *arrays, **spelled) == takes(oracle, *arrays, **spelled)
