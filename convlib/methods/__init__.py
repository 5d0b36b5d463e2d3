"""The ways to compute one convolution: a file each, one signature.

``forward(x, weight, window, *, groups, budget)`` takes checked arrays: `x` (B, C, *spatial) and
`weight` (K, C/G, *kernel). It gives (B, K, *out) in the dtype in which sums are kept. A method
without need of a memory `budget` passes over it.
"""
