"""Activation functions, each beside its backward.

What they compute stands in `_formulas`, a table of formulas and slopes; how it is done for a whole
array, in `_pointwise`.
"""

from __future__ import annotations

import numpy as np

from . import _formulas
from ._arrays import Array, accumulator, cast, is_tensor, namespace
from ._checks import BadValue, as_number, check_arrays, check_choice, public, public_exact
from ._pointwise import backward, check_numbers, forward
from ._sums import channel_sums, row_sums
from ._types import Approximation

# ---- piecewise linear ----


@public_exact
def relu(x: Array) -> Array:
    r"""Rectified linear unit: what is negative becomes 0.

    .. math:: y = \max(x, 0)

    Parameters
    ----------
    x : array
        Of any shape; real numbers.

    Returns
    -------
    array
        New, of the shape, library, device and dtype of `x`.

    Raises
    ------
    TypeError
        `x` is not an array of real numbers.

    Notes
    -----
    It does not saturate on the right; a unit that is negative on all data is dead. Source: Nair
    and Hinton (2010); Glorot, Bordes and Bengio (2011).  Book: "The family".

    Examples
    --------
    >>> relu(np.array([-2., 0., 3.]))
    array([0., 0., 3.])
    """
    return forward("relu", x)


@public
def relu_backward(grad_output: Array, x: Array) -> Array:
    """Gradient of `relu`: `grad_output` where ``x > 0``, else 0.

    Parameters
    ----------
    grad_output, x
        Gradient of a loss in the output of `relu`, and what that was called with.

    Returns
    -------
    array
        Gradient in `x`: new, and otherwise like `x`.

    Raises
    ------
    TypeError, ValueError
        As `relu`, and where `grad_output` has not the shape and dtype of `x`.

    Notes
    -----
    At 0 every slope from 0 to 1 would do; 0 is the convention, as in torch. At NaN it is 1.
    Book: "Gradients and saturation".

    Examples
    --------
    >>> relu_backward(np.ones(3), np.array([-2., 0., 3.]))
    array([0., 0., 1.])
    """
    return backward("relu", grad_output, x)


@public_exact
def relu6(x: Array) -> Array:
    r"""ReLU with a ceiling of 6.

    .. math:: y = \min(\max(x, 0), 6)

    Parameters
    ----------
    x : array
        Of any shape; real numbers.

    Returns
    -------
    array
        New, of the shape, library, device and dtype of `x`.

    Raises
    ------
    TypeError
        `x` is not an array of real numbers.

    Notes
    -----
    The ceiling keeps activations in the range of low-precision arithmetic. Source: Krizhevsky
    (2010); Howard et al., "MobileNets" (2017).  Book: "The family".

    Examples
    --------
    >>> relu6(np.array([-2., 3., 8.]))
    array([0., 3., 6.])
    """
    return forward("relu6", x)


@public
def relu6_backward(grad_output: Array, x: Array) -> Array:
    """Gradient of `relu6`: `grad_output` where ``0 < x < 6``, else 0.

    Parameters
    ----------
    grad_output, x
        Gradient of a loss in the output of `relu6`, and what that was called with.

    Returns
    -------
    array
        Gradient in `x`: new, and otherwise like `x`.

    Raises
    ------
    TypeError, ValueError
        As `relu6`, and where `grad_output` has not the shape and dtype of `x`.

    Notes
    -----
    It saturates on both sides; the slope is 0 at both joints, and 1 at NaN, as in torch.
    Book: "Gradients and saturation".

    Examples
    --------
    >>> relu6_backward(np.ones(4), np.array([0., 3., 6., 8.]))
    array([0., 1., 0., 0.])
    """
    return backward("relu6", grad_output, x)


@public
def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    r"""ReLU with a small slope on the left.

    .. math:: y = x \text{ where } x > 0, \text{ else } \lambda x

    Parameters
    ----------
    x : array
        Of any shape; floating-point numbers.
    negative_slope : float
        :math:`\lambda`; default 0.01. Other values are in use, such as 0.2 in DCGAN.

    Returns
    -------
    array
        New, of the shape, library, device and dtype of `x`.

    Raises
    ------
    TypeError, ValueError
        `x` is not an array of floating-point numbers, or an option is not as above.

    Notes
    -----
    No unit can die. Source: Maas, Hannun and Ng (2013).  Book: "The family".

    Examples
    --------
    >>> leaky_relu(np.array([-2., 0., 3.]), 0.25)
    array([-0.5,  0. ,  3. ])
    """
    return forward("leaky_relu", x, negative_slope=as_number("negative_slope", negative_slope))


