"""What is refused, and in which words; and the door that every public function has.

An error gives the rule with its arithmetic, then what came, then the repair. A check raises it
without the name of the function that was called, which it does not know: the door adds that.
"""

from __future__ import annotations

import math
import operator
import os
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from numbers import Real
from typing import Any, TypeVar

import numpy as np

from ._arrays import Array, is_tensor, kind, namespace, supported
from ._types import IntOrInts, Ints

F = TypeVar("F", bound=Callable[..., Any])

# ---- the door ----


class BadValue(ValueError):
    """What a check found: a ValueError, not yet told in the name of the function called."""


class BadType(TypeError):
    """What a check found: a TypeError, not yet told in the name of the function called."""


def public(function: F) -> F:
    """Decorates each public function: what its checks refuse is told in its name.

    Infinity and NaN are answers here, so NumPy does not warn of them. On tensors inside of
    ``torch.autocast`` it calculates in their own dtype.
    """
    return _door(function, lowers=False)


def public_layer(function: F) -> F:
    """As `public`, but ``torch.autocast`` has it calculate in its dtype, as torch's own layers.

    So floating-point tensors are cast to it, but for float64, before anything looks at them. Then
    all methods compute the same, and so does autograd.
    """
    return _door(function, lowers=True)


def public_exact(function: F) -> F:
    """As `public`, for what NumPy never warns of, nor autocast lowers: moves, counts, compares."""

    @wraps(function)
    def door(*args: Any, **options: Any) -> Any:
        try:
            return function(*args, **options)
        except (BadValue, BadType) as bad:
            raise _told(function.__name__, bad) from None

    return door  # type: ignore[return-value]


def _door(function: F, *, lowers: bool) -> F:
    @wraps(function)
    def door(*args: Any, **options: Any) -> Any:
        try:
            tensor = _first_tensor(args, options)
            if tensor is None:
                with np.errstate(all="ignore"):
                    return function(*args, **options)
            if not _autocasts(tensor):  # torch does not warn, nor compile NumPy's context
                return function(*args, **options)
            if lowers:
                args = tuple(_lower(a, tensor.device) for a in args)
                options = {name: _lower(a, tensor.device) for name, a in options.items()}
            with namespace(tensor).autocast(tensor.device.type, enabled=False):
                return function(*args, **options)
        except (BadValue, BadType) as bad:
            raise _told(function.__name__, bad) from None

    return door  # type: ignore[return-value]


def _told(name: str, bad: BadValue | BadType) -> Exception:
    """The error that a caller meets."""
    kind = ValueError if isinstance(bad, BadValue) else TypeError
    return kind(f"{name}: {bad}")


def _first_tensor(args: Sequence[Any], options: dict[str, Any]) -> Array | None:
    """The first tensor, if no array comes before it: a call that mixes the two is refused."""
    if args and type(args[0]) is np.ndarray:  # as nearly always
        return None
    for a in (*args, *options.values()):
        if type(a) is np.ndarray:
            return None
        if is_tensor(a):
            return supported(a)
    return None


def _autocasts(tensor: Array) -> bool:
    """True inside of ``torch.autocast`` for the device of `tensor`."""
    torch, device = namespace(tensor), tensor.device.type
    return torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)


def _lower(a: Any, device: Any) -> Any:
    """`a` in autocast's dtype, if it is one of the tensors that autocast casts."""
    if not (is_tensor(a) and a.device == device and a.is_floating_point()):
        return a
    torch = namespace(a)
    return a if a.dtype == torch.float64 else a.to(torch.get_autocast_dtype(device.type))


TORCH_NUMBERS = (
    *("float64", "float32", "float16", "bfloat16", "complex128", "complex64"),
    *("int64", "int32", "int16", "int8", "uint8"),
)
"""What torch can calculate with on every device: not its packed, quantised and unsigned dtypes."""

MEMORY = (
    os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if hasattr(os, "sysconf")
    else sys.maxsize  # Windows does not say
)
"""Bytes of memory in this machine: no array is made, or read, that is larger."""


def check_arrays(**arrays: Array) -> None:
    """Raise unless all are dense arrays of one library, dtype and device, and hold numbers.

    The first array sets the rule for the rest.
    """
    for name, a in arrays.items():
        if not (type(a) is np.ndarray and 0 < a.nbytes <= MEMORY):  # nearly always it is
            _check_array(name, a)
    (first, x), *rest = arrays.items()
    for name, a in rest:
        _check_pair(first, x, name, a)
    if not _is_numeric(x):
        raise BadType(
            f"{first} must hold numbers; got dtype {x.dtype}. Convert it, e.g. to float32."
        )


