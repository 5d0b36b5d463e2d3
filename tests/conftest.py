"""What the tests of the library share: the array libraries under test, and how long to search."""

import os
import sys

import numpy as np
import pytest
from hypothesis import settings

# The same examples in every run. `HYPOTHESIS_PROFILE=deep` looks at many more of them:
# `make test-deep` does so for the laws and the hostile calls.
settings.register_profile("quick", derandomize=True, deadline=None, max_examples=40)
settings.register_profile("deep", derandomize=True, deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


class Library:
    """One kind of array. `call` runs a function on it and checks what holds for every function."""

    def __init__(self, name):
        self.name = name
        self.is_torch = name.startswith("torch")
        self.device = "cuda" if name == "torch cuda" else "cpu"

    def __repr__(self):
        return self.name

    def dtype(self, name):
        return getattr(sys.modules["torch"], name) if self.is_torch else np.dtype(name)

    def asarray(self, values, dtype=None):
        """A new array with these values, of the NumPy dtype of `values` or the one named."""
        array = np.array(values)
        if self.is_torch:
            tensor = sys.modules["torch"].from_numpy(array).to(self.device)
            return tensor if dtype is None else tensor.to(self.dtype(dtype))
        array = array if dtype is None else array.astype(dtype)
        array.setflags(write=self.name != "numpy read-only")
        return array

    def numpy(self, result):
        """A result, or each of several, as a NumPy array; float64 where NumPy lacks the dtype."""
        if isinstance(result, tuple):
            return tuple(self.numpy(one) for one in result)
        if not self.is_torch:
            return result
        result = result.detach().cpu()
        return (result.double() if str(result.dtype) == "torch.bfloat16" else result).numpy()

    def call(self, function, *arrays, dtype=None, **options):
        """``function(*arrays, **options)`` on arrays of this library, as NumPy arrays.

        Checks that no input was written to, that no result lies in an input's memory, and that
        results have the inputs' library, dtype and device.
        """
        given = [a if a is None else self.asarray(a, dtype) for a in arrays]
        before = [a if a is None else self.numpy(a).copy() for a in given]
        result = function(*given, **options)
        first = given[0]
        for one in result if isinstance(result, tuple) else (result,):
            assert type(one) is type(first)
            assert (one.dtype, one.device) == (first.dtype, first.device)
        results = self.numpy(result)
        for array, copy in zip(given, before, strict=True):
            if array is not None:
                np.testing.assert_array_equal(self.numpy(array), copy, "an input was written to")
                for one in results if isinstance(results, tuple) else (results,):
                    assert not np.shares_memory(one, self.numpy(array)), "a result is an input"
        return results


@pytest.fixture(
    scope="session", params=["numpy", "numpy read-only", "torch", "torch cuda"], ids=lambda p: p
)
def xp(request):
    """Each kind of array in turn."""
    if request.param.startswith("torch"):
        torch = pytest.importorskip("torch", reason="torch is not installed")
        if request.param == "torch cuda" and not torch.cuda.is_available():
            pytest.skip("this machine has no GPU that torch can use")
    return Library(request.param)


@pytest.fixture(scope="session")
def torch():
    """The module, for the tests that use torch as an oracle or test its tensors alone."""
    return pytest.importorskip("torch", reason="torch is not installed")
