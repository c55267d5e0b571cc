// Maxima of 3x3 windows at stride 2 with a border of one place.
//
// Maps are [n, h, w, c] of even height and width; c is a multiple of kWidth. The place of a maximum
// in its window is 0 to 8, row by row; of equals the first. A NaN is the maximum of its windows.

#ifndef DFER_JAX_OPS_CPU_POOLING_H_
#define DFER_JAX_OPS_CPU_POOLING_H_

#include "winograd.h"

namespace pooling {

using winograd::kWidth;
using winograd::Load;
using winograd::Store;
using winograd::Vector;

typedef int32_t Mask __attribute__((vector_size(4 * kWidth)));
typedef int8_t Places __attribute__((vector_size(kWidth)));
typedef int8_t UnalignedPlaces __attribute__((vector_size(kWidth), aligned(1)));

struct Shape {  // of the maxima; the maps are twice as high and wide
  int64_t n, h, w, c;
  template <class Buffer>
  bool Is(const Buffer& buffer, int64_t scale) const {
    const auto found = buffer.dimensions();
    return found[0] == n && found[1] == scale * h && found[2] == scale * w && found[3] == c;
  }
};

// One row of the maxima; `line` counts those of all maps.
template <bool with_places>
void Pool(const float* x, const Shape& s, int64_t line, float* maxima, int8_t* places) {
  const int64_t row = line % s.h, pitch = 2 * s.w * s.c;
  const float* centre = x + 2 * line * pitch;
  for (int64_t column = 0; column < s.w; column++, centre += 2 * s.c)
    for (int64_t c = 0; c < s.c; c += kWidth) {
      const int top = row == 0, left = column == 0;
      Vector best = Load(centre + (top - 1) * pitch + (left - 1) * s.c + c);
      Mask place = Mask{} + (3 * top + left);
      for (int i = top; i < 3; i++)
        for (int j = left; j < 3; j++) {
          const Vector value = Load(centre + (i - 1) * pitch + (j - 1) * s.c + c);
          const Mask higher = (value > best) | (value != value);
          best = higher ? value : best;
          if (with_places) place = higher ? Mask{} + (3 * i + j) : place;
        }
      const int64_t at = (line * s.w + column) * s.c + c;
      Store(maxima + at, best);
      if (with_places)
        *reinterpret_cast<UnalignedPlaces*>(places + at) = __builtin_convertvector(place, Places);
    }
}

}  // namespace pooling

#endif  // DFER_JAX_OPS_CPU_POOLING_H_
