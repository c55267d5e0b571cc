// The convolutions of winograd.h and strided.h as functions that XLA calls, on XLA's own threads.

#include <vector>

#include "strided.h"
#include "threads.h"
#include "tiles.h"

using Array = ffi::Buffer<ffi::F32, 4>;
using Numbers = ffi::Buffer<ffi::F32, 1>;
using threads::Share;
using threads::Workspace;

namespace winograd {
namespace {

ffi::Error WrongShapes() {
  return ffi::Error::InvalidArgument("the shapes are not those of a 3x3 convolution");
}

bool Suits(const Shape& s) {
  return s.c <= kMostChannels && s.c % kColumns == 0 && s.d % kColumns == 0;
}

ffi::Error ConvolveAnd(const Finish& finish, ffi::ThreadPool& pool, Array x, Array kernel,
                       ffi::Result<Array> y, ffi::Result<Numbers> scratch) {
  const auto in = x.dimensions(), k = kernel.dimensions(), out = y->dimensions();
  const Shape s{in[0], in[1], in[2], in[3], k[3]};
  const bool fits = k[0] == 3 && k[1] == 3 && k[2] == s.c && out[0] == s.n && out[1] == s.h &&
                    out[2] == s.w && out[3] == s.d &&
                    scratch->dimensions()[0] == kPoints * s.c * s.d;
  if (!fits || !Suits(s)) return WrongShapes();
  const float* places = x.typed_data();
  const float* weights = kernel.typed_data();
  float* transformed = scratch->typed_data();
  float* results = y->typed_data();
  Share::Run(pool, s.c, [=](int64_t c) { TransformKernel(weights, s, c, transformed); });
  Share::Run(pool, (s.tiles() + kRows - 1) / kRows, [=](int64_t block) {
    float* room = Workspace(TilesRoom(s));
    ConvolveTiles(places, transformed, s, block * kRows, finish, room, results);
  });
  return ffi::Error::Success();
}

// Tiles whose transforms are summed over before the next are made: about 4 MB of them.
int64_t GradientTilesAtOnce(const Shape& s) {
  return std::min<int64_t>(s.tiles(), std::max<int64_t>(64, 32768 / (s.c + s.d)));
}

template <bool add>
void SumOverTiles(const float* in, int64_t in_plane, const float* out, int64_t out_plane,
                  const Shape& s, int64_t tiles, int64_t part, float* products) {
  const int64_t p = part / (s.d / kColumns), d = part % (s.d / kColumns) * kColumns;
  for (int64_t c = 0; c < s.c; c += kGradientRows)
    Multiply<kGradientRows, add>(in + p * in_plane + c, 1, s.c, out + p * out_plane + d, s.d,
                                 tiles, products + (p * s.c + c) * s.d + d, s.d);
}

ffi::Error KernelGradient(ffi::ThreadPool pool, Array x, Array dy, ffi::Result<Array> gradient,
                          ffi::Result<Numbers> scratch) {
  const auto in = x.dimensions(), out = dy.dimensions(), k = gradient->dimensions();
  const Shape s{in[0], in[1], in[2], in[3], out[3]};
  const int64_t at_once = GradientTilesAtOnce(s);
  const int64_t in_plane = at_once * s.c + kGap, out_plane = at_once * s.d + kGap;
  const bool fits = k[0] == 3 && k[1] == 3 && k[2] == s.c && k[3] == s.d && out[0] == s.n &&
                    out[1] == s.h && out[2] == s.w &&
                    scratch->dimensions()[0] == kPoints * s.c * s.d;
  if (!fits || !Suits(s)) return WrongShapes();
  const float* places = x.typed_data();
  const float* rates = dy.typed_data();
  float* products = scratch->typed_data();
  float* results = gradient->typed_data();
  std::vector<float> planes(kPoints * (in_plane + out_plane));
  float* x_planes = planes.data();
  float* dy_planes = x_planes + kPoints * in_plane;
  for (int64_t first = 0; first < s.tiles(); first += at_once) {
    const int64_t tiles = std::min(at_once, s.tiles() - first);
    Share::Run(pool, tiles, [=](int64_t t) {
      TransformInput(places, s, first + t, x_planes + t * s.c, in_plane);
      TransformOutputGradient(rates, s, first + t, dy_planes + t * s.d, out_plane);
    });
    Share::Run(pool, kPoints * (s.d / kColumns), [=](int64_t part) {
      auto* sum = first == 0 ? SumOverTiles<false> : SumOverTiles<true>;
      sum(x_planes, in_plane, dy_planes, out_plane, s, tiles, part, products);
    });
  }
  Share::Run(pool, s.c, [=](int64_t c) { TransformKernelGradient(products, s, c, results); });
  return ffi::Error::Success();
}

ffi::Error StridedConvolveAnd(const Finish& finish, ffi::ThreadPool& pool, Array x, Array kernel,
                              ffi::Result<Array> y, ffi::Result<Numbers> scratch) {
  const auto in = x.dimensions(), k = kernel.dimensions(), out = y->dimensions();
  const strided::Shape s{in[0], in[1], in[2], in[3], k[3], k[0]};
  const bool fits = (s.side == 3 || s.side == 7) && k[1] == s.side && k[2] == s.c &&
                    out[0] == s.n && out[1] == s.rows() && out[2] == s.columns() &&
                    out[3] == s.d && s.d % kColumns == 0 &&
                    scratch->dimensions()[0] == s.taps() * s.c * s.d;
  if (!fits) return WrongShapes();
  const float* places = x.typed_data();
  const float* weights = kernel.typed_data();
  float* packed = scratch->typed_data();
  float* results = y->typed_data();
  Share::Run(pool, s.d / kColumns,
             [=](int64_t part) { strided::PackKernel(weights, s.taps() * s.c, s.d, part, packed); });
  Share::Run(pool, s.n, [=](int64_t map) {
    float* padded = Workspace(s.padded());
    strided::Pad(places + map * s.h * s.w * s.c, s, padded);
    strided::Convolve(padded, packed, s, finish, results + map * s.outputs() * s.d);
  });
  return ffi::Error::Success();
}

// The kernel comes as [3, 3, d, c].
ffi::Error StridedMapsGradient(ffi::ThreadPool pool, Array dy, Array kernel,
                               ffi::Result<Array> dx, ffi::Result<Numbers> scratch) {
  const auto in = dy.dimensions(), k = kernel.dimensions(), out = dx->dimensions();
  const strided::Shape s{out[0], out[1], out[2], out[3], in[3], 3};
  const bool fits = k[0] == 3 && k[1] == 3 && k[2] == s.d && k[3] == s.c && in[0] == s.n &&
                    in[1] == s.rows() && in[2] == s.columns() && s.c % kColumns == 0 &&
                    scratch->dimensions()[0] == s.taps() * s.c * s.d;
  if (!fits) return WrongShapes();
  const float* rates = dy.typed_data();
  const float* weights = kernel.typed_data();
  float* packed = scratch->typed_data();
  float* results = dx->typed_data();
  Share::Run(pool, s.c / kColumns,
             [=](int64_t part) { strided::PackKernel(weights, s.taps() * s.d, s.c, part, packed); });
  Share::Run(pool, s.n, [=](int64_t map) {
    float* padded = Workspace(s.padded_gradient());
    strided::PadGradient(rates + map * s.outputs() * s.d, s, padded);
    strided::MapsGradient(padded, packed, s, results + map * s.h * s.w * s.c);
  });
  return ffi::Error::Success();
}

// Parts of the maps, each summed on its own; the parts are added in order.
void GradientOfFewChannels(ffi::ThreadPool& pool, const float* places, const float* rates,
                           const strided::Shape& s, float* results) {
  const int64_t parts = std::min<int64_t>(s.n, 32), numbers = strided::Around(s) * s.d;
  std::vector<float> found(parts * numbers);
  float* sums = found.data();
  Share::Run(pool, parts, [=](int64_t part) {
    const int64_t room = s.columns() * strided::Around(s);
    float* seen = Workspace(room + s.padded());
    float* padded = seen + room;
    std::memset(seen, 0, room * sizeof(float));
    for (int64_t map = s.n * part / parts; map < s.n * (part + 1) / parts; map++) {
      strided::Pad(places + map * s.h * s.w * s.c, s, padded);
      strided::AddMap(padded, rates + map * s.outputs() * s.d, s, seen, sums + part * numbers);
    }
  });
  for (int64_t i = 0; i < s.taps() * s.c * s.d; i++) {
    results[i] = 0;
    for (int64_t part = 0; part < parts; part++) results[i] += sums[part * numbers + i];
  }
}

ffi::Error StridedKernelGradient(ffi::ThreadPool pool, Array x, Array dy,
                                 ffi::Result<Array> gradient) {
  const auto in = x.dimensions(), out = dy.dimensions(), k = gradient->dimensions();
  const strided::Shape s{in[0], in[1], in[2], in[3], out[3], k[0]};
  const bool fits = (s.side == 3 || s.side == 7) && k[1] == s.side && k[2] == s.c &&
                    k[3] == s.d && out[0] == s.n && out[1] == s.rows() &&
                    out[2] == s.columns() && s.d % kColumns == 0;
  const bool few = s.c <= s.few_channels();
  if (!fits || (!few && (s.side != 3 || s.c % kColumns != 0))) return WrongShapes();
  const float* places = x.typed_data();
  const float* rates = dy.typed_data();
  float* results = gradient->typed_data();
  if (few) {
    GradientOfFewChannels(pool, places, rates, s, results);
    return ffi::Error::Success();
  }
  constexpr int64_t outputs_at_once = 2 * kColumns;
  const int64_t parts = (s.d + outputs_at_once - 1) / outputs_at_once;
  const int64_t at_once = std::max<int64_t>(1, 256 / s.outputs());  // maps
  Share::Run(pool, s.taps() * parts, [=](int64_t task) {
    const int64_t tap = task / parts, from = task % parts * outputs_at_once;
    float* seen = Workspace(at_once * s.outputs() * s.c);
    for (int64_t map = 0; map < s.n; map += at_once) {
      const int64_t maps = std::min(at_once, s.n - map);
      for (int64_t i = 0; i < maps; i++)
        strided::Gather(places + (map + i) * s.h * s.w * s.c, s, tap,
                        seen + i * s.outputs() * s.c);
      auto* sum = map == 0 ? strided::SumOverPlaces<false> : strided::SumOverPlaces<true>;
      sum(seen, rates + map * s.outputs() * s.d, s, maps * s.outputs(), from,
          std::min(from + outputs_at_once, s.d), results + tap * s.c * s.d);
    }
  });
  return ffi::Error::Success();
}

typedef ffi::Error (*Convolution)(const Finish&, ffi::ThreadPool&, Array, Array,
                                  ffi::Result<Array>, ffi::Result<Numbers>);

template <Convolution convolve>
ffi::Error Alone(ffi::ThreadPool pool, Array x, Array kernel, ffi::Result<Array> y,
                 ffi::Result<Numbers> scratch) {
  return convolve(Finish{}, pool, x, kernel, y, scratch);
}

template <Convolution convolve>
ffi::Error Normalised(ffi::ThreadPool pool, Array x, Array kernel, Numbers mean, Numbers factor,
                      Numbers bias, bool relu, ffi::Result<Array> y,
                      ffi::Result<Numbers> scratch) {
  for (const Numbers& of_channels : {mean, factor, bias})
    if (of_channels.dimensions()[0] != kernel.dimensions()[3]) return WrongShapes();
  const Finish finish{mean.typed_data(), factor.typed_data(), bias.typed_data(), relu};
  return convolve(finish, pool, x, kernel, y, scratch);
}

}  // namespace
}  // namespace winograd

