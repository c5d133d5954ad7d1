/* The delegate that looks up rows of packed tables, for programs that link it (see docs/android.md,
 * docs/ios.md). It goes with TensorFlow Lite's own headers or without them.
 *
 *   struct TfLiteDelegate *delegate = TfcDelegateCreate();
 *   TfLiteInterpreterOptionsAddDelegate(options, delegate);
 *   ...
 *   TfcDelegateDelete(delegate);  // after the interpreter
 *
 * Each interpreter takes a delegate of its own: what it keeps is not locked.
 */
#ifndef TFC_DELEGATE_H
#define TFC_DELEGATE_H

#include <stddef.h>

#if defined(__GNUC__)
#define TFC_EXPORT __attribute__((visibility("default")))
#else
#define TFC_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct TfLiteDelegate;

/* NULL when there is no memory. */
TFC_EXPORT struct TfLiteDelegate *TfcDelegateCreate(void);
TFC_EXPORT void TfcDelegateDelete(struct TfLiteDelegate *delegate);

/* How many bytes of integers that were decoded may stay in memory for each table: rows looked up (80
 * KB at most), and a table that scores are taken against. 8 MiB unless told; 0 keeps nothing. Before
 * the delegate is given to an interpreter. */
TFC_EXPORT void TfcDelegateSetKeptBytes(struct TfLiteDelegate *delegate, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
