"""Every number that was measured rather than derived, in one place: sizes and thresholds.

They change how fast a result comes, and its rounding within the bound that `conv` promises; never
what is computed. Found by ``python -m benchmarks`` and paired runs around each value on two
machines of two cores, an AMD EPYC (OpenBLAS with kernels for AVX2) and an Intel Xeon (with kernels
for AVX-512); each is a broad optimum, where half or twice as much costs a few percent. What is
derived, as the bound on rounding, stands where it is derived.
"""

KiB, MiB = 2**10, 2**20

# ---- memory ----

COLUMN_BUDGET = 8 * MiB
"""Bytes of columns laid out at once, unless the caller says otherwise: 8 MiB.

Small enough to stay in a CPU's outer cache between the copy that writes the columns and the
product that reads them. A tile holds one output at least, whatever the budget.
"""

KEPT = 64 * MiB
"""Bytes of scratch memory that wait for the next calls, at most: 64 MiB in the whole process."""

ROW_BYTES = 4 * MiB
"""Bytes of lines and sums of "rows" at once: what the outer caches hold until the products."""

TAP_BYTES = 512 * KiB
"""Bytes of sums in a tile of "taps": they stay in the cache from the first tap to the last."""

POINT_BYTES = 3 * MiB
"""Bytes of points, of inputs and of outputs, that a block of tiles holds, if it can."""

KERNEL_BYTES = 12 * MiB
"""Bytes of mapped kernels held at once: what an outer cache keeps beside the tiles."""

MAGNITUDE_BYTES = 256 * KiB
"""Bytes of the kernels' magnitudes at once: they stay in the cache from the copy to the sum."""

# ---- threads ----

THREAD_VALUES = 2**20
"""Values, in and out, that make one more thread worth its start.

To start a thread and to wait for it costs as much as copying some 100,000 values, and after each
call of NumPy threads wait for their turn in the interpreter.
"""

THREAD_USES = 12
"""Uses of a value that was laid out for a product, up to which the laying out is most of the work.

Then threads of ours copy and multiply side by side. The BLAS computes so small products in one
thread, whatever it is allowed: OpenBLAS takes a second one from 2**19 multiply-adds on.
"""

# ---- matrix products ----

WIDE = 64
"""Columns that make a good matrix product by themselves; narrower images share a tile."""

SHARED_WIDE = 4 * WIDE
"""Columns left in a tile, at least, where threads share the outputs: so its product stays good."""

LONG_SUM = 2**10
"""Terms to a sum in a product of small matrices, at most: there the BLAS adds them one by one."""

SMALL_PRODUCT = 2**8
"""Numbers in such a product; what is larger, the BLAS cuts into blocks itself."""

# ---- which method "auto" takes: see `methods.choose` ----

WINOGRAD_CHANNELS, WINOGRAD_TILES = 48, 32
"""Channels, in and out, and tiles of 4x4 outputs, from which on Winograd's maps are worth it.

The maps cost as much as the products of 17 channels, at a third of their speed. Those of the
kernels are paid back by some 32 tiles.
"""

WINOGRAD_MANY_CHANNELS, WINOGRAD_FEWER_TILES = 256, 16
"""The same for many channels, where the BLAS has kernels for AVX2: half as fast as for AVX-512."""

TAPS_CHANNELS = 64
"""Channels for each output in a row, from which on a run of channels beats a row."""

ROW_WIDE = 28
"""Outputs in a row, from which on a product for each row is worth its call."""

ROW_BROAD = 56
"""Outputs in a row, from which on a product for it is better than one for each row of kernels."""

ROW_WEIGHTS = 2**15
"""Weights of a group that may be read anew for every row: the cache beside the core holds them."""

ROW_OUTPUTS = 4
"""Outputs for each kernel of a group, from which on the products by rows of kernels pay."""

ROW_READS = 2**16
"""Numbers that a row of kernels reads, from which on a product for it is worth its call."""

# ---- within Winograd's method and the FFT ----

WINOGRAD_LARGE = 32
"""Tiles, from which on large ones pay: each spares products, but every kernel has more points."""

WINOGRAD_TURN = 2**14
"""Channels in times out, up to which the products gain more than turning the kernels costs."""

FFT_SIDE = 16
"""Cells of a tile along an axis, at least: below, most of a tile would wrap around."""

FFT_BYTES = 1 * MiB
"""Bytes of spectra that are made at once: what stays in the cache till they are laid out."""

SAMPLE = 4096
"""Cells of a block, at most, that tell what is usual in an image."""

# ---- functions of single elements ----

POINTWISE_BYTES = 224 * KiB
"""Bytes of a block of elements: a few fit the cache, and malloc need not ask the system for one."""