def _check_array(name: str, a: Array) -> None:
    """Raise unless `a` is a dense array or tensor that fits the memory."""
    # Exact types on purpose: a masked array or a matrix would lose its meaning in silence.
    if not is_tensor(a) and type(a) not in (np.ndarray, np.memmap):
        raise BadType(
            f"{name} must be a numpy.ndarray or a torch.Tensor; got "
            f"{_type_name(a)}. Convert it, e.g. numpy.asarray({name})."
        )
    if is_tensor(a):
        _check_dense(name, supported(a))
    check_memory(a, **{name: a.shape})


def _check_dense(name: str, a: Array) -> None:
    """Raise unless the tensor has a cell for every position, and a number in every cell."""
    for fault, what, repair in (
        (a.is_nested, "a nested tensor", "to_padded_tensor(0)"),
        (a.is_quantized, "a quantised tensor", "dequantize()"),
        (type(a).__name__ == "MaskedTensor", "a masked tensor", "to_tensor(0)"),
        (a.layout != namespace(a).strided, f"layout {a.layout}", "to_dense()"),
    ):
        if fault:
            raise BadType(f"{name} must be dense; got {what}. Convert it: {name}.{repair}.")


def _check_pair(first: str, x: Array, name: str, a: Array) -> None:
    """Raise unless `a` is of the library, the dtype and on the device of `x`."""
    if is_tensor(a) != is_tensor(x):
        from_numpy = name if is_tensor(x) else first
        raise BadType(
            f"cannot mix {_type_name(x)} ({first}) and {_type_name(a)} ({name}); "
            f"convert one, e.g. torch.from_numpy({from_numpy})."
        )
    if a.dtype != x.dtype:
        convert = f"{name}.to({first}.dtype)" if is_tensor(x) else f"{name}.astype({first}.dtype)"
        raise BadType(
            f"{first} and {name} must have one dtype; got {x.dtype} and {a.dtype}. "
            f"Convert one, e.g. {convert}."
        )
    if a.device != x.device:
        raise BadType(
            f"{first} and {name} must be on one device; got {x.device} and "
            f"{a.device}. Move one, e.g. {name}.to({first}.device)."
        )


def check_memory(like: Array, **shapes: Sequence[int]) -> None:
    """Raise, before anything is made, for an array that would not fit the memory where `like` is.

    An empty axis counts as one cell: how long a loop over windows takes hangs on the others. While
    torch compiles or exports, nobody looks: a bound would go into the program, for all machines.
    """
    if is_tensor(like) and namespace(like).compiler.is_compiling():
        return
    most = MEMORY
    if like.device != "cpu" and like.device.type != "cpu":
        cuda = like.device.type == "cuda"
        properties = namespace(like).cuda.get_device_properties
        most = properties(like.device).total_memory if cuda else sys.maxsize
    _check_bytes(most, like.dtype.itemsize, shapes)


def check_host_memory(itemsize: int, **shapes: Sequence[int]) -> None:
    """The same for tables in this machine's memory, wherever the arrays are."""
    _check_bytes(MEMORY, itemsize, shapes)


def _check_bytes(most: int, itemsize: int, shapes: dict[str, Sequence[int]]) -> None:
    for name, shape in shapes.items():
        size = math.prod([max(1, n) for n in shape]) * itemsize
        if size > most:
            raise BadValue(
                f"{name.replace('_', ' ')} of shape {tuple(shape)} would take {size} "
                f"bytes, and there are {most} bytes of memory. Use smaller sizes."
            )


def check_batched(x: Array, rank: int = 1, reason: str = "", more: str = "") -> None:
    """Raise unless `x` is a batch, (B, C, *spatial), with `rank` spatial axes at least.

    `reason` is what asks for so many, and `more` another way to mend it.
    """
    missing = rank + 2 - x.ndim
    if missing > 0:
        axes = f"2 + {rank} = {rank + 2} axes for {reason}" if reason else "3 axes at least"
        what = "the batch axis" if missing == 1 else f"{missing} axes in front"
        raise BadValue(
            f"x must be (B, C, *spatial), batched, with {axes}; got "
            f"x.shape={tuple(x.shape)}. Add {what}: x[{', '.join(['None'] * missing)}].{more}"
        )


def check_spatial(x: Array, **options: object) -> None:
    """Raise unless `x` is a batch; an option with a value too many tells that it is none."""
    axes = x.ndim - 2
    for name, value in options.items():
        given = len(value) if isinstance(value, (tuple, list)) else 0
        if given and (given == axes + 1 or (axes < 1 and given > axes)):
            more = f" Or give {name} {axes} value{'s' * (axes > 1)}." if axes > 0 else ""
            check_batched(x, given, f"{name}={value!r}", more)
    # An int tells no axes: two of `x` may be (C, W), or (H, W).
    image = " Or, for one image of one channel, two: x[None, None]."
    check_batched(x, more=image if x.ndim == 2 else "")


