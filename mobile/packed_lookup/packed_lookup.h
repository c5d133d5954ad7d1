/* For the bridging header of a Swift app. Swift sees the delegate as a raw pointer here, whether or
 * not another module tells it what is in `struct TfLiteDelegate`. */
#ifndef PACKED_LOOKUP_H
#define PACKED_LOOKUP_H

#include "tfc_delegate.h"

static inline void *PackedLookupCreate(void) { return TfcDelegateCreate(); }

static inline void PackedLookupSetKeptBytes(void *delegate, size_t bytes) {
  TfcDelegateSetKeptBytes((struct TfLiteDelegate *)delegate, bytes);
}

static inline void PackedLookupDelete(void *delegate) {
  TfcDelegateDelete((struct TfLiteDelegate *)delegate);
}

#endif
