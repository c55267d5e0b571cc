// All that XLA calls, compiled as one file: reading XLA's headers is a good part of the work.

#include "batch_norm.cc"
#include "convolution.cc"
#include "layer_norm.cc"
#include "pooling.cc"
#include "stem.cc"
#include "transposition.cc"