@public
def leaky_relu_backward(grad_output: Array, x: Array, negative_slope: float = 0.01) -> Array:
    """Gradient of `leaky_relu`: `grad_output`, times `negative_slope` where not ``x > 0``.

    Parameters
    ----------
    grad_output, x, negative_slope
        Gradient of a loss in the output of `leaky_relu`, and what that was called with.

    Returns
    -------
    array
        Gradient in `x`: new, and otherwise like `x`.

    Raises
    ------
    TypeError, ValueError
        As `leaky_relu`, and where `grad_output` has not the shape and dtype of `x`.

    Notes
    -----
    So the slope at 0 (and at NaN) is `negative_slope`, as in torch.
    Book: "Gradients and saturation".

    Examples
    --------
    >>> leaky_relu_backward(np.ones(3), np.array([-2., 0., 3.]), 0.25)
    array([0.25, 0.25, 1.  ])
    """
    return backward(
        "leaky_relu", grad_output, x, negative_slope=as_number("negative_slope", negative_slope)
    )


@public
def prelu(x: Array, weight: Array) -> Array:
    r"""Parametric ReLU: a leaky ReLU that learns its slope on the left.

    .. math:: y_{b,c,\dots} = x_{b,c,\dots} \text{ where } x_{b,c,\dots} > 0,
              \text{ else } w_c\, x_{b,c,\dots}

    Parameters
    ----------
    x : array (B, C, *spatial)
        Floating-point numbers. Of any shape if `weight` has one value.
    weight : array (), (1,) or (C,)
        One slope for all, or one for each channel: axis 1, which `x` of one axis does not have.
        0.25 is the usual start.

    Returns
    -------
    array
        New, of the shape, library, device and dtype of `x`.

    Raises
    ------
    TypeError
        `x` is not an array of floating-point numbers, or `weight` is not one like it.
    ValueError
        `weight` has neither one value nor one for each channel.

    Notes
    -----
    C parameters at most. Source: He et al., "Delving deep into rectifiers" (2015).
    Book: "The family".

    Examples
    --------
    >>> prelu(np.array([[-2., -2.], [3., 4.]]), np.array([0.25, 0.5]))
    array([[-0.5, -1. ],
           [ 3. ,  4. ]])
    """
    z, slopes = _prelu_arrays(x, weight)
    return _like(x, _formulas.prelu(namespace(x), z, slopes))


@public
def prelu_backward(grad_output: Array, x: Array, weight: Array) -> tuple[Array, Array]:
    r"""Gradients of `prelu` in its input and in its slopes.

    .. math:: \frac{\partial \ell}{\partial w_c} = \sum_{b,\dots:\ x_{b,c,\dots} \le 0}
              g_{b,c,\dots}\, x_{b,c,\dots}

    Parameters
    ----------
    grad_output : array
        Gradient of a loss in the output of `prelu`, of the shape of `x`.
    x, weight
        As for `prelu`.

    Returns
    -------
    grad_x, grad_weight : arrays
        Of the shapes of `x` and `weight`, in their dtype.

    Raises
    ------
    TypeError, ValueError
        As `prelu` does, and where `grad_output` has not the shape and dtype of `x`.

    Notes
    -----
    Half precision is summed in float32.  Book: "Gradients and saturation".

    Examples
    --------
    >>> grad_x, grad_weight = prelu_backward(np.ones(3), np.array([-2., -1., 4.]), np.array([0.25]))
    >>> grad_x, grad_weight                                             # -2 - 1
    (array([0.25, 0.25, 1.  ]), array([-3.]))
    """
    z, slopes = _prelu_arrays(x, weight, grad_output)
    grad = cast(grad_output, z.dtype)
    grad_x, grad_weight = _formulas.prelu_chain(namespace(x), grad, z, slopes)
    sums = channel_sums(grad_weight) if slopes.ndim else row_sums(grad_weight.reshape(-1))
    return _like(x, grad_x), _like(x, sums.reshape(weight.shape))


