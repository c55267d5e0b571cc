// Matrices turned, as a function that XLA calls.

#include "threads.h"

namespace transposition {
namespace {

using threads::Share;

using Matrix = ffi::Buffer<ffi::F32, 2>;

constexpr int64_t kTile = 16;   // floats of a cache line
constexpr int64_t kStrip = 64;  // columns of the matrix that are one piece of work

// Turns a tile of the matrix `x`, whose rows are `columns` apart, into `y`, whose are `rows` apart.
void TurnTile(const float* x, int64_t columns, float* y, int64_t rows) {
  float turned[kTile][kTile];
  for (int64_t i = 0; i < kTile; i++)
    for (int64_t j = 0; j < kTile; j++) turned[j][i] = x[i * columns + j];
  for (int64_t j = 0; j < kTile; j++) std::copy_n(turned[j], kTile, y + j * rows);
}

void TurnRest(const float* x, int64_t columns, int64_t height, int64_t width, float* y,
              int64_t rows) {
  for (int64_t j = 0; j < width; j++)
    for (int64_t i = 0; i < height; i++) y[j * rows + i] = x[i * columns + j];
}

// Turns `width` columns of `x`.
void TurnStrip(const float* x, int64_t rows, int64_t columns, int64_t width, float* y) {
  for (int64_t i = 0; i < rows; i += kTile)
    for (int64_t j = 0; j < width; j += kTile) {
      const int64_t height = std::min(kTile, rows - i), across = std::min(kTile, width - j);
      const float* from = x + i * columns + j;
      float* to = y + j * rows + i;
      if (height == kTile && across == kTile) {
        TurnTile(from, columns, to, rows);
      } else {
        TurnRest(from, columns, height, across, to, rows);
      }
    }
}

ffi::Error Transpose(ffi::ThreadPool pool, Matrix x, ffi::Result<Matrix> y) {
  const int64_t rows = x.dimensions()[0], columns = x.dimensions()[1];
  if (y->dimensions()[0] != columns || y->dimensions()[1] != rows)
    return ffi::Error::InvalidArgument("the result has not the shape of the turned matrix");
  const float* values = x.typed_data();
  float* results = y->typed_data();
  Share::Run(pool, (columns + kStrip - 1) / kStrip, [=](int64_t strip) {
    const int64_t first = strip * kStrip;
    TurnStrip(values + first, rows, columns, std::min(kStrip, columns - first),
              results + first * rows);
  });
  return ffi::Error::Success();
}

}  // namespace
}  // namespace transposition

XLA_FFI_DEFINE_HANDLER_SYMBOL(dfer_transpose, transposition::Transpose,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<transposition::Matrix>()
                                  .Ret<transposition::Matrix>());
