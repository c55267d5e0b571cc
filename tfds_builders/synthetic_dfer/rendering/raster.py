"""A z-buffered triangle rasteriser in NumPy: scan lines, exact coverage at pixel centres."""

import numpy as np
from jaxtyping import Bool, Float32, Int64


def rasterize(
    points: Float32[np.ndarray, "v 2"],
    depth: Float32[np.ndarray, " v"],
    triangles: Int64[np.ndarray, "f 3"],
    attributes: Float32[np.ndarray, "a v"],
    *,
    height: int,
    width: int,
) -> tuple[Float32[np.ndarray, "a h w"], Bool[np.ndarray, "h w"]]:
    """Draws the front faces of a mesh and interpolates per-vertex attributes over them.

    Args:
        points: float32 [v, 2], x (right) and y (down) in pixels; the centre of the first pixel is
            at (0.5, 0.5). Triangles that run clockwise on the screen are back faces and are
            dropped, as are degenerate ones.
        depth: float32 [v], larger is nearer.
        triangles: int64 [f, 3].
        attributes: float32 [a, v].
        height: rows of the image, pixels.
        width: columns of the image, pixels.

    Returns:
        `image` float32 [a, height, width], the attributes of the nearest face at each pixel
        (meaningless but finite where nothing was drawn), and `covered` bool [height, width].
    """
    triangles, edges = _front_edges(points, triangles)
    top, bottom = _pixel_range(points[:, 1], triangles, height)
    left, right = _pixel_range(points[:, 0], triangles, width)
    drawn = np.flatnonzero((top < bottom) & (left < right))  # most faces touch a pixel centre
    triangles, top, bottom = triangles.take(drawn, axis=1), top.take(drawn), bottom.take(drawn)
    edges = [[c.take(drawn) for c in edge] for edge in edges]
    face, row = _ranges(top, bottom)
    first, last = _spans([[c.take(face) for c in edge] for edge in edges], row, width)
    span, x = _ranges(first, last)
    row, face = row.take(span), face.take(span)
    pixel = row * width + x
    z = _affine(_planes([depth], triangles, edges), face, x, row)[0]
    nearest = np.full(height * width, -np.inf, np.float32)
    np.maximum.at(nearest, pixel, z)
    front = np.flatnonzero(z == nearest.take(pixel))
    sample = np.full(height * width, -1)
    sample[pixel.take(front)] = front  # of exactly equal depths the later face stays
    covered = (sample >= 0).reshape(height, width)
    if not covered.any():
        return np.zeros((len(attributes), height, width), np.float32), covered
    row, x = (grid.ravel() for grid in np.indices((height, width)))
    image = _affine(_planes(attributes, triangles, edges), face.take(sample), x, row)
    return image.reshape(-1, height, width), covered


def _front_edges(points, triangles):
    """Returns the front faces and their barycentric coordinates as functions a x + b y + c.

    The faces are int64 [3, f]; the edges three lists (one per corner) of float32 [f] a, b, c.
    """
    corners = np.ascontiguousarray(triangles.T)
    x = [points[:, 0].take(corner) for corner in corners]
    y = [points[:, 1].take(corner) for corner in corners]
    area = (x[2] - x[0]) * (y[1] - y[0]) - (x[1] - x[0]) * (y[2] - y[0])
    front = np.flatnonzero(area > 1e-6)
    scale = -1 / area.take(front)
    x, y = [v.take(front) for v in x], [v.take(front) for v in y]
    edges = []
    for j, k in ((1, 2), (2, 0), (0, 1)):
        a, b, c = y[j] - y[k], x[k] - x[j], x[j] * y[k] - x[k] * y[j]
        edges.append([a * scale, b * scale, c * scale])
    return corners.take(front, axis=1), edges


def _pixel_range(position, triangles, size):
    """Returns the half-open range of pixel centres each face may touch along one axis."""
    a, b, c = position.take(triangles)
    low = np.ceil(np.minimum(np.minimum(a, b), c) - np.float32(0.5))
    high = np.ceil(np.maximum(np.maximum(a, b), c) - np.float32(0.5))
    return (np.clip(bound, 0, size).astype(np.int64) for bound in (low, high))


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


def _planes(attributes, triangles, edges):
    """Returns for each of k attributes [k, v] its a, b, c over the faces, float32 [f] each."""
    planes = []
    for attribute in attributes:
        corners = [attribute.take(corner) for corner in triangles]
        planes.append([sum(corners[i] * edges[i][j] for i in range(3)) for j in range(3)])
    return planes


def _affine(planes, face, x, row):
    """Returns a x + b y + c of the given faces at pixel centres, float32 [k, p]."""
    x = x.astype(np.float32) + np.float32(0.5)
    y = row.astype(np.float32) + np.float32(0.5)
    values = np.empty((len(planes), len(face)), np.float32)
    for value, (a, b, c) in zip(values, planes, strict=True):
        np.multiply(a.take(face), x, out=value)
        value += b.take(face) * y
        value += c.take(face)
    return values