def check_size(x: Array) -> Ints:
    """The spatial size of `x`; raise where it is empty along an axis."""
    size = tuple(x.shape[2:])
    if min(size) < 1:
        raise BadValue(f"every spatial size of x must be at least 1; got x.shape={tuple(x.shape)}.")
    return size


def check_grad(grad_output: Array, shape: Ints) -> None:
    """Raise unless `grad_output` has the shape of the output, its batch axis too."""
    got = tuple(grad_output.shape)
    if got != shape:
        batch = " Add the batch axis: grad_output[None]." if (1, *got) == shape else ""
        raise BadValue(
            f"grad_output must have the shape of the output, {shape}; "
            f"got grad_output.shape={got}.{batch}"
        )


def _type_name(x: object) -> str:
    kind = type(x)
    module = "torch" if is_tensor(x) else kind.__module__
    return kind.__name__ if module == "builtins" else f"{module}.{kind.__name__}"


def _is_numeric(x: Array) -> bool:
    if is_tensor(x):
        return str(x.dtype).removeprefix("torch.") in TORCH_NUMBERS
    return x.dtype.kind in "iufc"


def check_real(x: Array) -> None:
    """Raise for complex numbers: whose gradient it is would be a matter of convention."""
    if kind(x) == "c":
        raise BadType(
            f"gradients here are those of real numbers; got dtype {x.dtype}. "
            f"Take the real and the imaginary part apart."
        )


# ---- options ----


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise unless `value` is one of the words that the option `name` takes."""
    if not isinstance(value, str) or value not in choices:
        raise BadValue(f"{name} must be one of {(*choices,)}; got {name}={value!r}.")


def check_flags(**flags: object) -> None:
    """Raise unless each of the options is True or False."""
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise BadType(
                f"{name} must be True or False; got {name}={value!r}. Convert it: bool({name})."
            )


def as_number(name: str, value: object) -> float:
    """The option `name` as a float; True and False are no numbers here."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise BadType(f"{name} must be a number; got {name}={value!r}.")
    try:
        return float(value)
    except OverflowError:
        raise BadValue(
            f"{name} must be at most {sys.float_info.max}, the largest float; "
            f"got {type(value).__name__} beyond it."
        ) from None


def per_axis(name: str, value: IntOrInts, rank: int, least: int, *, alike: bool = False) -> Ints:
    """One int per axis: an int is repeated, a tuple or list must have `rank` ints.

    With `alike` it may also have one, which is repeated: for the options of a window, as in torch.
    """
    values: list[Any] = list(value) if isinstance(value, (tuple, list)) else [value] * rank
    if alike and len(values) == 1:
        values *= rank
    if len(values) == rank > 0 and all(
        type(v) is int and least <= v <= sys.maxsize for v in values
    ):
        return tuple(values)  # as nearly always: no message is needed
    rule = f"{name} must be an int"
    if rank > 1:
        rule += f" or {rank} ints, one per axis"
    if rank < 1 or len(values) != rank:
        raise BadValue(f"{rule}; got {len(values)}: {name}={value!r}.")
    ints = tuple(as_int(f"{rule}; got {name}={value!r}.", v) for v in values)
    if any(v < least for v in ints):
        raise BadValue(f"{name} must be at least {least}; got {name}={value!r}.")
    check_index(name, ints)
    return ints


def one_int(name: str, value: int, least: int) -> int:
    """An option that is one int, whatever the axes: in a tuple it is refused, as in torch."""
    if isinstance(value, (tuple, list)):
        raise BadType(f"{name} must be an int; got {name}={value!r}.")
    return per_axis(name, value, 1, least)[0]


def check_index(name: str, ints: Ints) -> None:
    """Raise for what no array can be indexed with."""
    most = sys.maxsize
    if any(v > most for v in ints):
        raise BadValue(f"{name} must be at most {most}; got {name}={max(ints)}.")


def as_int(message: str, value: object) -> int:
    """`value` as an int; else raise with the `message`."""
    # True and False are ints to Python, and in tensors; as a stride they are a slip of the pen.
    if isinstance(value, bool) or "bool" in str(getattr(value, "dtype", "")):
        raise BadType(message)
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except (TypeError, RuntimeError):  # RuntimeError: of a tensor without values
        raise BadType(message) from None
