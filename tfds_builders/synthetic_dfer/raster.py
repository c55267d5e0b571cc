"""A z-buffered triangle rasteriser in NumPy: scan lines, exact coverage at pixel centres."""

import numpy as np


def rasterize(
    points: np.ndarray,
    depth: np.ndarray,
    triangles: np.ndarray,
    attributes: np.ndarray,
    *,
    height: int,
    width: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Draws the front faces of a mesh and interpolates per-vertex attributes over them.

    Args:
        points: float32 [v, 2], x (right) and y (down) in pixels; the centre of the first pixel is
            at (0.5, 0.5). Triangles that run clockwise on the screen are back faces and are
            dropped, as are degenerate ones.
        depth: float32 [v], larger is nearer.
        triangles: int64 [f, 3].
        attributes: float32 [v, a].
        height: rows of the image, pixels.
        width: columns of the image, pixels.

    Returns:
        `values` float32 [p, a], the attributes of the nearest face at each pixel drawn on, and
        `covered` int64 [p], those pixels' flat indices in increasing order.
    """
    triangles, edges = _front_edges(points, triangles)
    y = points[:, 1].take(triangles)
    top = np.ceil(y.min(1) - 0.5).clip(0, height).astype(np.int64)
    bottom = np.ceil(y.max(1) - 0.5).clip(0, height).astype(np.int64)
    face, row = _ranges(top, bottom)
    first, last = _spans([[c.take(face) for c in edge] for edge in edges], row, width)
    span, x = _ranges(first, last)
    row, face = row.take(span), face.take(span)
    pixel = row * width + x
    z = _affine(_planes(depth.take(triangles)[..., None], edges), face, x, row)[:, 0]
    nearest = np.full(height * width, -np.inf, np.float32)
    np.maximum.at(nearest, pixel, z)
    front = np.flatnonzero(z == nearest.take(pixel))
    sample = np.full(height * width, -1)
    sample[pixel.take(front)] = front  # of exactly equal depths the later face stays
    covered = np.flatnonzero(sample >= 0)
    sample = sample.take(covered)
    planes = _planes(attributes.take(triangles, axis=0), edges)
    return _affine(planes, face.take(sample), x.take(sample), row.take(sample)), covered


def _front_edges(points, triangles):
    """Returns the front faces and their barycentric coordinates as functions a x + b y + c.

    The second value is three lists (one per corner) of float32 [f] arrays a, b, c.
    """
    x = [points[:, 0].take(triangles[:, i]) for i in range(3)]
    y = [points[:, 1].take(triangles[:, i]) for i in range(3)]
    area = (x[2] - x[0]) * (y[1] - y[0]) - (x[1] - x[0]) * (y[2] - y[0])
    front = np.flatnonzero(area > 1e-6)
    scale = -1 / area.take(front)
    x, y = [v.take(front) for v in x], [v.take(front) for v in y]
    edges = []
    for j, k in ((1, 2), (2, 0), (0, 1)):
        a, b, c = y[j] - y[k], x[k] - x[j], x[j] * y[k] - x[k] * y[j]
        edges.append([a * scale, b * scale, c * scale])
    return triangles.take(front, axis=0), edges


def _ranges(start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns for all half-open ranges one after another: which range, and the number in it."""
    count = np.maximum(stop - start, 0)
    which = np.repeat(np.arange(len(count)), count)
    offset = np.cumsum(count) - count - start
    return which, np.arange(len(which)) - offset.take(which)


def _spans(edges, row, width):
    """Returns for each row of a face the half-open range of pixels it covers, int64 each."""
    y = row.astype(np.float32) + np.float32(0.5)
    left = np.zeros(len(row), np.float32)
    right = np.full(len(row), width, np.float32)
    for a, b, c in edges:
        rest = b * y + c
        with np.errstate(divide="ignore", invalid="ignore"):
            cut = np.ceil(-rest / a - np.float32(0.5))
        left = np.where(a > 0, np.maximum(left, cut), left)
        right = np.where(a < 0, np.minimum(right, cut), right)
        right[(a == 0) & (rest < 0)] = 0  # an edge along the row, which lies outside of it
    left = np.minimum(left, width)
    return left.astype(np.int64), np.maximum(right, 0).astype(np.int64)


def _planes(corners, edges):
    """Returns the coefficients a, b, c, float32 [f, k] each, of per-corner values [f, 3, k]."""
    return [sum(corners[:, i] * edges[i][j][:, None] for i in range(3)) for j in range(3)]


def _affine(planes, face, x, row):
    """Returns a x + b y + c of the given faces at pixel centres, float32 [p, k]."""
    a, b, c = (plane.take(face, axis=0) for plane in planes)
    a *= (x.astype(np.float32) + np.float32(0.5))[:, None]
    b *= (row.astype(np.float32) + np.float32(0.5))[:, None]
    a += b
    a += c
    return a
