import numpy as np
import pytest

from tfds_builders.synthetic_dfer.rendering import raster

SIDE = 24


def brute_force(points, depth, triangles, attributes):
    """Nearest front face at every pixel centre, one pixel and one face at a time, in float64."""
    image = np.zeros((len(attributes), SIDE, SIDE))
    nearest = np.full((SIDE, SIDE), -np.inf)
    for face in triangles:
        a, b, c = points[face].astype(np.float64)
        matrix = np.array([[a[0], b[0], c[0]], [a[1], b[1], c[1]], [1, 1, 1]])
        if np.linalg.det(matrix) >= 0:  # clockwise with y down: seen from behind
            continue
        for row in range(SIDE):
            for column in range(SIDE):
                weights = np.linalg.solve(matrix, [column + 0.5, row + 0.5, 1])
                z = weights @ depth[face]
                if (weights >= 0).all() and z > nearest[row, column]:
                    nearest[row, column] = z
                    image[:, row, column] = attributes[:, face] @ weights
    return image, nearest > -np.inf


@pytest.mark.parametrize("seed", range(4))
def test_equals_brute_force(seed):
    rng = np.random.default_rng(seed)
    points = rng.uniform(-6, SIDE + 6, (30, 2)).astype(np.float32)
    depth = rng.standard_normal(30).astype(np.float32)
    triangles = rng.permutation(30).reshape(10, 3)
    attributes = rng.standard_normal((2, 30)).astype(np.float32)
    image, covered = raster.rasterize(points, depth, triangles, attributes, height=SIDE, width=SIDE)
    expected, expected_covered = brute_force(points, depth, triangles, attributes)
    assert covered.any()
    assert np.array_equal(covered, expected_covered)
    np.testing.assert_allclose(image[:, covered], expected[:, covered], rtol=2e-3, atol=2e-3)


def test_neighbouring_faces_leave_no_gap():
    """A grid of many small faces covers exactly the pixels whose centres it contains."""
    axis = np.linspace(2.2, 21.7, 40, dtype=np.float32)
    points = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    corner = (np.arange(39)[:, None] * 40 + np.arange(39)).ravel()
    triangles = np.concatenate(
        [
            np.stack([corner, corner + 40, corner + 1], 1),
            np.stack([corner + 1, corner + 40, corner + 41], 1),
        ]
    )
    depth = np.zeros(len(points), np.float32)
    _, covered = raster.rasterize(points, depth, triangles, points.T, height=SIDE, width=SIDE)
    inside = (np.arange(SIDE) + 0.5 > 2.2) & (np.arange(SIDE) + 0.5 < 21.7)
    assert np.array_equal(covered, inside[:, None] & inside[None, :])


def test_back_faces_alone_draw_nothing():
    points = np.array([[2, 2], [20, 2], [2, 20]], np.float32)
    depth = np.zeros(3, np.float32)
    ones = np.ones((1, 3), np.float32)
    front = np.array([[0, 2, 1]])
    _, covered = raster.rasterize(points, depth, front, ones, height=SIDE, width=SIDE)
    assert covered.sum() > 100
    _, covered = raster.rasterize(points, depth, front[:, ::-1], ones, height=SIDE, width=SIDE)
    assert not covered.any()
