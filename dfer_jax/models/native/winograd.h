// 3x3 convolution at stride 1 by Winograd's minimal filtering F(4x4, 3x3): a quarter of the
// multiplications (Lavin & Gray 2016, "Fast algorithms for convolutional neural networks").
//
// A tile of 6x6 inputs gives 4x4 outputs through 36 products of its two transforms. The points are
// 0, +-sqrt(1/2), +-sqrt(2) and infinity: rounding is half of that with the usual 0, +-1, +-2.
// The gradient of the kernel is the transpose of the same: from_kernel^T of the sum over tiles of
// (from_input x) (from_products^T dy).
//
// Maps are [n, h, w, c], kernels [3, 3, c, d], in float32; c and d are multiples of kColumns.
// Transforms of tiles are planes, one for each of the 36 points, [tiles, channels].

#ifndef DFER_JAX_MODELS_NATIVE_WINOGRAD_H_
#define DFER_JAX_MODELS_NATIVE_WINOGRAD_H_

#include <algorithm>
#include <cstdint>

namespace winograd {

#if defined(__AVX512F__)
constexpr int kWidth = 16, kRows = 12, kGradientRows = 8;
#elif defined(__AVX__)
constexpr int kWidth = 8, kRows = 6, kGradientRows = 4;
#else
constexpr int kWidth = 4, kRows = 6, kGradientRows = 4;
#endif
constexpr int kColumns = 2 * kWidth;
constexpr int kMostColumns = 32;  // of any machine: what callers round channels to
constexpr int kSide = 6, kStep = 4, kPoints = kSide * kSide;
constexpr int kMostChannels = 4096;

// Planes are apart by a line of the cache more than their size, because multiples of 4 KiB would
// compete for the same lines.
constexpr int64_t kGap = 16;

typedef float Vector __attribute__((vector_size(4 * kWidth)));
typedef float Unaligned __attribute__((vector_size(4 * kWidth), aligned(4)));

inline Vector Load(const float* from) { return *reinterpret_cast<const Unaligned*>(from); }
inline void Store(float* to, Vector value) { *reinterpret_cast<Unaligned*>(to) = value; }

constexpr float kA = 0.70710678118654752f;  // the points; kA * kA = 1/2, kB * kB = 2
constexpr float kB = 1.41421356237309505f;

struct Shape {
  int64_t n, h, w, c, d;
  int64_t tiles_down() const { return (h + kStep - 1) / kStep; }
  int64_t tiles_across() const { return (w + kStep - 1) / kStep; }
  int64_t tiles() const { return n * tiles_down() * tiles_across(); }
};

struct Tile {
  int64_t map, top, left;  // of its outputs
  Tile(const Shape& s, int64_t number)
      : map(number / (s.tiles_down() * s.tiles_across())),
        top(number / s.tiles_across() % s.tiles_down() * kStep),
        left(number % s.tiles_across() * kStep) {}
};

// ---- The four transforms of one line of a tile; `step` is the distance of its numbers.

template <int step>
inline void FromInput(Vector* x) {  // B^T, six to six, in place
  const Vector x0 = x[0], x1 = x[step], x2 = x[2 * step], x3 = x[3 * step], x4 = x[4 * step];
  const Vector even_a = x4 - 2.f * x2, odd_a = kA * (x3 - 2.f * x1);
  const Vector even_b = x4 - .5f * x2, odd_b = kB * (x3 - .5f * x1);
  x[0] = x0 - 2.5f * x2 + x4;
  x[step] = even_a + odd_a;
  x[2 * step] = even_a - odd_a;
  x[3 * step] = even_b + odd_b;
  x[4 * step] = even_b - odd_b;
  x[5 * step] = x1 - 2.5f * x3 + x[5 * step];
}

template <int step>
inline void FromProducts(const Vector* m, Vector* y) {  // A^T, six to four
  const Vector sum_a = m[step] + m[2 * step], sum_b = m[3 * step] + m[4 * step];
  const Vector odd_a = kA * (m[step] - m[2 * step]), odd_b = kB * (m[3 * step] - m[4 * step]);
  y[0] = m[0] + sum_a + sum_b;
  y[step] = odd_a + odd_b;
  y[2 * step] = .5f * sum_a + 2.f * sum_b;
  y[3 * step] = .5f * odd_a + 2.f * odd_b + m[5 * step];
}

template <int step>
inline void ToProducts(Vector* y) {  // A, four to six, in place
  const Vector y0 = y[0], y1 = y[step], y2 = y[2 * step], y3 = y[3 * step];
  const Vector even_a = y0 + .5f * y2, odd_a = kA * (y1 + .5f * y3);
  const Vector even_b = y0 + 2.f * y2, odd_b = kB * (y1 + 2.f * y3);
  y[step] = even_a + odd_a;
  y[2 * step] = even_a - odd_a;
  y[3 * step] = even_b + odd_b;
  y[4 * step] = even_b - odd_b;
  y[5 * step] = y3;
}

template <int step>
inline void FromKernel(Vector* k) {  // G, three to six, in place
  const Vector k0 = k[0], k1 = k[step], k2 = k[2 * step];
  const Vector even_a = (k0 + .5f * k2) * (-2.f / 3), odd_a = k1 * (-2.f / 3 * kA);
  const Vector even_b = (k0 + 2.f * k2) * (1.f / 6), odd_b = k1 * (1.f / 6 * kB);
  k[step] = even_a + odd_a;
  k[2 * step] = even_a - odd_a;
  k[3 * step] = even_b + odd_b;
  k[4 * step] = even_b - odd_b;
  k[5 * step] = k2;
}

template <int step>
inline void ToKernel(Vector* u) {  // G^T, six to three, in place
  const Vector sum_a = (u[step] + u[2 * step]) * (-2.f / 3);
  const Vector sum_b = (u[3 * step] + u[4 * step]) * (1.f / 6);
  const Vector odd_a = (u[step] - u[2 * step]) * (-2.f / 3 * kA);
  const Vector odd_b = (u[3 * step] - u[4 * step]) * (1.f / 6 * kB);
  u[0] = u[0] + sum_a + sum_b;
  u[step] = odd_a + odd_b;
  u[2 * step] = .5f * sum_a + 2.f * sum_b + u[5 * step];
}

// ---- The same for whole tiles.

// Writes the tile's channels, `planes` being where its row of the first plane begins.
inline void TransformInput(const float* x, const Shape& s, int64_t number, float* planes,
                           int64_t plane) {
  static const float zeros[kMostChannels] = {};
  const Tile tile(s, number);
  const float* places[kPoints];
  for (int i = 0; i < kSide; i++)
    for (int j = 0; j < kSide; j++) {
      const int64_t row = tile.top + i - 1, column = tile.left + j - 1;
      const bool inside = row >= 0 && row < s.h && column >= 0 && column < s.w;
      places[i * kSide + j] = inside ? x + ((tile.map * s.h + row) * s.w + column) * s.c : zeros;
    }
  for (int64_t c = 0; c < s.c; c += kWidth) {
    Vector v[kPoints];
    for (int p = 0; p < kPoints; p++) v[p] = Load(places[p] + c);
    for (int j = 0; j < kSide; j++) FromInput<kSide>(v + j);
    for (int i = 0; i < kSide; i++) FromInput<1>(v + kSide * i);
    for (int p = 0; p < kPoints; p++) Store(planes + p * plane + c, v[p]);
  }
}

inline void TransformOutput(const float* planes, int64_t plane, const Shape& s, int64_t number,
                            float* y) {
  const Tile tile(s, number);
  const int64_t rows = std::min<int64_t>(kStep, s.h - tile.top);
  const int64_t columns = std::min<int64_t>(kStep, s.w - tile.left);
  float* corner = y + ((tile.map * s.h + tile.top) * s.w + tile.left) * s.d;
  for (int64_t d = 0; d < s.d; d += kWidth) {
    Vector m[kPoints], lines[kStep * kSide], line[kStep];
    for (int p = 0; p < kPoints; p++) m[p] = Load(planes + p * plane + d);
    for (int j = 0; j < kSide; j++) FromProducts<kSide>(m + j, lines + j);
    for (int64_t i = 0; i < rows; i++) {
      FromProducts<1>(lines + kSide * i, line);
      for (int64_t j = 0; j < columns; j++) Store(corner + (i * s.w + j) * s.d + d, line[j]);
    }
  }
}

inline void TransformOutputGradient(const float* dy, const Shape& s, int64_t number, float* planes,
                                    int64_t plane) {
  const Tile tile(s, number);
  const int64_t rows = std::min<int64_t>(kStep, s.h - tile.top);
  const int64_t columns = std::min<int64_t>(kStep, s.w - tile.left);
  const float* corner = dy + ((tile.map * s.h + tile.top) * s.w + tile.left) * s.d;
  for (int64_t d = 0; d < s.d; d += kWidth) {
    Vector m[kPoints] = {};
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < columns; j++)
        m[i * kSide + j] = Load(corner + (i * s.w + j) * s.d + d);
    for (int j = 0; j < kStep; j++) ToProducts<kSide>(m + j);
    for (int i = 0; i < kSide; i++) ToProducts<1>(m + kSide * i);
    for (int p = 0; p < kPoints; p++) Store(planes + p * plane + d, m[p]);
  }
}