@public
def hardsigmoid(x: Array) -> Array:
    r"""The sigmoid in three straight pieces.

    .. math:: y = \frac{\min(\max(x + 3, 0), 6)}{6}

    Parameters
    ----------
    x : array
        Of any shape; floating-point numbers.

    Returns
    -------
    array
        New, of the shape, library, device and dtype of `x`.

    Raises
    ------
    TypeError
        `x` is not an array of floating-point numbers.

    Notes
    -----
    No exponential to compute. Source: Courbariaux, Bengio and David (2015); with these joints,
    Howard et al., "Searching for MobileNetV3" (2019).  Book: "The family".

    Examples
    --------
    >>> hardsigmoid(np.array([-4., 0., 1.5, 4.]))
    array([0.  , 0.5 , 0.75, 1.  ])
    """
    return forward("hardsigmoid", x)


@public
def hardsigmoid_backward(grad_output: Array, x: Array) -> Array:
    """Gradient of `hardsigmoid`: a sixth of `grad_output` where ``-3 < x < 3``, else 0.

    Parameters
    ----------
    grad_output, x
        Gradient of a loss in the output of `hardsigmoid`, and what that was called with.

    Returns
    -------
    array
        Gradient in `x`: new, and otherwise like `x`.

    Raises
    ------
    TypeError, ValueError
        As `hardsigmoid`, and where `grad_output` has not the shape and dtype of `x`.

    Notes
    -----
    It saturates for good: outside there is no gradient at all. The slope at NaN is 0, as in torch.
    Book: "Gradients and saturation".

    Examples
    --------
    >>> hardsigmoid_backward(np.full(3, 6.), np.array([-3., 0., 3.]))
    array([0., 1., 0.])
    """
    return backward("hardsigmoid", grad_output, x)


@public
def hardswish(x: Array) -> Array:
    r"""SiLU with the hard sigmoid for its gate.

    .. math:: y = x \cdot \frac{\min(\max(x + 3, 0), 6)}{6}

    Parameters
    ----------
    x : array
        Of any shape; floating-point numbers.

    Returns
    -------
    array
        New, of the shape, library, device and dtype of `x`.

    Raises
    ------
    TypeError
        `x` is not an array of floating-point numbers.

    Notes
    -----
    Its minimum is -3/8 at -3/2. At :math:`-\infty` we give the limit 0, where torch gives NaN.
    Source: Howard et al., "Searching for MobileNetV3" (2019).  Book: "The family".

    Examples
    --------
    >>> hardswish(np.array([-1.5, 0., 1., 4.])).round(4)
    array([-0.375 ,  0.    ,  0.6667,  4.    ])
    """
    return forward("hardswish", x)


@public
def hardswish_backward(grad_output: Array, x: Array) -> Array:
    """Gradient of `hardswish`: `grad_output` times 0, ``x/3 + 1/2`` or 1.

    Parameters
    ----------
    grad_output, x
        Gradient of a loss in the output of `hardswish`, and what that was called with.

    Returns
    -------
    array
        Gradient in `x`: new, and otherwise like `x`.

    Raises
    ------
    TypeError, ValueError
        As `hardswish`, and where `grad_output` has not the shape and dtype of `x`.

    Notes
    -----
    The joints -3 and 3 belong to the outer pieces, with slopes 0 and 1; at NaN it is 1, as in
    torch. Inside it runs from -1/2 to 3/2.  Book: "Gradients and saturation".

    Examples
    --------
    >>> hardswish_backward(np.ones(4), np.array([-3., -1.5, 1.5, 3.]))
    array([0., 0., 1., 1.])
    """
    return backward("hardswish", grad_output, x)


# ---- saturating on both sides ----


