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
#include <array>
#include <cstdint>

// What must not be called, nor loop, for its numbers to stay in registers.
#define DFER_INLINE __attribute__((always_inline)) inline

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

// What becomes of the sums of output channels before they are stored: nothing, or what BatchNorm and
// perhaps a ReLU make of them.
struct Finish {
  const float *mean = nullptr, *factor = nullptr, *bias = nullptr;
  bool relu = false;

  Vector operator()(Vector sum, int64_t d) const {
    if (!mean) return sum;
    sum = (sum - Load(mean + d)) * Load(factor + d) + Load(bias + d);
    if (relu) sum = sum < 0 ? Vector{} : sum;  // what is not a number stays
    return sum;
  }
};

struct Tile {
  int64_t map, top, left;  // of its outputs
  Tile(const Shape& s, int64_t number)
      : map(number / (s.tiles_down() * s.tiles_across())),
        top(number / s.tiles_across() % s.tiles_down() * kStep),
        left(number % s.tiles_across() * kStep) {}
};

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
