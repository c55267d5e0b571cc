// What BatchNorm sums over all places of its maps, as functions that XLA calls: the moments of each
// channel, and the sums that its gradients are made of. Each reads the maps once.
//
// Maps are [m, c], m places; c is a multiple of kWidth. The places are taken in blocks that stay in
// the cache; the blocks of a part are put together in float, the parts in double, always in the same
// order, so that the number of threads changes nothing.

#include <vector>

#include "threads.h"
#include "winograd.h"

namespace batch_norm {
namespace {

using threads::Share;
using winograd::kWidth;
using winograd::Load;
using winograd::Store;
using winograd::Vector;

using Maps = ffi::Buffer<ffi::F32, 2>;
using Channels = ffi::Buffer<ffi::F32, 1>;

constexpr int64_t kBlock = 4096;  // numbers in a block, at least a place
constexpr int64_t kParts = 64;
constexpr int kAbreast = 4;  // vectors of channels, so that sums need not wait for one another

struct Shape {
  int64_t m, c;
  int64_t block() const { return std::max<int64_t>(1, kBlock / c); }  // places
  int64_t parts() const { return std::min(kParts, (m + block() - 1) / block()); }
  // Where a part begins; the last ends at m. A whole number of blocks from the first place.
  int64_t begin(int64_t part) const {
    const int64_t blocks = (m + block() - 1) / block();
    return std::min(m, blocks * part / parts() * block());
  }
};

ffi::Error WrongShapes() {
  return ffi::Error::InvalidArgument("the shapes are not those of maps and their channels");
}

// Calls `sums.Of<n>(channel)` for all channels, n vectors at a time.
template <class Sums>
void OverChannels(int64_t channels, const Sums& sums) {
  int64_t c = 0;
  for (; c + kAbreast * kWidth <= channels; c += kAbreast * kWidth)
    sums.template Of<kAbreast>(c);
  for (; c < channels; c += kWidth) sums.template Of<1>(c);
}

// Adds the moments of one block to those of the places before it in the part (Chan et al. 1979):
// `mean`, less the numbers of one place, and `spread`, the sum of the squared deviations from it.
// Less `one`, because a mean far from 0 would leave few digits for what blocks are apart.
struct BlockMoments {
  const float *x, *one;
  int64_t places, before, pitch;
  float *mean, *spread;

  template <int vectors>
  void Of(int64_t c) const {
    Vector own[vectors] = {}, squares[vectors] = {};
    for (int64_t i = 0; i < places; i++)
      for (int v = 0; v < vectors; v++) own[v] += Less(i, c + v * kWidth);
    for (int v = 0; v < vectors; v++) own[v] /= static_cast<float>(places);
    for (int64_t i = 0; i < places; i++)
      for (int v = 0; v < vectors; v++) {
        const Vector deviation = Less(i, c + v * kWidth) - own[v];
        squares[v] += deviation * deviation;
      }
    const float share = static_cast<float>(places) / static_cast<float>(before + places);
    for (int v = 0; v < vectors; v++) {
      const int64_t at = c + v * kWidth;
      const Vector apart = own[v] - Load(mean + at);
      Store(mean + at, Load(mean + at) + apart * share);
      const Vector between = apart * apart * (share * static_cast<float>(before));
      Store(spread + at, Load(spread + at) + squares[v] + between);
    }
  }

  Vector Less(int64_t place, int64_t channel) const {
    return Load(x + place * pitch + channel) - Load(one + channel);
  }
};

// Adds what one block contributes to the sum of the rates `g` and of g (x - mean). With `relu`, g is
// the gradient where the result is above 0, else 0.
template <bool relu>
struct BlockRates {
  const float *x, *dy;
  int64_t places, pitch;
  const float *mean, *factor, *bias;
  float *plain, *weighted;