@public
def sigmoid(x: Array) -> Array:
    r"""Squash the real line into (0, 1).

    .. math:: \sigma(x) = \frac{1}{1 + e^{-x}}

    Parameters
    ----------
    x : array
        Of any shape; floating-point numbers.

    Returns
    -------
    array
        New, of the shape, library, device and dtype of `x`.

    Raises
    ------
    TypeError
        `x` is not an array of floating-point numbers.

    Notes
    -----
    Tails keep their relative precision. Where ``exp(-x)`` overflows, the limit 0 is right, and the
    gradient is computed apart. It saturates on both sides. Source: LeCun et al., "Efficient
    backprop" (1998).  Book: "The family".

    Examples
    --------
    >>> sigmoid(np.array([-1e4, 0., 1e4]))
    array([0. , 0.5, 1. ])
    """
    return forward("sigmoid", x)


@public
def sigmoid_backward(grad_output: Array, x: Array) -> Array:
    """Gradient of `sigmoid`: `grad_output` times ``s * (1 - s)``, where ``s = sigmoid(x)``.

    Parameters
    ----------
    grad_output, x
        Gradient of a loss in the output of `sigmoid`, and what that was called with.

    Returns
    -------
    array
        Gradient in `x`: new, and otherwise like `x`.

    Raises
    ------
    TypeError, ValueError
        As `sigmoid`, and where `grad_output` has not the shape and dtype of `x`.

    Notes
    -----
    At most a quarter passes, at 0: ten sigmoids pass a millionth. ``1 - s`` is computed as
    ``sigmoid(-x)``, which does not cancel.  Book: "Gradients and saturation".

    Examples
    --------
    >>> sigmoid_backward(np.ones(3), np.array([-1e4, 0., 1e4]))
    array([0.  , 0.25, 0.  ])
    """
    return backward("sigmoid", grad_output, x)


@public_exact  # NumPy's tanh warns of nothing
def tanh(x: Array) -> Array:
    r"""Squash the real line into (-1, 1), around 0.

    .. math:: \tanh(x) = \frac{e^x - e^{-x}}{e^x + e^{-x}} = 2\,\sigma(2x) - 1

    Parameters
    ----------
    x : array
        Of any shape; floating-point numbers.

    Returns
    -------
    array
        New, of the shape, library, device and dtype of `x`.

    Raises
    ------
    TypeError
        `x` is not an array of floating-point numbers.

    Notes
    -----
    The array library's own tanh: the formula as written is NaN at 1000. It saturates on both
    sides. Source: LeCun et al., "Efficient backprop" (1998).  Book: "The family".

    Examples
    --------
    >>> tanh(np.array([-1e4, 0., 1e4]))
    array([-1.,  0.,  1.])
    """
    return forward("tanh", x)


@public
def tanh_backward(grad_output: Array, x: Array) -> Array:
    """Gradient of `tanh`: `grad_output` times ``1 - tanh(x)**2``.

    Parameters
    ----------
    grad_output, x
        Gradient of a loss in the output of `tanh`, and what that was called with.

    Returns
    -------
    array
        Gradient in `x`: new, and otherwise like `x`.

    Raises
    ------
    TypeError, ValueError
        As `tanh`, and where `grad_output` has not the shape and dtype of `x`.

    Notes
    -----
    All passes at 0, nothing far out: four times the gradient of a sigmoid of ``2*x``.
    Book: "Gradients and saturation".

    Examples
    --------
    >>> tanh_backward(np.ones(3), np.array([-1e4, 0., 1e4]))
    array([0., 1., 0.])
    """
    return backward("tanh", grad_output, x)


# ---- smooth relatives of ReLU ----


