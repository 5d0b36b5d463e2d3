"""Interactive figures: change a number, see the convolution change.

Each class is a widget for JupyterLab, VS Code, Colab and the built book.  Needs anywidget (the
extra ``labs``); nothing else of the library needs this.

>>> from convlib import labs
>>> labs.SlidingWindow(kernel_size=3, stride=2)
SlidingWindow(stride=2)
"""

try:
    from ._lab import STATIC as STATIC
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        'convlib.labs needs anywidget, the extra convbook[labs]. Use pip install "anywidget>=0.9".',
        name=missing.name,
    ) from missing

from .activations import Activations
from .groups import Groups
from .im2col import Im2col
from .layer_stack import LayerStack
from .pooling import Pooling
from .sliding_window import SlidingWindow
from .transposed import Transposed

__all__ = [
    "Activations",
    "Groups",
    "Im2col",
    "LayerStack",
    "Pooling",
    "SlidingWindow",
    "Transposed",
]
