"""conv and conv_backward: the checks, a method, the bias."""

from __future__ import annotations

from ._arrays import Array
from ._checks import check_arrays, check_grad, check_real, public_layer
from ._layer import Options, add_bias, check_bias, check_layer, gradients
from ._tuning import COLUMN_BUDGET
from ._types import IntOrInts, Method, Needs, Padding, PaddingMode
from .methods import check_method, convolve
from .methods.backward import backward_input, backward_weight, check_zeros, turned


@public_layer
def conv(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
    padding_mode: PaddingMode = "zeros",
    method: Method = "auto",
    budget: int = COLUMN_BUDGET,
) -> Array:
    r"""Cross-correlate a batch of signals, images or volumes with a bank of kernels.

    .. math:: y_{b,k,u,v} = \beta_k + \sum_{c,i,j} w_{k,c,i,j}\; x_{b,\,c,\;us+id-p,\;vs+jd-p}

    `x` is zero outside its bounds (unless `padding_mode` says otherwise), and the kernel is not
    flipped. With ``groups = G``, kernel ``k`` sees only the ``C/G`` channels of its own group.

    Parameters
    ----------
    x : array (B, C, *spatial)
        One spatial axis for signals, two for images, three for volumes: as many as `weight` has.
        With the batch axis: an image alone is ``x[None]``.
    weight : array (K, C/groups, *kernel)
    bias : array (K,), optional
    stride, dilation : int or one int per axis
        Default 1. Of `stride`, `dilation` and `padding`, a tuple of length one counts for all axes.
    padding : int, one int per axis, one (before, after) pair per axis, "same" or "valid"
        Cells added on each side; default 0. "same" keeps the size and needs stride 1.
    groups : int
        Divides both C and K; default 1.
    padding_mode : "zeros", "reflect", "replicate" or "circular"
        What the added cells hold. For 1 2 3 4, padded by two: ``00 1234 00``, ``32 1234 32``,
        ``11 1234 44``, ``34 1234 12``.
    method : "auto", "im2col", "rows", "taps", "winograd", "fft", "direct" or "native"
        How it is computed. "im2col": columns and matrix products. "rows": columns along every axis
        but the first, and products of views of them that overlap. "taps": tap by tap of the
        kernels, for all outputs at once. "winograd": products of points of small tiles (stride and
        dilation 1, kernels of at most 5 cells a side). "fft": products of spectra, for large
        kernels. "direct": the definition. "native": torch's own kernel (tensors only).
        "auto" is what was measured to be fastest for such a layer: see "Fast algorithms" in the
        book. For tensors it is "im2col", and "native" inside of torch's transforms (compile, vmap,
        jvp and so on), which can follow one step for any size.
    budget : int
        Bytes of columns that "im2col" lays out at once; default ``COLUMN_BUDGET``, 8 MiB. Inside of
        torch's transforms it lays out all of them.

    Returns
    -------
    array (B, K, *out)
        Library, device and dtype of `x`;
        ``out = (H + 2*padding - dilation*(N - 1) - 1) // stride + 1`` for each axis.

    Raises
    ------
    TypeError
        Libraries, dtypes or devices are mixed, or an option is of the wrong type.
    ValueError
        Shapes disagree, an option is out of range, or no window fits; the message shows the
        numbers.

    Notes
    -----
    ``B*K*prod(out) * C/G*prod(kernel)`` multiply-adds.

    *Memory* beyond input and output, in each thread: im2col needs `budget` bytes of columns and one
    tile of input and output; "rows" 4 MiB of lines and sums; "taps" 1 MiB of sums; Winograd's
    method up to twice the budget, and 12 MiB of kernels; the FFT as much, or three times the points
    of one tile of all channels. A call holds this memory while it runs. For NumPy arrays up to
    64 MiB are then kept for later calls of the whole process, until ``clear_scratch``.

    *Threads.* Products are left to the BLAS and its threads; how many, nothing here changes. Large
    NumPy arrays, where most of the work is copies (up to 12 kernels in a group, "taps", "fft"), are
    shared among as many threads of the call's own (with the extra ``convbook[threads]``). The same
    number of BLAS threads, and no other setting changed, gives the same bits, whatever else runs.

    *Digits.* For floating NumPy arrays

    .. math:: |\text{error}| \le 32\, n\, \varepsilon \max\Big(\sum |w|\,|x|,\ U\Big),
              \qquad n = C/G \cdot \text{cells of a kernel}

    with the eps of the sums. The sum is that of the output's own window; U is what is usual in its
    image and group: the median over the cells where it is not 0, or 8 times the tenth percentile,
    if that is less. So no cell spoils an output that does not see it, and what other images of the
    batch hold changes no promise. It holds before the bias is added and before a result is rounded
    to float16, as long as nothing over- or underflows. A quiet region of less than a tenth of an
    image may lose digits relative to itself. On ordinary layers errors are some fifty times
    smaller, or more. float16 and bfloat16 are summed in float32, then rounded; integers wrap around
    as torch's do.

    *Tensors.* autograd flows, and keeps the columns; "winograd" and "fft" spread an infinity or NaN
    over its tile.

    Same results as ``torch.nn.functional.conv1d``, ``conv2d`` and ``conv3d``.
    Source: Chellapilla, Puri and Simard (2006); Dumoulin and Visin (2016); Lavin and Gray (2016).
    Book: "What a convolution computes", "im2col and GEMM" and "Fast algorithms".

    Examples
    --------
    >>> conv(np.array([[[0., 0., 1., 1.]]]), np.array([[[-1., 1.]]]))
    array([[[0., 1., 0.]]])
    >>> conv(np.arange(9).reshape(1, 1, 3, 3), np.arange(4).reshape(1, 1, 2, 2))
    array([[[[19, 25],
             [37, 43]]]])
    """
    options = Options(stride, padding, dilation, groups, padding_mode, budget)
    layer = check_layer(x, weight, options)
    check_bias(x, bias, weight.shape[0])
    check_method(method, x, layer)
    return add_bias(convolve(x, weight, layer, method), bias, x)