@public
def softplus(x: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    r"""A ReLU with its corner rounded off.

    .. math:: y = \frac{1}{\beta} \log(1 + e^{\beta x})

    Parameters
    ----------
    x : array
        Of any shape; floating-point numbers.
    beta : float
        How sharp the corner is; not 0; default 1.
    threshold : float
        Where ``beta * x`` is above it, ``y = x``, as in torch; default 20.

    Returns
    -------
    array
        New, of the shape, library, device and dtype of `x`.

    Raises
    ------
    TypeError, ValueError
        `x` is not an array of floating-point numbers, or an option is not as above.

    Notes
    -----
    Computed as ``max(x, 0) + log1p(exp(-abs(x)))``. At `threshold` it jumps, by default by 2e-9.
    Source: Dugas et al. (2001).  Book: "The family".

    Examples
    --------
    >>> softplus(np.array([-1e4, 0., 30.])).round(4)
    array([ 0.    ,  0.6931, 30.    ])
    """
    return forward(
        "softplus", x, beta=_divisor("beta", beta), threshold=as_number("threshold", threshold)
    )


@public
def softplus_backward(
    grad_output: Array, x: Array, beta: float = 1.0, threshold: float = 20.0
) -> Array:
    """Gradient of `softplus`: `grad_output` times ``sigmoid(beta * x)``.

    Parameters
    ----------
    grad_output, x, beta, threshold
        Gradient of a loss in the output of `softplus`, and what that was called with.

    Returns
    -------
    array
        Gradient in `x`: new, and otherwise like `x`.

    Raises
    ------
    TypeError, ValueError
        As `softplus`, and where `grad_output` has not the shape and dtype of `x`.

    Notes
    -----
    It is 1 where ``beta * x`` is above `threshold`.  Book: "Gradients and saturation".

    Examples
    --------
    >>> softplus_backward(np.ones(3), np.array([-1e4, 0., 1e4]))
    array([0. , 0.5, 1. ])
    """
    return backward(
        "softplus",
        grad_output,
        x,
        beta=_divisor("beta", beta),
        threshold=as_number("threshold", threshold),
    )


@public
def logsigmoid(x: Array) -> Array:
    r"""The logarithm of the sigmoid, without computing the sigmoid.

    .. math:: y = \log \sigma(x) = -\log(1 + e^{-x})

    Parameters
    ----------
    x : array
        Of any shape; floating-point numbers.

    Returns
    -------
    array
        New, of the shape, library, device and dtype of `x`.

    Raises
    ------
    TypeError
        `x` is not an array of floating-point numbers.

    Notes
    -----
    ``log(sigmoid(x))`` is minus infinity from about -745 on; this is `x` there. It is the
    log-likelihood of logistic regression.  Book: "The family".

    Examples
    --------
    >>> logsigmoid(np.array([-1e4, 0.])).round(4)
    array([-1.000e+04, -6.931e-01])
    """
    return forward("logsigmoid", x)


@public
def logsigmoid_backward(grad_output: Array, x: Array) -> Array:
    """Gradient of `logsigmoid`: `grad_output` times ``sigmoid(-x)``.

    Parameters
    ----------
    grad_output, x
        Gradient of a loss in the output of `logsigmoid`, and what that was called with.

    Returns
    -------
    array
        Gradient in `x`: new, and otherwise like `x`.

    Raises
    ------
    TypeError, ValueError
        As `logsigmoid`, and where `grad_output` has not the shape and dtype of `x`.

    Notes
    -----
    It saturates on the right only: the loss of a wrong answer keeps its slope.
    Book: "Gradients and saturation".

    Examples
    --------
    >>> logsigmoid_backward(np.ones(3), np.array([-1e4, 0., 1e4]))
    array([1. , 0.5, 0. ])
    """
    return backward("logsigmoid", grad_output, x)


@public
def elu(x: Array, alpha: float = 1.0) -> Array:
    r"""Exponential linear unit: linear on the right, saturating at :math:`-\alpha` on the left.

    .. math:: y = x \text{ where } x > 0, \text{ else } \alpha (e^x - 1)

    Parameters
    ----------
    x : array
        Of any shape; floating-point numbers.
    alpha : float
        Default 1, for which the slope has no jump at 0.

    Returns
    -------
    array
        New, of the shape, library, device and dtype of `x`.

    Raises
    ------
    TypeError, ValueError
        `x` is not an array of floating-point numbers, or an option is not as above.

    Notes
    -----
    Its mean is nearer to 0 than that of ReLU. Source: Clevert, Unterthiner and Hochreiter (2016).
    Book: "The family".

    Examples
    --------
    >>> elu(np.array([-1e4, -1., 3.])).round(4)
    array([-1.    , -0.6321,  3.    ])
    """
    return forward("elu", x, alpha=as_number("alpha", alpha))


@public
def elu_backward(grad_output: Array, x: Array, alpha: float = 1.0) -> Array:
    """Gradient of `elu`: `grad_output`, times ``alpha * exp(x)`` where ``x <= 0``.

    Parameters
    ----------
    grad_output, x, alpha
        Gradient of a loss in the output of `elu`, and what that was called with.

    Returns
    -------
    array
        Gradient in `x`: new, and otherwise like `x`.

    Raises
    ------
    TypeError, ValueError
        As `elu`, and where `grad_output` has not the shape and dtype of `x`.

    Notes
    -----
    So the slope at 0 is `alpha`; at NaN it is 1, as in torch.  Book: "Gradients and saturation".

    Examples
    --------
    >>> elu_backward(np.ones(3), np.array([-1., 0., 3.])).round(4)
    array([0.3679, 1.    , 1.    ])
    """
    return backward("elu", grad_output, x, alpha=as_number("alpha", alpha))


@public
def selu(x: Array) -> Array:
    r"""Scaled exponential linear unit: `elu` with two constants that keep mean 0 and variance 1.

    .. math:: y = s \cdot \mathrm{ELU}_\alpha(x), \qquad s = 1.0507\dots,\ \alpha = 1.6732\dots

    Parameters
    ----------
    x : array
        Of any shape; floating-point numbers.

    Returns
    -------
    array
        New, of the shape, library, device and dtype of `x`.

    Raises
    ------
    TypeError
        `x` is not an array of floating-point numbers.

    Notes
    -----
    Layers with normal weights of variance 1/n then normalise themselves. Source: Klambauer et al.,
    "Self-normalizing neural networks" (2017).  Book: "The family".

    Examples
    --------
    >>> selu(np.array([-1e4, 0., 1.])).round(4)
    array([-1.7581,  0.    ,  1.0507])
    """
    return forward("selu", x)


@public
def selu_backward(grad_output: Array, x: Array) -> Array:
    """Gradient of `selu`: `grad_output` times ``s``, and times ``alpha * exp(x)`` where ``x <= 0``.

    Parameters
    ----------
    grad_output, x
        Gradient of a loss in the output of `selu`, and what that was called with.

    Returns
    -------
    array
        Gradient in `x`: new, and otherwise like `x`.

    Raises
    ------
    TypeError, ValueError
        As `selu`, and where `grad_output` has not the shape and dtype of `x`.

    Notes
    -----
    The slope jumps at 0, from 1.7581 on the left, which counts at 0 itself, to 1.0507.
    Book: "Gradients and saturation".

    Examples
    --------
    >>> selu_backward(np.ones(3), np.array([-1e4, 0., 1.])).round(4)
    array([0.    , 1.7581, 1.0507])
    """
    return backward("selu", grad_output, x)


@public
def celu(x: Array, alpha: float = 1.0) -> Array:
    r"""Continuously differentiable ELU: no jump of the slope at 0, whatever `alpha`.

    .. math:: y = x \text{ where } x > 0, \text{ else } \alpha (e^{x/\alpha} - 1)

    Parameters
    ----------
    x : array
        Of any shape; floating-point numbers.
    alpha : float
        Not 0; default 1.

    Returns
    -------
    array
        New, of the shape, library, device and dtype of `x`.

    Raises
    ------
    TypeError, ValueError
        `x` is not an array of floating-point numbers, or an option is not as above.

    Notes
    -----
    Source: Barron, "Continuously differentiable exponential linear units" (2017).
    Book: "The family".

    Examples
    --------
    >>> celu(np.array([-1e4, -1., 3.]), 2.0).round(4)
    array([-2.    , -0.7869,  3.    ])
    """
    return forward("celu", x, alpha=_divisor("alpha", alpha))


@public
def celu_backward(grad_output: Array, x: Array, alpha: float = 1.0) -> Array:
    """Gradient of `celu`: `grad_output`, times ``exp(x / alpha)`` where ``x <= 0``.

    Parameters
    ----------
    grad_output, x, alpha
        Gradient of a loss in the output of `celu`, and what that was called with.

    Returns
    -------
    array
        Gradient in `x`: new, and otherwise like `x`.

    Raises
    ------
    TypeError, ValueError
        As `celu`, and where `grad_output` has not the shape and dtype of `x`.

    Notes
    -----
    The slope at 0 is 1 from both sides.  Book: "Gradients and saturation".

    Examples
    --------
    >>> celu_backward(np.ones(3), np.array([-1., 0., 3.]), 2.0).round(4)
    array([0.6065, 1.    , 1.    ])
    """
    return backward("celu", grad_output, x, alpha=_divisor("alpha", alpha))


# ---- gates ----


@public
def silu(x: Array) -> Array:
    r"""Sigmoid linear unit, also called swish: the input times its own sigmoid.

    .. math:: y = x \cdot \sigma(x) = \frac{x}{1 + e^{-x}}

    Parameters
    ----------
    x : array
        Of any shape; floating-point numbers.

    Returns
    -------
    array
        New, of the shape, library, device and dtype of `x`.

    Raises
    ------
    TypeError
        `x` is not an array of floating-point numbers.

    Notes
    -----
    It falls to -0.27846 at -1.27846, then rises; it tends to 0 on the left and to `x` on the right.
    At :math:`-\infty` we give the limit 0, where torch gives NaN. Source: Hendrycks and Gimpel
    (2016); Elfwing, Uchibe and Doya (2018); Ramachandran, Zoph and Le (2017).  Book: "The family".

    Examples
    --------
    >>> silu(np.array([-np.inf, -1.27846, 0., 3.])).round(5)
    array([-0.     , -0.27846,  0.     ,  2.85772])
    """
    return forward("silu", x)


@public
def silu_backward(grad_output: Array, x: Array) -> Array:
    """Gradient of `silu`: `grad_output` times ``s + x*s*(1 - s)``, where ``s = sigmoid(x)``.

    Parameters
    ----------
    grad_output, x
        Gradient of a loss in the output of `silu`, and what that was called with.

    Returns
    -------
    array
        Gradient in `x`: new, and otherwise like `x`.

    Raises
    ------
    TypeError, ValueError
        As `silu`, and where `grad_output` has not the shape and dtype of `x`.

    Notes
    -----
    The slope is above 1 on the right, with its peak of 1.09984 at 2.39936. At infinity we give the
    limits 0 and 1, where torch gives NaN.  Book: "Gradients and saturation".

    Examples
    --------
    >>> silu_backward(np.ones(4), np.array([-1.27846, 0., 2.39936, np.inf])).round(5)
    array([0.     , 0.5    , 1.09984, 1.     ])
    """
    return backward("silu", grad_output, x)


@public
def gelu(x: Array, approximate: Approximation = "none") -> Array:
    r"""Gaussian error linear unit: the input times the normal distribution function.

    .. math:: y = x \cdot \Phi(x) = \frac{x}{2} \left(1 + \mathrm{erf} \frac{x}{\sqrt 2}\right)

    Parameters
    ----------
    x : array
        Of any shape; floating-point numbers.
    approximate : "none" or "tanh"
        "tanh" takes :math:`\tfrac12 (1 + \tanh(\sqrt{2/\pi}\,(x + 0.044715\,x^3)))` for
        :math:`\Phi(x)`, which is nowhere wrong by 0.0002; default "none".

    Returns
    -------
    array
        New, of the shape, library, device and dtype of `x`.

    Raises
    ------
    TypeError, ValueError
        `x` is not an array of floating-point numbers, or an option is not as above.

    Notes
    -----
    NumPy has no error function: on its arrays "none" is a series of 23 terms (12 in float32), by
    Shepherd and Laframboise (1981). At :math:`-\infty` we give the limit 0, where torch gives NaN.
    Source: Hendrycks and Gimpel (2016).  Book: "The family".

    Examples
    --------
    >>> gelu(np.array([-1., 0., 1.])).round(5)
    array([-0.15866,  0.     ,  0.84134])
    >>> gelu(np.array([-1., 0., 1.]), "tanh").round(5)
    array([-0.15881,  0.     ,  0.84119])
    """
    check_choice("approximate", approximate, ("none", "tanh"))
    return forward("gelu", x, approximate=approximate)


@public
def gelu_backward(grad_output: Array, x: Array, approximate: Approximation = "none") -> Array:
    """Gradient of `gelu`: `grad_output` times ``Phi(x) + x*phi(x)``, where ``phi = Phi'``.

    Parameters
    ----------
    grad_output, x, approximate
        Gradient of a loss in the output of `gelu`, and what that was called with.

    Returns
    -------
    array
        Gradient in `x`: new, and otherwise like `x`.

    Raises
    ------
    TypeError, ValueError
        As `gelu`, and where `grad_output` has not the shape and dtype of `x`.

    Notes
    -----
    With "tanh", the slope of that formula itself. At infinity we give the limits 0 and 1, where
    torch gives NaN.  Book: "Gradients and saturation".

    Examples
    --------
    >>> gelu_backward(np.ones(4), np.array([-1., 0., 1., np.inf])).round(5)
    array([-0.08332,  0.5    ,  1.08332,  1.     ])
    """
    check_choice("approximate", approximate, ("none", "tanh"))
    return backward("gelu", grad_output, x, approximate=approximate)


@public
def mish(x: Array) -> Array:
    r"""The input times the tanh of its softplus.

    .. math:: y = x \cdot \tanh(\log(1 + e^x))

    Parameters
    ----------
    x : array
        Of any shape; floating-point numbers.

    Returns
    -------
    array
        New, of the shape, library, device and dtype of `x`.

    Raises
    ------
    TypeError
        `x` is not an array of floating-point numbers.

    Notes
    -----
    It falls to -0.30884 at -1.19243, then rises. At :math:`-\infty` we give the limit 0, where
    torch gives NaN. Source: Misra, "Mish" (2020).  Book: "The family".

    Examples
    --------
    >>> mish(np.array([-np.inf, -1.19243, 0., 3.])).round(5)
    array([-0.     , -0.30884,  0.     ,  2.98654])
    """
    return forward("mish", x)


@public
def mish_backward(grad_output: Array, x: Array) -> Array:
    """Gradient of `mish`: `grad_output` times ``t + x*(1 - t**2)*sigmoid(x)``.

    Parameters
    ----------
    grad_output, x
        Gradient of a loss in the output of `mish`, and what that was called with.

    Returns
    -------
    array
        Gradient in `x`: new, and otherwise like `x`.

    Raises
    ------
    TypeError, ValueError
        As `mish`, and where `grad_output` has not the shape and dtype of `x`.

    Notes
    -----
    Here ``t = tanh(softplus(x))``. At infinity we give the limits 0 and 1, where torch gives NaN.
    Book: "Gradients and saturation".

    Examples
    --------
    >>> mish_backward(np.ones(3), np.array([-np.inf, 0., np.inf])).round(5)
    array([0. , 0.6, 1. ])
    """
    return backward("mish", grad_output, x)


# ---- options and arrays beside x ----


def _divisor(name: str, value: float) -> float:
    number = as_number(name, value)
    if number == 0:
        raise BadValue(f"{name} must not be 0, as it divides; got {name}={value!r}.")
    return number


def _prelu_arrays(x: Array, weight: Array, *grads: Array) -> tuple[Array, Array]:
    """`x`, and `weight` laid along its axis 1, in the dtype to compute in; one slope is 0-d."""
    check_arrays(x=x, weight=weight)
    check_numbers(x, *grads)
    given, channels, dtype = tuple(weight.shape), tuple(x.shape[1:2]), accumulator(x)
    if given in ((), (1,)):
        return cast(x, dtype), cast(weight, dtype).reshape(())
    if given != channels:
        each = f"shape {channels}" if channels else "which x does not have"
        repair = " Add the batch axis: x[None]." if given == tuple(x.shape[:1]) else ""
        raise BadValue(
            f"weight must have one value, shape () or (1,), or one for each channel of "
            f"axis 1, {each}; got weight.shape={given}, x.shape={tuple(x.shape)}.{repair}"
        )
    return cast(x, dtype), cast(weight, dtype).reshape(*channels, *(1,) * (x.ndim - 2))


def _like(x: Array, y: Array) -> Array:
    """`y` in the dtype of `x`; an array also where NumPy made a scalar of it."""
    return cast(y, x.dtype) if is_tensor(x) else np.asarray(y, x.dtype)
