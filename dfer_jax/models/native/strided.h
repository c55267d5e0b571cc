// 3x3 convolution at stride 2 with a border of one zero, and its gradients: direct sums.
//
// The padded map is cut into four planes by the parity of row and column. In its plane each of the
// nine taps sees the places of a row of outputs side by side, so that a block of them is one matrix
// product, summed over taps in registers. For the gradient each parity of the map's places is such
// a sum over the taps that reach it. The gradient of the kernel is a product for each tap, of what
// it sees of a few maps with their gradients.

#ifndef DFER_JAX_MODELS_NATIVE_STRIDED_H_
#define DFER_JAX_MODELS_NATIVE_STRIDED_H_

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "winograd.h"

namespace strided {

using winograd::kColumns;
using winograd::kGradientRows;
using winograd::kRows;
using winograd::kWidth;
using winograd::Load;
using winograd::Store;
using winograd::Vector;

constexpr int kTaps = 9;

struct Shape {
  int64_t n, h, w, c, d;
  int64_t rows() const { return (h + 1) / 2; }  // of the outputs
  int64_t columns() const { return (w + 1) / 2; }
  int64_t outputs() const { return rows() * columns(); }
  int64_t plane() const { return (rows() + 1) * (columns() + 1) * c; }
  int64_t padded_gradient() const { return (rows() + 2) * (columns() + 2) * d; }
};

struct Taps {  // the places of a block and the weights, for each tap that counts
  const float* places[kTaps];
  const float* weights[kTaps];
  int number = 0;
  void Add(const float* place, const float* weight) {
    places[number] = place;
    weights[number++] = weight;
  }
};

template <int rows>
void Sum(const Taps& taps, int64_t row_step, int64_t depth, float* out, int64_t out_step) {
  Vector sums[rows][2] = {};
  for (int t = 0; t < taps.number; t++) {
    const float *a = taps.places[t], *b = taps.weights[t];
    for (int64_t k = 0; k < depth; k++, b += kColumns) {
      const Vector left = Load(b), right = Load(b + kWidth);
#pragma GCC unroll 12
      for (int r = 0; r < rows; r++) {
        const float factor = a[r * row_step + k];
        sums[r][0] += factor * left;
        sums[r][1] += factor * right;
      }
    }
  }
  for (int r = 0; r < rows; r++)
    for (int half = 0; half < 2; half++)
      Store(out + r * out_step + half * kWidth, sums[r][half]);
}

typedef void (*SumRows)(const Taps&, int64_t, int64_t, float*, int64_t);

template <size_t... rows>
constexpr std::array<SumRows, kRows> Sums(std::index_sequence<rows...>) {
  return {Sum<rows + 1>...};
}
inline constexpr auto kSums = Sums(std::make_index_sequence<kRows>());  // [rows - 1]

// The length of the blocks that a line is cut into, as equal as can be.
inline int64_t Block(int64_t length) {
  const int64_t blocks = (length + kRows - 1) / kRows;
  return (length + blocks - 1) / blocks;
}

// Of panel `part`, kColumns of the outputs: [3, 3, c, d] to [d / kColumns, 9, c, kColumns].
inline void PackKernel(const float* kernel, int64_t c, int64_t d, int64_t part, float* packed) {
  for (int64_t row = 0; row < kTaps * c; row++)
    std::memcpy(packed + (part * kTaps * c + row) * kColumns, kernel + row * d + part * kColumns,
                kColumns * sizeof(float));
}

// Cuts a padded map [h, w, c] into planes [4, rows + 1, columns + 1, c].
inline void CutIntoPlanes(const float* x, const Shape& s, float* planes) {
  const int64_t pitch = s.columns() + 1;
  for (int64_t place = 0; place < 4 * (s.rows() + 1) * pitch; place++) {
    const int64_t plane = place / ((s.rows() + 1) * pitch), row = place / pitch % (s.rows() + 1);
    const int64_t y = 2 * row + plane / 2 - 1, left = 2 * (place % pitch) + plane % 2 - 1;
    float* to = planes + place * s.c;
    if (y < 0 || y >= s.h || left < 0 || left >= s.w)
      std::memset(to, 0, s.c * sizeof(float));
    else
      std::memcpy(to, x + (y * s.w + left) * s.c, s.c * sizeof(float));
  }
}

// One map; `planes` as above, `packed` as PackKernel leaves it, `y` [rows, columns, d].
inline void Convolve(const float* planes, const float* packed, const Shape& s, float* y) {
  const int64_t pitch = s.columns() + 1, block = Block(s.columns());
  for (int64_t d = 0; d < s.d; d += kColumns)
    for (int64_t row = 0; row < s.rows(); row++)
      for (int64_t first = 0; first < s.columns(); first += block) {
        Taps taps;
        for (int tap = 0; tap < kTaps; tap++) {
          const int i = tap / 3, j = tap % 3;
          const float* plane = planes + (i % 2 * 2 + j % 2) * s.plane();
          taps.Add(plane + ((row + i / 2) * pitch + first + j / 2) * s.c,
                   packed + (d * kTaps + tap * kColumns) * s.c);
        }
        const int64_t length = std::min(block, s.columns() - first);
        kSums[length - 1](taps, s.c, s.c, y + (row * s.columns() + first) * s.d + d, s.d);
      }
}

// Puts a border of zeros around [rows, columns, d].
inline void Pad(const float* dy, const Shape& s, float* padded) {
  const int64_t line = s.columns() * s.d;
  std::memset(padded, 0, s.padded_gradient() * sizeof(float));
  for (int64_t row = 0; row < s.rows(); row++)
    std::memcpy(padded + ((row + 1) * (s.columns() + 2) + 1) * s.d, dy + row * line,
                line * sizeof(float));
}

// The taps of one direction that reach a place: (tap, where in the padded gradient).
struct Reach {
  int taps[2];
  int64_t places[2];
  int number;
  explicit Reach(int64_t place)
      : taps{place % 2 ? 0 : 1, 2},
        places{place % 2 ? (place + 1) / 2 + 1 : place / 2 + 1, (place + 1) / 2},
        number(place % 2 ? 2 : 1) {}
};

// One map; `padded` as above, `packed` of the kernel [3, 3, d, c], `dx` [h, w, c].
inline void MapsGradient(const float* padded, const float* packed, const Shape& s, float* dx) {
  const int64_t pitch = s.columns() + 2;
  for (int64_t c = 0; c < s.c; c += kColumns)
    for (int64_t y = 0; y < s.h; y++)
      for (int64_t parity = 0; parity < std::min<int64_t>(2, s.w); parity++) {
        const int64_t length = (s.w - parity + 1) / 2, block = Block(length);
        for (int64_t first = 0; first < length; first += block) {
          const Reach down(y), across(parity);
          Taps taps;
          for (int i = 0; i < down.number; i++)
            for (int j = 0; j < across.number; j++)
              taps.Add(padded + (down.places[i] * pitch + across.places[j] + first) * s.d,
                       packed + (c * kTaps + (down.taps[i] * 3 + across.taps[j]) * kColumns) * s.d);
          float* out = dx + (y * s.w + 2 * first + parity) * s.c + c;
          kSums[std::min(block, length - first) - 1](taps, s.d, s.d, out, 2 * s.c);
        }
      }
}

// Copies what a tap sees of a map: [h, w, c] to [rows, columns, c].
inline void Gather(const float* x, const Shape& s, int64_t tap, float* seen) {
  for (int64_t row = 0; row < s.rows(); row++)
    for (int64_t column = 0; column < s.columns(); column++, seen += s.c) {
      const int64_t y = 2 * row + tap / 3 - 1, left = 2 * column + tap % 3 - 1;
      if (y < 0 || y >= s.h || left < 0 || left >= s.w)
        std::memset(seen, 0, s.c * sizeof(float));
      else
        std::memcpy(seen, x + (y * s.w + left) * s.c, s.c * sizeof(float));
    }
}

// Adds to (or writes, for the first) the kernel's gradient, [c, d] of one tap, what outputs `from`
// to `to` give; `seen` is [places, c] and `dy` [places, d].
template <bool add>
void SumOverPlaces(const float* seen, const float* dy, const Shape& s, int64_t places, int64_t from,
                   int64_t to, float* gradient) {
  for (int64_t d = from; d < to; d += kColumns)
    for (int64_t c = 0; c < s.c; c += kGradientRows)
      winograd::Multiply<kGradientRows, add>(seen + c, 1, s.c, dy + d, s.d, places,
                                             gradient + c * s.d + d, s.d);
}

}  // namespace strided

#endif  // DFER_JAX_MODELS_NATIVE_STRIDED_H_