@public_layer
def conv_backward(
    grad_output: Array,
    x: Array,
    weight: Array,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
    padding_mode: PaddingMode = "zeros",
    method: Method = "auto",
    budget: int = COLUMN_BUDGET,
    needs: Needs = (True, True, True),
) -> tuple[Array, Array, Array]:
    r"""Gradients of a convolution in its input, its kernels and its bias.

    With :math:`g = \partial \ell / \partial y` given for some scalar loss :math:`\ell`,

    .. math::

        \begin{aligned}
        \frac{\partial \ell}{\partial \beta_k} &= \sum_{b,u,v} g_{b,k,u,v} \\
        \frac{\partial \ell}{\partial w_{k,c,i,j}}
            &= \sum_{b,u,v} g_{b,k,u,v}\; x_{b,\,c,\;us+id-p,\;vs+jd-p} \\
        \frac{\partial \ell}{\partial x_{b,c,h,w}}
            &= \sum_{k}\; \sum_{\substack{u,i:\ us+id-p=h \\ v,j:\ vs+jd-p=w}}
              g_{b,k,u,v}\; w_{k,c,i,j}
        \end{aligned}

    Parameters
    ----------
    grad_output : array (B, K, *out)
        Gradient in the output of ``conv(x, weight, ...)`` with the same options.
    x, weight, stride, padding, dilation, groups, padding_mode, budget
        As for `conv`.
    method : "auto", "im2col", "rows", "taps", "winograd", "fft", "direct" or "native"
        How `grad_x` is computed. "im2col" is the adjoint of that method of `conv`: products give
        columns, which are added back. All others convolve with the turned kernels, where
        ``stride - 1`` zeros stand between two neighbours of `grad_output`. "auto" does so at stride
        1 with ``padding_mode="zeros"``, by the method that `conv` would choose; else it is
        "im2col". Whatever the method, `grad_weight` is a product with the columns of `x`, and
        `grad_bias` a sum.
    needs : three of True and False
        Which of the gradients to compute; in place of the others stands None. Default: all. The
        first layer of a network needs no `grad_x`.

    Returns
    -------
    grad_x, grad_weight, grad_bias : arrays
        Of the shapes of `x`, `weight` and ``(K,)``, all in their dtype; None where not asked for.

    Raises
    ------
    TypeError, ValueError
        As `conv` does, and where `grad_output` has not the shape of the output.

    Notes
    -----
    The multiply-adds of `conv` for `grad_weight` and, by "im2col" or at stride 1, as many for
    `grad_x`, in tiles of `budget` bytes; with zeros in between, ``prod(stride)`` times as many.
    Real dtypes only.
    Book: "Parameters and gradients".

    Examples
    --------
    >>> x, weight = np.array([[[0., 0., 1., 1.]]]), np.array([[[-1., 1.]]])
    >>> grad = np.ones((1, 1, 3))
    >>> grad_x, grad_weight, grad_bias = conv_backward(grad, x, weight)
    >>> grad_x
    array([[[-1.,  0.,  0.,  1.]]])
    >>> grad_weight, grad_bias
    (array([[[1., 2.]]]), array([3.]))
    >>> conv_backward(grad, x, weight, needs=(False, True, False))
    (None, array([[[1., 2.]]]), None)
    """
    options = Options(stride, padding, dilation, groups, padding_mode, budget)
    layer = check_layer(x, weight, options)
    check_arrays(x=x, grad_output=grad_output)
    check_real(x)
    check_grad(grad_output, layer.y_shape)
    check_method(method, x, turned(layer))
    if method not in ("auto", "im2col"):
        check_zeros("the_gradient_with_zeros", grad_output, layer)
    return gradients(
        needs,
        grad_output,
        lambda: backward_input(grad_output, weight, layer, method),
        lambda: backward_weight(grad_output, x, layer),
    )
