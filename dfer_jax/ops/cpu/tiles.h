// The transforms of winograd.h, of whole tiles, and the convolution of some tiles.

#ifndef DFER_JAX_OPS_CPU_TILES_H_
#define DFER_JAX_OPS_CPU_TILES_H_

#include <algorithm>
#include <array>

#include "winograd.h"

// What must not be called, nor loop, for its numbers to stay in registers.
#define DFER_INLINE __attribute__((always_inline)) inline

namespace winograd {

// ---- The transforms of one line of a tile. Small arrays by value, so that they stay in registers.

typedef std::array<Vector, kSide> Six;
typedef std::array<Vector, kStep> Four;
typedef std::array<Vector, 3> Three;

DFER_INLINE Six FromInput(const Six& x) {  // B^T
  const Vector even_a = x[4] - 2.f * x[2], odd_a = kA * (x[3] - 2.f * x[1]);
  const Vector even_b = x[4] - .5f * x[2], odd_b = kB * (x[3] - .5f * x[1]);
  return {x[0] - 2.5f * x[2] + x[4], even_a + odd_a, even_a - odd_a,
          even_b + odd_b, even_b - odd_b, x[1] - 2.5f * x[3] + x[5]};
}

DFER_INLINE Four FromProducts(const Six& m) {  // A^T
  const Vector sum_a = m[1] + m[2], sum_b = m[3] + m[4];
  const Vector odd_a = kA * (m[1] - m[2]), odd_b = kB * (m[3] - m[4]);
  return {m[0] + sum_a + sum_b, odd_a + odd_b, .5f * sum_a + 2.f * sum_b,
          .5f * odd_a + 2.f * odd_b + m[5]};
}

DFER_INLINE Six ToProducts(const Four& y) {  // A
  const Vector even_a = y[0] + .5f * y[2], odd_a = kA * (y[1] + .5f * y[3]);
  const Vector even_b = y[0] + 2.f * y[2], odd_b = kB * (y[1] + 2.f * y[3]);
  return {y[0], even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, y[3]};
}

DFER_INLINE Six FromKernel(const Three& k) {  // G
  const Vector even_a = (k[0] + .5f * k[2]) * (-2.f / 3), odd_a = k[1] * (-2.f / 3 * kA);
  const Vector even_b = (k[0] + 2.f * k[2]) * (1.f / 6), odd_b = k[1] * (1.f / 6 * kB);
  return {k[0], even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, k[2]};
}

DFER_INLINE Three ToKernel(const Six& u) {  // G^T
  const Vector sum_a = (u[1] + u[2]) * (-2.f / 3), sum_b = (u[3] + u[4]) * (1.f / 6);
  const Vector odd_a = (u[1] - u[2]) * (-2.f / 3 * kA), odd_b = (u[3] - u[4]) * (1.f / 6 * kB);
  return {u[0] + sum_a + sum_b, odd_a + odd_b, .5f * sum_a + 2.f * sum_b + u[5]};
}

// ---- The same for whole tiles: along their rows, then along the columns of what that gives.

template <size_t rows, size_t columns>
DFER_INLINE std::array<Vector, rows> Column(const std::array<std::array<Vector, columns>, rows>& from,
                                       int64_t column) {
  std::array<Vector, rows> found;
#pragma GCC unroll 6
  for (size_t i = 0; i < rows; i++) found[i] = from[i][column];
  return found;
}

// Where a line of a map is, from `left` on, and which of its next places exist.
struct Line {
  const float* places;
  int64_t step, before, after;  // of places from `left`: -before to after - 1
  Line(const float* map, int64_t row, int64_t left, int64_t h, int64_t w, int64_t channels)
      : places(map + (row * w + left) * channels), step(channels), before(left), after(w - left) {
    if (row < 0 || row >= h) before = after = 0;
  }
  // The numbers at a place, zeros if there is none.
  DFER_INLINE Vector At(int64_t place, int64_t channel) const {
    return place >= -before && place < after ? Load(places + place * step + channel) : Vector{};
  }
};

// Writes the tile's channels, `planes` being where its row of the first plane begins.
inline void TransformInput(const float* x, const Shape& s, int64_t number, float* planes,
                           int64_t plane) {
  const Tile tile(s, number);
  const float* map = x + tile.map * s.h * s.w * s.c;
  for (int64_t c = 0; c < s.c; c += kWidth) {
    std::array<Six, kSide> rows;
#pragma GCC unroll 6
    for (int i = 0; i < kSide; i++) {
      const Line line(map, tile.top + i - 1, tile.left, s.h, s.w, s.c);
      Six places;
#pragma GCC unroll 6
      for (int j = 0; j < kSide; j++) places[j] = line.At(j - 1, c);
      rows[i] = FromInput(places);
    }
#pragma GCC unroll 6
    for (int j = 0; j < kSide; j++) {
      const Six column = FromInput(Column(rows, j));
#pragma GCC unroll 6
      for (int i = 0; i < kSide; i++) Store(planes + (i * kSide + j) * plane + c, column[i]);
    }
  }
}

inline void TransformOutput(const float* planes, int64_t plane, const Shape& s, int64_t number,
                            const Finish& finish, float* y) {
  const Tile tile(s, number);
  float* corner = y + ((tile.map * s.h + tile.top) * s.w + tile.left) * s.d;
  for (int64_t d = 0; d < s.d; d += kWidth) {
    std::array<Four, kSide> rows;
#pragma GCC unroll 6
    for (int i = 0; i < kSide; i++) {
      Six products;
#pragma GCC unroll 6
      for (int j = 0; j < kSide; j++) products[j] = Load(planes + (i * kSide + j) * plane + d);
      rows[i] = FromProducts(products);
    }
#pragma GCC unroll 6
    for (int j = 0; j < kStep; j++) {
      const Four column = FromProducts(Column(rows, j));
#pragma GCC unroll 6
      for (int i = 0; i < kStep; i++)
        if (tile.top + i < s.h && tile.left + j < s.w)
          Store(corner + (i * s.w + j) * s.d + d, finish(column[i], d));
    }
  }
}

inline void TransformOutputGradient(const float* dy, const Shape& s, int64_t number, float* planes,
                                    int64_t plane) {
  const Tile tile(s, number);
  const float* map = dy + tile.map * s.h * s.w * s.d;
  for (int64_t d = 0; d < s.d; d += kWidth) {
    std::array<Six, kStep> rows;
#pragma GCC unroll 6
    for (int i = 0; i < kStep; i++) {
      const Line line(map, tile.top + i, tile.left, s.h, s.w, s.d);
      Four places;
#pragma GCC unroll 6
      for (int j = 0; j < kStep; j++) places[j] = line.At(j, d);
      rows[i] = ToProducts(places);
    }
#pragma GCC unroll 6
    for (int j = 0; j < kSide; j++) {
      const Six column = ToProducts(Column(rows, j));
#pragma GCC unroll 6
      for (int i = 0; i < kSide; i++) Store(planes + (i * kSide + j) * plane + d, column[i]);
    }
  }
}

// Of input channel `c`, to [points, d / kColumns, c, kColumns]: the order of its use.
inline void TransformKernel(const float* kernel, const Shape& s, int64_t c, float* transformed) {
  for (int64_t d = 0; d < s.d; d += kWidth) {
    std::array<Six, 3> rows;
#pragma GCC unroll 6
    for (int i = 0; i < 3; i++) {
      Three taps;
#pragma GCC unroll 6
      for (int j = 0; j < 3; j++) taps[j] = Load(kernel + ((i * 3 + j) * s.c + c) * s.d + d);
      rows[i] = FromKernel(taps);
    }
#pragma GCC unroll 6
    for (int j = 0; j < kSide; j++) {
      const Six column = FromKernel(Column(rows, j));
#pragma GCC unroll 6
      for (int i = 0; i < kSide; i++) {
        const int64_t panel = (i * kSide + j) * (s.d / kColumns) + d / kColumns;
        Store(transformed + (panel * s.c + c) * kColumns + d % kColumns, column[i]);
      }
    }
  }
}

// Of input channel `c`, from [points, c, d].
inline void TransformKernelGradient(const float* products, const Shape& s, int64_t c,
                                    float* gradient) {
  for (int64_t d = 0; d < s.d; d += kWidth) {
    std::array<Three, kSide> rows;
#pragma GCC unroll 6
    for (int i = 0; i < kSide; i++) {
      Six sums;
#pragma GCC unroll 6
      for (int j = 0; j < kSide; j++)
        sums[j] = Load(products + ((i * kSide + j) * s.c + c) * s.d + d);
      rows[i] = ToKernel(sums);
    }
#pragma GCC unroll 6
    for (int j = 0; j < 3; j++) {
      const Three column = ToKernel(Column(rows, j));
#pragma GCC unroll 6
      for (int i = 0; i < 3; i++)
        Store(gradient + ((i * 3 + j) * s.c + c) * s.d + d, column[i]);
    }
  }
}

// How many numbers ConvolveTiles needs to work with.
inline int64_t TilesRoom(const Shape& s) { return kPoints * (kRows * (s.c + s.d) + 2 * kGap); }

// From tile `first` on as many as are multiplied at once: with more, the kernel (as TransformKernel
// leaves it) would be pushed out of the cache.
inline void ConvolveTiles(const float* x, const float* kernel, const Shape& s, int64_t first,
                          const Finish& finish, float* room, float* y) {
  const int64_t end = std::min(first + kRows, s.tiles());
  const int64_t in_plane = kRows * s.c + kGap, out_plane = kRows * s.d + kGap;
  float *in = room, *out = in + kPoints * in_plane;
  for (int64_t t = first; t < end; t++)
    TransformInput(x, s, t, in + (t - first) * s.c, in_plane);
  for (int64_t p = 0; p < kPoints; p++)
    for (int64_t d = 0; d < s.d; d += kColumns)  // the last rows may be left-overs
      Multiply<kRows, false>(in + p * in_plane, s.c, 1, kernel + (p * s.d + d) * s.c, kColumns, s.c,
                             out + p * out_plane + d, s.d);
  for (int64_t t = first; t < end; t++)
    TransformOutput(out + (t - first) * s.d, out_plane, s, t, finish, y);
}

}  // namespace winograd

#endif  // DFER_JAX_OPS_CPU_TILES_H_
