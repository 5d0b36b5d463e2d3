"""Write the labs' photograph: scikit-image's cameraman, 64 x 64 grey levels, as a script.

python -m tools.photograph
"""

import base64
from pathlib import Path

import numpy as np
from skimage import data
from skimage.transform import resize

TARGET = Path(__file__).parents[1] / "convlib" / "labs" / "static" / "photo.js"


def script():
    """The whole text of photo.js."""
    levels = resize(data.camera(), (64, 64), anti_aliasing=True, preserve_range=True)
    packed = base64.b64encode(np.rint(levels).astype(np.uint8).tobytes()).decode()
    return f"""\
// A photograph of 64 x 64 grey levels: the cameraman of scikit-image, free of known rights (CC0).
// Written by `python -m tools.photograph`.

const packed =
  "{packed}";

const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
export const photo = Array.from({{ length: 64 }}, (_, i) =>
  Array.from(bytes.subarray(64 * i, 64 * i + 64)),
);
"""


if __name__ == "__main__":
    TARGET.write_text(script(), encoding="utf-8")
