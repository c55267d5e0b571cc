// Convolution of 3x3 or 7x7 at stride 2 with a border of half a kernel, and its gradients: direct
// sums.
//
// What a row of the kernel sees of a padded map, 3c or 7c numbers, lies side by side, and 2c further
// for the next output: a block of outputs is one matrix product, summed over the kernel's rows in
// registers. For the gradient of the maps, 3x3 alone, each parity of their places is such a sum over
// the taps that reach it. The gradient of the kernel is a product for each tap, of what it sees of a
// few maps with their gradients; with few channels, as of images, one product for all taps.

#ifndef DFER_JAX_OPS_CPU_STRIDED_H_
#define DFER_JAX_OPS_CPU_STRIDED_H_

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "winograd.h"

namespace strided {

using winograd::Finish;
using winograd::kColumns;
using winograd::kGradientRows;
using winograd::kRows;
using winograd::kWidth;
using winograd::Load;
using winograd::Store;
using winograd::Vector;

constexpr int kMostSums = 9;  // of what lies side by side: all taps of 3x3, or the rows of 7x7

struct Shape {
  int64_t n, h, w, c, d, side;  // of the kernel
  int64_t rows() const { return (h + 1) / 2; }  // of the outputs
  int64_t columns() const { return (w + 1) / 2; }
  int64_t outputs() const { return rows() * columns(); }
  int64_t taps() const { return side * side; }
  int64_t border() const { return side / 2; }
  int64_t line() const { return (2 * columns() + side - 2) * c; }  // of a padded map
  int64_t padded() const { return (2 * rows() + side - 2) * line(); }
  // With fewer channels the kernel's gradient is one product; few are what frames side by side have.
  int64_t few_channels() const { return side == 3 ? 16 : 24; }
  int64_t padded_gradient() const { return (rows() + 2) * (columns() + 2) * d; }
};

struct Taps {  // the places of a block and the weights, for each tap that counts
  const float* places[kMostSums];
  const float* weights[kMostSums];
  int number = 0;
  void Add(const float* place, const float* weight) {
    places[number] = place;
    weights[number++] = weight;
  }
};

struct Steps {  // how far apart the places of a block are, and its lines
  int64_t place, line;
};

struct Out {  // where sums go, the channels of `finish` that are theirs, and how far apart they are
  float* numbers;
  const Finish* finish;
  int64_t channel;
  Steps steps;
};

// A block of `rows` places of each of `lines` lines; `depth` numbers of each tap and place.
template <int rows, int lines>
void Sum(const Taps& taps, Steps in, int64_t depth, const Out& out) {
  Vector sums[lines][rows][2] = {};
  for (int t = 0; t < taps.number; t++) {
    const float *a = taps.places[t], *b = taps.weights[t];
    for (int64_t k = 0; k < depth; k++, b += kColumns) {
      const Vector left = Load(b), right = Load(b + kWidth);
#pragma GCC unroll 2
      for (int line = 0; line < lines; line++)
#pragma GCC unroll 12
        for (int r = 0; r < rows; r++) {
          const float factor = a[line * in.line + r * in.place + k];
          sums[line][r][0] += factor * left;
          sums[line][r][1] += factor * right;
        }
    }
  }
  for (int line = 0; line < lines; line++)
    for (int r = 0; r < rows; r++)
      for (int half = 0; half < 2; half++)
        Store(out.numbers + line * out.steps.line + r * out.steps.place + half * kWidth,
              (*out.finish)(sums[line][r][half], out.channel + half * kWidth));
}

typedef void (*SumBlock)(const Taps&, Steps, int64_t, const Out&);

template <int lines, size_t... rows>
constexpr std::array<SumBlock, kRows / lines> Sums(std::index_sequence<rows...>) {
  return {Sum<rows + 1, lines>...};
}
inline constexpr auto kOneLine = Sums<1>(std::make_index_sequence<kRows>());  // [rows - 1]
inline constexpr auto kTwoLines = Sums<2>(std::make_index_sequence<kRows / 2>());

// The length of the blocks that a line is cut into, as equal as can be.
inline int64_t Block(int64_t length) {
  const int64_t blocks = (length + kRows - 1) / kRows;
  return (length + blocks - 1) / blocks;
}

// Of panel `part`, kColumns of the outputs: [rows, d], row = (tap, c), to [d / kColumns, rows,
// kColumns].
inline void PackKernel(const float* kernel, int64_t rows, int64_t d, int64_t part, float* packed) {
  for (int64_t row = 0; row < rows; row++)
    std::memcpy(packed + (part * rows + row) * kColumns, kernel + row * d + part * kColumns,
                kColumns * sizeof(float));
}

// Sums all blocks of `lines` lines of `length` places; `taps` and `out` are those of the first.
inline void SumLines(const Taps& taps, Steps in, int64_t depth, int64_t lines, int64_t length,
                     const Out& out) {
  const int64_t block = Block(length), together = length <= kRows / 2 ? 2 : 1;
  for (int64_t line = 0; line < lines; line += together)
    for (int64_t first = 0; first < length; first += block) {
      Taps here = taps;
      for (int tap = 0; tap < here.number; tap++)
        here.places[tap] += line * in.line + first * in.place;
      const int64_t places = std::min(block, length - first);
      const auto sum =
          lines - line > 1 && together > 1 ? kTwoLines[places - 1] : kOneLine[places - 1];
      Out there = out;
      there.numbers += line * out.steps.line + first * out.steps.place;
      sum(here, in, depth, there);
    }
}

// Puts [h, w, c] into zeros [2 rows + side - 2, 2 columns + side - 2, c], a border from the top and
// the left.
inline void Pad(const float* x, const Shape& s, float* padded) {
  const int64_t line = s.line();
  std::memset(padded, 0, s.padded() * sizeof(float));
  for (int64_t row = 0; row < s.h; row++)
    std::memcpy(padded + (row + s.border()) * line + s.border() * s.c, x + row * s.w * s.c,
                s.w * s.c * sizeof(float));
}

// One map; `padded` as above, `packed` as PackKernel leaves it, `y` [rows, columns, d].
inline void Convolve(const float* padded, const float* packed, const Shape& s,
                     const Finish& finish, float* y) {
  const int64_t line = s.line();
  for (int64_t d = 0; d < s.d; d += kColumns) {
    Taps kernel_rows;
    for (int64_t i = 0; i < s.side; i++)
      kernel_rows.Add(padded + i * line, packed + (d * s.taps() + s.side * i * kColumns) * s.c);
    SumLines(kernel_rows, {2 * s.c, 2 * line}, s.side * s.c, s.rows(), s.columns(),
             {y + d, &finish, d, {s.d, s.columns() * s.d}});
  }
}

// Puts a border of zeros around [rows, columns, d].
inline void PadGradient(const float* dy, const Shape& s, float* padded) {
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
  const Finish nothing;
  for (int64_t c = 0; c < s.c; c += kColumns)
    for (int64_t top = 0; top < std::min<int64_t>(2, s.h); top++)
      for (int64_t left = 0; left < std::min<int64_t>(2, s.w); left++) {
        const Reach down(top), across(left);
        Taps taps;
        for (int i = 0; i < down.number; i++)
          for (int j = 0; j < across.number; j++)
            taps.Add(padded + (down.places[i] * pitch + across.places[j]) * s.d,
                     packed + (c * s.taps() + (down.taps[i] * 3 + across.taps[j]) * kColumns) * s.d);
        SumLines(taps, {s.d, pitch * s.d}, s.d, (s.h - top + 1) / 2, (s.w - left + 1) / 2,
                 {dx + (top * s.w + left) * s.c + c, &nothing, c, {2 * s.c, 2 * s.w * s.c}});
      }
}

// Copies what a tap of 3x3 sees of a map: [h, w, c] to [rows, columns, c].
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

// How many numbers an output sees, rounded up to what is multiplied at a time.
inline int64_t Around(const Shape& s) {
  return (s.taps() * s.c + kGradientRows - 1) / kGradientRows * kGradientRows;
}

// Adds to the kernel's gradient, [Around, d], what one map gives; `padded` as above, `seen` is room
// for [columns, Around] with zeros beyond what is seen.
inline void AddMap(const float* padded, const float* dy, const Shape& s, float* seen,
                   float* gradient) {
  const int64_t around = Around(s), line = s.line(), at_once = s.side * s.c;
  for (int64_t row = 0; row < s.rows(); row++, dy += s.columns() * s.d) {
    for (int64_t column = 0; column < s.columns(); column++)
      for (int64_t i = 0; i < s.side; i++)
        std::memcpy(seen + column * around + i * at_once,
                    padded + (2 * row + i) * line + 2 * column * s.c, at_once * sizeof(float));
    for (int64_t d = 0; d < s.d; d += kColumns)
      for (int64_t k = 0; k < around; k += kGradientRows)
        winograd::Multiply<kGradientRows, true>(seen + k, 1, around, dy + d, s.d, s.columns(),
                                                gradient + k * s.d + d, s.d);
  }
}

}  // namespace strided

#endif  // DFER_JAX_OPS_CPU_STRIDED_H_
