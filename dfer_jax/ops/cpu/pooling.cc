// The maxima of pooling.h and their gradient as functions that XLA calls.

#include "pooling.h"
#include "threads.h"

namespace pooling {
namespace {

using threads::Share;

using Array = ffi::Buffer<ffi::F32, 4>;
using PlaceArray = ffi::Buffer<ffi::S8, 4>;

template <class Buffer>
Shape ShapeOf(const Buffer& buffer) {
  const auto found = buffer.dimensions();
  return {found[0], found[1], found[2], found[3]};
}

ffi::Error WrongShapes() {
  return ffi::Error::InvalidArgument("the shapes are not those of maxima of 3x3 at stride 2");
}

// The windows around a place of the maxima, beyond the last of which there is nothing.
class Windows {
 public:
  Windows(const int8_t* places, const float* rates, bool exist) : exist_(exist) {
    if (!exist) return;
    places_ = __builtin_convertvector(
        Places(*reinterpret_cast<const UnalignedPlaces*>(places)), Mask);
    rates_ = Load(rates);
  }
  // The gradient where the maximum is at that place of its window, else 0.
  Vector At(int place) const {
    if (!exist_) return Vector{};
    return places_ == place ? rates_ : Vector{};
  }

 private:
  const bool exist_;
  Mask places_{};
  Vector rates_{};
};

// The two rows of the maps' gradient that row `line` of the maxima is over.
void Spread(const int8_t* places, const float* rates, const Shape& s, int64_t line, float* dx) {
  const bool below = line % s.h + 1 < s.h;
  const int64_t pitch = s.w * s.c;
  for (int64_t column = 0; column < s.w; column++)
    for (int64_t c = 0; c < s.c; c += kWidth) {
      const int64_t at = line * pitch + column * s.c + c;
      const bool right = column + 1 < s.w;
      const Windows here(places + at, rates + at, true);
      const Windows next(places + at + s.c, rates + at + s.c, right);
      const Windows under(places + at + pitch, rates + at + pitch, below);
      const Windows across(places + at + pitch + s.c, rates + at + pitch + s.c, below && right);
      float* upper = dx + 4 * line * pitch + 2 * column * s.c + c;
      float* lower = upper + 2 * pitch;
      Store(upper, here.At(4));
      Store(upper + s.c, here.At(5) + next.At(3));
      Store(lower, here.At(7) + under.At(1));
      Store(lower + s.c, here.At(8) + next.At(6) + under.At(2) + across.At(0));
    }
}

ffi::Error MaxPool(ffi::ThreadPool pool, Array x, ffi::Result<Array> maxima) {
  const Shape s = ShapeOf(*maxima);
  if (!s.Is(x, 2) || s.c % kWidth) return WrongShapes();
  const float* values = x.typed_data();
  float* results = maxima->typed_data();
  Share::Run(pool, s.n * s.h,
             [=](int64_t line) { Pool<false>(values, s, line, results, nullptr); });
  return ffi::Error::Success();
}

ffi::Error MaxPoolWithPlaces(ffi::ThreadPool pool, Array x, ffi::Result<Array> maxima,
                             ffi::Result<PlaceArray> places) {
  const Shape s = ShapeOf(*maxima);
  if (!s.Is(x, 2) || !s.Is(*places, 1) || s.c % kWidth) return WrongShapes();
  const float* values = x.typed_data();
  float* results = maxima->typed_data();
  int8_t* found = places->typed_data();
  Share::Run(pool, s.n * s.h,
             [=](int64_t line) { Pool<true>(values, s, line, results, found); });
  return ffi::Error::Success();
}

ffi::Error MaxPoolGradient(ffi::ThreadPool pool, PlaceArray places, Array dy,
                           ffi::Result<Array> dx) {
  const Shape s = ShapeOf(dy);
  if (!s.Is(places, 1) || !s.Is(*dx, 2) || s.c % kWidth) return WrongShapes();
  const int8_t* found = places.typed_data();
  const float* rates = dy.typed_data();
  float* results = dx->typed_data();
  Share::Run(pool, s.n * s.h, [=](int64_t line) { Spread(found, rates, s, line, results); });
  return ffi::Error::Success();
}

}  // namespace
}  // namespace pooling

static auto OfThreads() { return ffi::Ffi::Bind().Ctx<ffi::ThreadPool>(); }

XLA_FFI_DEFINE_HANDLER_SYMBOL(dfer_max_pool, pooling::MaxPool,
                              OfThreads().Arg<pooling::Array>().Ret<pooling::Array>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(dfer_max_pool_with_places, pooling::MaxPoolWithPlaces,
                              OfThreads()
                                  .Arg<pooling::Array>()
                                  .Ret<pooling::Array>()
                                  .Ret<pooling::PlaceArray>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(dfer_max_pool_gradient, pooling::MaxPoolGradient,
                              OfThreads()
                                  .Arg<pooling::PlaceArray>()
                                  .Arg<pooling::Array>()
                                  .Ret<pooling::Array>());