static auto TwoToOne() {
  return ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Array>().Arg<Array>().Ret<Array>();
}

static auto ToNormalised() {
  return ffi::Ffi::Bind()
      .Ctx<ffi::ThreadPool>()
      .Arg<Array>()
      .Arg<Array>()
      .Arg<Numbers>()
      .Arg<Numbers>()
      .Arg<Numbers>()
      .Attr<bool>("relu")
      .Ret<Array>()
      .Ret<Numbers>();
}

XLA_FFI_DEFINE_HANDLER_SYMBOL(dfer_convolve, winograd::Alone<winograd::ConvolveAnd>,
                              TwoToOne().Ret<Numbers>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(dfer_convolve_normalised, winograd::Normalised<winograd::ConvolveAnd>,
                              ToNormalised());
XLA_FFI_DEFINE_HANDLER_SYMBOL(dfer_kernel_gradient, winograd::KernelGradient,
                              TwoToOne().Ret<Numbers>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(dfer_strided_convolve, winograd::Alone<winograd::StridedConvolveAnd>,
                              TwoToOne().Ret<Numbers>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(dfer_strided_convolve_normalised,
                              winograd::Normalised<winograd::StridedConvolveAnd>, ToNormalised());
XLA_FFI_DEFINE_HANDLER_SYMBOL(dfer_strided_maps_gradient, winograd::StridedMapsGradient,
                              TwoToOne().Ret<Numbers>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(dfer_strided_kernel_gradient, winograd::StridedKernelGradient,
                              TwoToOne());
