// LayerNorm and its gradients as functions that XLA calls. Rows are [m, c], c a multiple of kWidth;
// each is read into the cache once. Sums over rows are made of parts in double, always in the same
// order, so that the number of threads changes nothing.

#include <cmath>
#include <vector>

#include "threads.h"
#include "winograd.h"

namespace layer_norm {
namespace {

using threads::Share;
using winograd::kWidth;
using winograd::Load;
using winograd::Store;
using winograd::Vector;

using Rows = ffi::Buffer<ffi::F32, 2>;
using Numbers = ffi::Buffer<ffi::F32, 1>;

constexpr int64_t kParts = 64;

struct Shape {
  int64_t m, c;
  int64_t parts() const { return std::min(kParts, m); }
  int64_t begin(int64_t part) const { return m * part / parts(); }  // the last ends at m
  bool OfRows(const Rows& rows) const {
    return rows.dimensions()[0] == m && rows.dimensions()[1] == c;
  }
};

ffi::Error WrongShapes() {
  return ffi::Error::InvalidArgument("the shapes are not those of rows and their channels");
}

float Sum(const Vector& values) {
  float sum = 0;
  for (int64_t lane = 0; lane < kWidth; lane++) sum += values[lane];
  return sum;
}

// Normalises one row; the variance is the mean squared deviation.
void Normalise(const float* x, const float* scale, const float* bias, int64_t c, float epsilon,
               float* y, float* mean, float* factor) {
  Vector sum = {}, squares = {};
  for (int64_t i = 0; i < c; i += kWidth) sum += Load(x + i);
  *mean = Sum(sum) / c;
  for (int64_t i = 0; i < c; i += kWidth) {
    const Vector deviation = Load(x + i) - *mean;
    squares += deviation * deviation;
  }
  *factor = 1 / std::sqrt(Sum(squares) / c + epsilon);
  for (int64_t i = 0; i < c; i += kWidth)
    Store(y + i, (Load(x + i) - *mean) * (*factor * Load(scale + i)) + Load(bias + i));
}

// The gradient `dx` of one row, and what the row adds to those of scale and bias.
void Pull(const float* dy, const float* x, float mean, float factor, const float* scale, int64_t c,
          float* dx, float* of_scale, float* of_bias) {
  Vector rates = {}, weighted = {};
  for (int64_t i = 0; i < c; i += kWidth) {
    const Vector normal = (Load(x + i) - mean) * factor, rate = Load(dy + i);
    rates += rate * Load(scale + i);
    weighted += rate * Load(scale + i) * normal;
    Store(of_scale + i, Load(of_scale + i) + rate * normal);
    Store(of_bias + i, Load(of_bias + i) + rate);
  }
  const float middle = Sum(rates) / c, slope = Sum(weighted) / c;
  for (int64_t i = 0; i < c; i += kWidth) {
    const Vector normal = (Load(x + i) - mean) * factor;
    Store(dx + i, (Load(dy + i) * Load(scale + i) - middle - normal * slope) * factor);
  }
}

ffi::Error Forward(ffi::ThreadPool pool, Rows x, Numbers scale, Numbers bias, float epsilon,
                   ffi::Result<Rows> y, ffi::Result<Numbers> mean, ffi::Result<Numbers> factor) {
  const Shape s{x.dimensions()[0], x.dimensions()[1]};
  const bool fits = s.c % kWidth == 0 && scale.dimensions()[0] == s.c &&
                    bias.dimensions()[0] == s.c && s.OfRows(*y) && mean->dimensions()[0] == s.m &&
                    factor->dimensions()[0] == s.m;
  if (!fits) return WrongShapes();
  const float *rows = x.typed_data(), *scales = scale.typed_data(), *biases = bias.typed_data();
  float *results = y->typed_data(), *means = mean->typed_data(), *factors = factor->typed_data();
  Share::Run(pool, s.parts(), [=](int64_t part) {
    for (int64_t i = s.begin(part); i < s.begin(part + 1); i++)
      Normalise(rows + i * s.c, scales, biases, s.c, epsilon, results + i * s.c, means + i,
                factors + i);
  });
  return ffi::Error::Success();
}

ffi::Error Gradients(ffi::ThreadPool pool, Rows dy, Rows x, Numbers mean, Numbers factor,
                     Numbers scale, ffi::Result<Rows> dx, ffi::Result<Numbers> of_scale,
                     ffi::Result<Numbers> of_bias) {
  const Shape s{x.dimensions()[0], x.dimensions()[1]};
  const bool fits = s.c % kWidth == 0 && s.OfRows(dy) && mean.dimensions()[0] == s.m &&
                    factor.dimensions()[0] == s.m && scale.dimensions()[0] == s.c &&
                    s.OfRows(*dx) && of_scale->dimensions()[0] == s.c &&
                    of_bias->dimensions()[0] == s.c;
  if (!fits) return WrongShapes();
  const float *rates = dy.typed_data(), *rows = x.typed_data(), *scales = scale.typed_data();
  const float *means = mean.typed_data(), *factors = factor.typed_data();
  float* results = dx->typed_data();
  std::vector<float> found(2 * s.parts() * s.c);
  float* parts = found.data();
  Share::Run(pool, s.parts(), [=](int64_t part) {
    float* sums = parts + 2 * part * s.c;
    for (int64_t i = s.begin(part); i < s.begin(part + 1); i++)
      Pull(rates + i * s.c, rows + i * s.c, means[i], factors[i], scales, s.c, results + i * s.c,
           sums, sums + s.c);
  });
  threads::AddParts(parts, s.parts(), s.c, of_scale->typed_data(), of_bias->typed_data());
  return ffi::Error::Success();
}

}  // namespace
}  // namespace layer_norm

XLA_FFI_DEFINE_HANDLER_SYMBOL(dfer_layer_norm, layer_norm::Forward,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<layer_norm::Rows>()
                                  .Arg<layer_norm::Numbers>()
                                  .Arg<layer_norm::Numbers>()
                                  .Attr<float>("epsilon")
                                  .Ret<layer_norm::Rows>()
                                  .Ret<layer_norm::Numbers>()
                                  .Ret<layer_norm::Numbers>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(dfer_layer_norm_gradients, layer_norm::Gradients,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<layer_norm::Rows>()
                                  .Arg<layer_norm::Rows>()
                                  .Arg<layer_norm::Numbers>()
                                  .Arg<layer_norm::Numbers>()
                                  .Arg<layer_norm::Numbers>()
                                  .Ret<layer_norm::Rows>()
                                  .Ret<layer_norm::Numbers>()
                                  .Ret<layer_norm::Numbers>());