  template <int vectors>
  void Of(int64_t c) const {
    Vector first[vectors] = {}, second[vectors] = {};
    for (int64_t i = 0; i < places; i++)
      for (int v = 0; v < vectors; v++) {
        const int64_t channel = c + v * kWidth, at = i * pitch + channel;
        const Vector deviation = Load(x + at) - Load(mean + channel);
        Vector rate = Load(dy + at);
        if (relu)
          rate = deviation * Load(factor + channel) + Load(bias + channel) > 0 ? rate : Vector{};
        first[v] += rate;
        second[v] += rate * deviation;
      }
    for (int v = 0; v < vectors; v++) {
      const int64_t at = c + v * kWidth;
      Store(plain + at, Load(plain + at) + first[v]);
      Store(weighted + at, Load(weighted + at) + second[v]);
    }
  }
};

ffi::Error Moments(ffi::ThreadPool pool, Maps x, ffi::Result<Channels> mean,
                   ffi::Result<Channels> variance) {
  const Shape s{x.dimensions()[0], x.dimensions()[1]};
  const bool fits = s.c % kWidth == 0 && mean->dimensions()[0] == s.c &&
                    variance->dimensions()[0] == s.c;
  if (!fits) return WrongShapes();
  const float* places = x.typed_data();
  std::vector<float> found(2 * s.parts() * s.c);
  float* parts = found.data();
  Share::Run(pool, s.parts(), [=](int64_t part) {
    float* moments = parts + 2 * part * s.c;
    const int64_t begin = s.begin(part), end = s.begin(part + 1);
    for (int64_t i = begin; i < end; i += s.block())
      OverChannels(s.c, BlockMoments{places + i * s.c, places, std::min(s.block(), end - i),
                                     i - begin, s.c, moments, moments + s.c});
  });
  for (int64_t c = 0; c < s.c; c++) {
    double middle = 0, spread = 0, before = 0;
    for (int64_t part = 0; part < s.parts(); part++) {
      const float* moments = parts + 2 * part * s.c + c;
      const double number = s.begin(part + 1) - s.begin(part);
      const double apart = moments[0] - middle, share = number / (before + number);
      middle += apart * share;
      spread += moments[s.c] + apart * apart * share * before;
      before += number;
    }
    mean->typed_data()[c] = middle + places[c];
    variance->typed_data()[c] = spread / s.m;
  }
  return ffi::Error::Success();
}

template <bool relu>
void Rates(ffi::ThreadPool& pool, const Shape& s, BlockRates<relu> all, float* plain,
           float* weighted) {
  std::vector<float> found(2 * s.parts() * s.c);
  float* parts = found.data();
  Share::Run(pool, s.parts(), [=](int64_t part) {
    BlockRates<relu> block = all;
    block.plain = parts + 2 * part * s.c;
    block.weighted = block.plain + s.c;
    const int64_t end = s.begin(part + 1);
    for (int64_t i = s.begin(part); i < end; i += s.block()) {
      block.x = all.x + i * s.c;
      block.dy = all.dy + i * s.c;
      block.places = std::min(s.block(), end - i);
      OverChannels(s.c, block);
    }
  });
  threads::AddParts(parts, s.parts(), s.c, plain, weighted);
}

ffi::Error GradientSums(ffi::ThreadPool pool, Maps x, Maps dy, Channels mean, Channels factor,
                        Channels bias, bool relu, ffi::Result<Channels> plain,
                        ffi::Result<Channels> weighted) {
  const Shape s{x.dimensions()[0], x.dimensions()[1]};
  const bool fits = s.c % kWidth == 0 && dy.dimensions()[0] == s.m && dy.dimensions()[1] == s.c &&
                    mean.dimensions()[0] == s.c && factor.dimensions()[0] == s.c &&
                    bias.dimensions()[0] == s.c && plain->dimensions()[0] == s.c &&
                    weighted->dimensions()[0] == s.c;
  if (!fits) return WrongShapes();
  const auto run = [&](auto block) {
    Rates(pool, s, block, plain->typed_data(), weighted->typed_data());
  };
  const float *places = x.typed_data(), *rates = dy.typed_data(), *middle = mean.typed_data();
  if (relu)
    run(BlockRates<true>{places, rates, 0, s.c, middle, factor.typed_data(), bias.typed_data()});
  else
    run(BlockRates<false>{places, rates, 0, s.c, middle, factor.typed_data(), bias.typed_data()});
  return ffi::Error::Success();
}

}  // namespace
}  // namespace batch_norm

XLA_FFI_DEFINE_HANDLER_SYMBOL(dfer_channel_moments, batch_norm::Moments,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<batch_norm::Maps>()
                                  .Ret<batch_norm::Channels>()
                                  .Ret<batch_norm::Channels>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(dfer_batch_norm_gradient_sums, batch_norm::GradientSums,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<batch_norm::Maps>()
                                  .Arg<batch_norm::Maps>()
                                  .Arg<batch_norm::Channels>()
                                  .Arg<batch_norm::Channels>()
                                  .Arg<batch_norm::Channels>()
                                  .Attr<bool>("relu")
                                  .Ret<batch_norm::Channels>()
                                  .Ret<batch_norm::Channels>());
