"""torch's transforms: what each gives for each public function. The table stands in book/api.md."""

import numpy as np
import pytest
from test_activations import CASES, GENERIC, GRID, IDS, backward, forward

import convlib as cl

torch = pytest.importorskip("torch", reason="torch is not installed")

activations = pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
close = torch.testing.assert_close
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's


# ---- derivatives of activations, at the joints and far out ----


def second(f, x):
    """The second derivative, by autograd twice, as a penalty on gradients takes it."""
    x = x.clone().requires_grad_()
    (first,) = torch.autograd.grad(f(x).sum(), x, create_graph=True)
    return torch.autograd.grad(first.sum(), x)[0]


@activations
def test_every_mode_finds_the_same_slope(name, options):
    x = torch.tensor(GRID[:-1])  # but NaN
    ones = torch.ones_like(x)
    slope = backward(name)(ones, x, **options)

    def f(x):
        return forward(name)(x, **options)

    close(torch.func.jvp(f, (x,), (ones,))[1], slope)
    close(torch.func.vmap(torch.func.grad(f))(x), slope)
    close(torch.func.vjp(f, x)[1](ones)[0], slope)
    with torch.autograd.forward_ad.dual_level():
        y = f(torch.autograd.forward_ad.make_dual(x, ones))
        close(torch.autograd.forward_ad.unpack_dual(y).tangent, slope)


@activations
def test_every_mode_finds_the_same_second_derivative(name, options):
    """Forward mode in forward mode too: there a torch.autograd.Function gives 0 and no word."""
    x = torch.tensor(GRID[:-1])
    ones = torch.ones_like(x)

    def f(x):
        return forward(name)(x, **options)

    def slope(x):
        return torch.func.jvp(f, (x,), (ones,))[1]

    bend = second(f, x)
    close(torch.func.jvp(slope, (x,), (ones,))[1], bend)
    close(torch.func.vjp(slope, x)[1](ones)[0], bend)
    close(torch.func.vmap(torch.func.grad(torch.func.grad(f)))(x), bend)
    close(torch.func.jvp(torch.func.vmap(torch.func.grad(f)), (x,), (ones,))[1], bend)


PIECES = {"relu": (), "relu6": (), "leaky_relu": (), "elu": (0.5,), "selu": (), "celu": (2.0,)}


@pytest.mark.parametrize("name", [*PIECES, "hardsigmoid", "hardswish", "prelu"])
def test_the_second_derivative_of_straight_pieces_is_torchs(name):
    """0, and no error, though the slope does not hang on the input any more."""
    x = torch.tensor(GRID[np.isfinite(GRID)])
    rest = (torch.tensor([0.25], dtype=x.dtype),) if name == "prelu" else PIECES.get(name, ())
    ours = second(lambda x: getattr(cl, name)(x, *rest), x)
    if name == "hardsigmoid":  # torch's own has none
        assert ours.tolist() == [0] * len(x)
    else:
        close(ours, second(lambda x: getattr(torch.nn.functional, name)(x, *rest), x))


@activations
def test_gradients_of_gradients(name, options):
    """Both modes in both modes, and many gradients at once, of the function and its backward."""
    x = torch.tensor(GENERIC, requires_grad=True)
    g = torch.linspace(-1, 2, len(GENERIC), dtype=x.dtype, requires_grad=True)
    for f, inputs in (
        (lambda x: forward(name)(x, **options), (x,)),
        (lambda g, x: backward(name)(g, x, **options), (g, x)),
    ):
        batched = {"check_batched_grad": True}
        forwards = {"check_forward_ad": True, "check_batched_forward_grad": True}
        assert torch.autograd.gradcheck(f, inputs, **batched, **forwards)
        assert torch.autograd.gradgradcheck(f, inputs, **batched, check_fwd_over_rev=True)
