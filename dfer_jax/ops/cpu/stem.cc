// The stem of GCA+IAL in evaluation as a function that XLA calls: convolution at stride 2,
// convolution, max-pooling, each convolution with its BatchNorm and ReLU.
//
// A map goes through all of it before the next begins. What is in between, two maps of 0.8 MB in the
// published network, stays in a core's cache and is never written to memory.

#include <algorithm>
#include <initializer_list>

#include "pooling.h"
#include "strided.h"
#include "threads.h"
#include "tiles.h"

namespace stem {
namespace {

using threads::Share;
using threads::Workspace;
using winograd::Finish;
using winograd::kColumns;
using winograd::kPoints;
using winograd::kRows;

using Maps = ffi::Buffer<ffi::F32, 4>;
using Numbers = ffi::Buffer<ffi::F32, 1>;

struct Layer {  // a convolution, the kernel as its functions want it, and what follows
  const float* kernel;
  Finish finish;
};

void OneMap(const float* x, const strided::Shape& half, const Layer& first, const Layer& second,
            float* y) {
  const winograd::Shape same{1, half.rows(), half.columns(), half.d, half.d};
  const pooling::Shape pooled{1, same.h / 2, same.w / 2, half.d};
  const int64_t numbers = half.outputs() * half.d;
  float* padded = Workspace(half.padded() + 2 * numbers + winograd::TilesRoom(same));
  float *convolved = padded + half.padded(), *twice = convolved + numbers, *room = twice + numbers;
  strided::Pad(x, half, padded);
  strided::Convolve(padded, first.kernel, half, first.finish, convolved);
  for (int64_t tile = 0; tile < same.tiles(); tile += kRows)
    ConvolveTiles(convolved, second.kernel, same, tile, second.finish, room, twice);
  for (int64_t line = 0; line < pooled.h; line++)
    pooling::Pool<false>(twice, pooled, line, y, nullptr);
}

bool AreOf(int64_t channels, std::initializer_list<Numbers> all) {
  return std::all_of(all.begin(), all.end(),
                     [=](const Numbers& some) { return some.dimensions()[0] == channels; });
}

ffi::Error Stem(ffi::ThreadPool pool, Maps x, Maps kernel1, Numbers mean1, Numbers factor1,
                Numbers bias1, Maps kernel2, Numbers mean2, Numbers factor2, Numbers bias2,
                ffi::Result<Maps> y, ffi::Result<Numbers> scratch) {
  const auto in = x.dimensions(), k = kernel1.dimensions(), l = kernel2.dimensions();
  const auto out = y->dimensions();
  const strided::Shape half{in[0], in[1], in[2], in[3], k[3], 3};
  const winograd::Shape same{1, half.rows(), half.columns(), half.d, half.d};
  const int64_t packed_numbers = half.taps() * half.c * half.d;
  const bool fits = k[0] == 3 && k[1] == 3 && k[2] == half.c && l[0] == 3 && l[1] == 3 &&
                    l[2] == half.d && l[3] == half.d && half.h % 4 == 0 && half.w % 4 == 0 &&
                    half.d % kColumns == 0 && half.d <= winograd::kMostChannels &&
                    out[0] == half.n && 4 * out[1] == half.h && 4 * out[2] == half.w &&
                    out[3] == half.d &&
                    scratch->dimensions()[0] == packed_numbers + kPoints * half.d * half.d &&
                    AreOf(half.d, {mean1, factor1, bias1, mean2, factor2, bias2});
  if (!fits) return ffi::Error::InvalidArgument("the shapes are not those of a stem");
  const float *weights1 = kernel1.typed_data(), *weights2 = kernel2.typed_data();
  float* packed = scratch->typed_data();
  float* transformed = packed + packed_numbers;
  Share::Run(pool, half.d / kColumns, [=](int64_t part) {
    strided::PackKernel(weights1, half.taps() * half.c, half.d, part, packed);
  });
  Share::Run(pool, half.d,
             [=](int64_t c) { winograd::TransformKernel(weights2, same, c, transformed); });
  const Layer first{packed,
                    {mean1.typed_data(), factor1.typed_data(), bias1.typed_data(), true}};
  const Layer second{transformed,
                     {mean2.typed_data(), factor2.typed_data(), bias2.typed_data(), true}};
  const float* places = x.typed_data();
  float* results = y->typed_data();
  const int64_t of_map = half.h * half.w * half.c, of_result = half.outputs() / 4 * half.d;
  Share::Run(pool, half.n, [=](int64_t map) {
    OneMap(places + map * of_map, half, first, second, results + map * of_result);
  });
  return ffi::Error::Success();
}

}  // namespace
}  // namespace stem

XLA_FFI_DEFINE_HANDLER_SYMBOL(dfer_stem, stem::Stem,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<stem::Maps>()
                                  .Arg<stem::Maps>()
                                  .Arg<stem::Numbers>()
                                  .Arg<stem::Numbers>()
                                  .Arg<stem::Numbers>()
                                  .Arg<stem::Maps>()
                                  .Arg<stem::Numbers>()
                                  .Arg<stem::Numbers>()
                                  .Arg<stem::Numbers>()
                                  .Ret<stem::Maps>()
                                  .Ret<stem::Numbers>());
