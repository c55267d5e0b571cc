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

#ifndef DFER_JAX_OPS_CPU_WINOGRAD_H_
#define DFER_JAX_OPS_CPU_WINOGRAD_H_

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

#endif  // DFER_JAX_OPS_CPU_WINOGRAD_H_
