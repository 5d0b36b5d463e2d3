"""What torch calls each of our functions, or how it gets to the same: the oracles of `catalogue`.

Where torch has no such function, or not for that many axes, its convolutions stand in.
"""

import math

TORCH_MODES = {"zeros": "constant"}


def nd(torch, name, rank):
    """torch's function for that many spatial axes."""
    return getattr(torch.nn.functional, f"{name}{rank}d")


def torch_conv(torch, x, weight, bias=None, *, padding=0, padding_mode="zeros", **options):
    options.pop("method", None)
    rank = weight.ndim - 2
    pairs = [(p, p) if isinstance(p, int) else p for p in per_axis(padding, rank)]
    # torch's modes refuse an empty batch; what the padding holds is no matter then
    mode = TORCH_MODES.get(padding_mode, padding_mode) if len(x) else "constant"
    sides = [p for pair in reversed(pairs) for p in pair]
    padded = torch.nn.functional.pad(x, sides, mode=mode) if any(sides) else x
    return nd(torch, "conv", rank)(padded, weight, bias, **options)


def per_axis(value, rank):
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank


def torch_depthwise(torch, x, weight, bias=None, **options):
    return torch_conv(torch, x, weight, bias, groups=x.shape[1], **options)


def torch_separable(torch, x, weight, mixed, bias=None, **options):
    return torch_conv(torch, torch_depthwise(torch, x, weight, **options), mixed, bias)


def torch_transposed(torch, x, weight, bias=None, *, padding=0, output_padding=0, **options):
    """The whole output, cells added behind, and then cut."""
    options.pop("method", None)
    rank = weight.ndim - 2
    y = nd(torch, "conv_transpose", rank)(x, weight, **options)
    extra = per_axis(output_padding, rank)
    y = torch.nn.functional.pad(y, [side for e in reversed(extra) for side in (0, e)])
    pairs = [(p, p) if isinstance(p, int) else p for p in per_axis(padding, rank)]
    y = y[(..., *(slice(p[0], n - p[1]) for p, n in zip(pairs, y.shape[2:], strict=True)))]
    return y if bias is None else y + bias.reshape(-1, *(1,) * rank)


def torch_matrix(torch, weight, *, input_size, groups=1, **options):
    size = per_axis(input_size, weight.ndim - 2)
    cells = weight.shape[1] * groups * math.prod(size)
    basis = torch.eye(cells, dtype=weight.dtype).reshape(cells, -1, *size)
    return torch_conv(torch, basis, weight, groups=groups, **options).reshape(cells, -1).T


def one_hot(torch, like, kernel, channels):
    """Kernels that each read one cell of one channel: convolving with them lays columns out."""
    taps = math.prod(kernel)
    return (
        torch.eye(taps, dtype=like.dtype)
        .reshape(taps, 1, *kernel)
        .repeat(channels, *(1,) * (1 + len(kernel)))
    )


def torch_columns(torch, x, *, kernel_size, **options):
    kernel = per_axis(kernel_size, x.ndim - 2)
    weight = one_hot(torch, x, kernel, x.shape[1])
    y = torch_conv(torch, x, weight, groups=x.shape[1], **options)
    return y.reshape(*y.shape[:2], math.prod(y.shape[2:]))


def torch_laid(torch, cols, *, output_size, **options):
    """The gradient of laying columns out is adding them back."""
    size = per_axis(output_size, 1)
    kernel = per_axis(options["kernel_size"], len(size))
    x = torch.zeros(len(cols), cols.shape[1] // math.prod(kernel), *size, dtype=cols.dtype)

    def lay(x):
        return torch_columns(torch, x, **options | {"kernel_size": kernel})

    return torch.autograd.functional.vjp(lay, x, cols, create_graph=True)[1]


def torch_spread(torch, x, *, stride):
    weight = torch.ones(x.shape[1], 1, *(1,) * (x.ndim - 2), dtype=x.dtype)
    kernel = nd(torch, "conv_transpose", x.ndim - 2)
    return kernel(x, weight, stride=stride, groups=x.shape[1])


def torch_shuffled(torch, x, *, upscale_factor):
    rank, r = x.ndim - 2, upscale_factor
    if rank == 2:
        return torch.nn.functional.pixel_shuffle(x, r)
    y = x.reshape(len(x), x.shape[1] // r**rank, *(r,) * rank, *x.shape[2:])
    order = [axis for i in range(rank) for axis in (2 + rank + i, 2 + i)]
    y = y.permute(0, 1, *order)
    return y.reshape(len(x), x.shape[1] // r**rank, *(n * r for n in x.shape[2:]))


def torch_unshuffled(torch, x, *, downscale_factor):
    rank, r = x.ndim - 2, downscale_factor
    if rank == 2 and len(x):  # torch forgets the channels of an empty batch
        return torch.nn.functional.pixel_unshuffle(x, r)
    y = x.reshape(*x.shape[:2], *(m for n in x.shape[2:] for m in (n // r, r)))
    y = y.permute(0, 1, *range(3, 3 + 2 * rank, 2), *range(2, 2 + 2 * rank, 2))
    return y.reshape(len(x), x.shape[1] * r**rank, *(n // r for n in x.shape[2:]))


def torch_resize(torch, x, *, mode="nearest", **options):
    names = ("linear", "bilinear", "trilinear")
    mode = names[x.ndim - 3] if mode == "linear" else mode
    if not len(x):  # torch refuses an empty batch
        size = per_axis(options["size"], x.ndim - 2)
        return x.new_zeros(*x.shape[:2], *size) + 0 * x.sum()
    return torch.nn.functional.interpolate(x, mode=mode, **options)


def torch_pool(name):
    def oracle(torch, x, *indices, **options):
        if name == "lp_pool" and x.ndim == 3:  # torch's lp_pool1d takes no tuple
            options = {k: v[0] if isinstance(v, tuple) else v for k, v in options.items()}
        return nd(torch, name, x.ndim - 2)(x, *indices, **options)

    return oracle


def torch_element(name):
    def oracle(torch, *tensors, **options):
        function = getattr(torch, name, None) or getattr(torch.nn.functional, name)
        return function(*tensors, **options)

    return oracle