// Of input channel `c`, to [points, d / kColumns, c, kColumns]: the order of its use.
inline void TransformKernel(const float* kernel, const Shape& s, int64_t c, float* transformed) {
  for (int64_t d = 0; d < s.d; d += kWidth) {
    Vector k[kPoints];
    for (int i = 0; i < 3; i++)
      for (int j = 0; j < 3; j++)
        k[i * kSide + j] = Load(kernel + ((i * 3 + j) * s.c + c) * s.d + d);
    for (int j = 0; j < 3; j++) FromKernel<kSide>(k + j);
    for (int i = 0; i < kSide; i++) FromKernel<1>(k + kSide * i);
    for (int p = 0; p < kPoints; p++) {
      const int64_t panel = p * (s.d / kColumns) + d / kColumns;
      Store(transformed + (panel * s.c + c) * kColumns + d % kColumns, k[p]);
    }
  }
}

// Of input channel `c`, from [points, c, d].
inline void TransformKernelGradient(const float* products, const Shape& s, int64_t c,
                                    float* gradient) {
  for (int64_t d = 0; d < s.d; d += kWidth) {
    Vector u[kPoints];
    for (int p = 0; p < kPoints; p++) u[p] = Load(products + (p * s.c + c) * s.d + d);
    for (int j = 0; j < kSide; j++) ToKernel<kSide>(u + j);
    for (int i = 0; i < 3; i++) {
      ToKernel<1>(u + kSide * i);
      for (int j = 0; j < 3; j++)
        Store(gradient + ((i * 3 + j) * s.c + c) * s.d + d, u[kSide * i + j]);
    }
  }
}

// Writes (or adds) to `rows` x kColumns numbers the product of a matrix, whose rows and depths are
// `row_step` and `depth_step` apart, with one whose depths are `other_step` apart.
template <int rows, bool add>
inline void Multiply(const float* a, int64_t row_step, int64_t depth_step, const float* b,
                     int64_t other_step, int64_t depth, float* out, int64_t out_step) {
  Vector sums[rows][2] = {};
  for (int64_t k = 0; k < depth; k++) {
    const Vector left = Load(b + k * other_step), right = Load(b + k * other_step + kWidth);
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
      const float factor = a[r * row_step + k * depth_step];
      sums[r][0] += factor * left;
      sums[r][1] += factor * right;
    }
  }
  for (int r = 0; r < rows; r++)
    for (int half = 0; half < 2; half++) {
      float* to = out + r * out_step + half * kWidth;
      // What was there is added last: sums of sums round less than one long sum.
      Store(to, add ? Load(to) + sums[r][half] : sums[r][half]);
    }
}

}  // namespace winograd

#endif  // DFER_JAX_MODELS_NATIVE_WINOGRAD_H_
