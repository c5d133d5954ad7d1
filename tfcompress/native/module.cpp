// The Python binding of the row codec's C core.
#include "binding.h"

NB_MODULE(_native, m) {
  BindTable(m);
  BindEncode(m);
  BindAnalyse(m);
}
