/* Packed tables that are constants of a model, as the delegate's operators open and name them. */
#ifndef TFC_PACKED_H
#define TFC_PACKED_H

#include <stdlib.h>

#include "../tfc_decode.h"
#include "kept_integers.h"
#include "row_cache.h"
#include "tflite_abi.h"

/* A constant of the model, open for reading, and what of it is kept for later calls. */
typedef struct {
  int tensor;
  const char *name;
  tfc_table table;
  void *workspace;
  tfc_row_cache cache;
  tfc_kept *kept; /* NULL for nothing */
} tfc_packed;

/* Reports an error about a table and returns kTfLiteError. */
#define TFC_FAIL(context, name, format, ...) \
  ((context)->ReportError((context), "tfcompress: table '%s': " format, (name), __VA_ARGS__), \
   kTfLiteError)

static const char *name_of(const TfLiteTensor *tensor) {
  return tensor->name && tensor->name[0] ? tensor->name : "(no name)";
}

static TfLiteStatus open_table(TfLiteContext *context, tfc_packed *packed, int index, int verify,
                               tfc_shelf *shelf) {
  const TfLiteTensor *tensor = &context->tensors[index];
  packed->tensor = index;
  packed->name = name_of(tensor);
  /* A runtime with another layout of its structs would hardly pass this. */
  if (tensor->type != kTfLiteUInt8 || tensor->allocation_type != kTfLiteMmapRo || !tensor->dims ||
      tensor->dims->size != 1 || (size_t)tensor->dims->data[0] != tensor->bytes || !tensor->data)
    return TFC_FAIL(context, packed->name,
                    "tensor %d is no constant vector of uint8, or this runtime is none that the "
                    "delegate knows",
                    index);
  const uint8_t *data = (const uint8_t *)tensor->data;
  const size_t need = tfc_workspace_bytes(data, tensor->bytes);
  tfc_status status = TFC_BAD_HEADER;
  if (need) {
    packed->workspace = malloc(need);
    if (!packed->workspace)
      return TFC_FAIL(context, packed->name, "no memory for %lu bytes of decoding tables",
                      (unsigned long)need);
    status = tfc_open(&packed->table, data, tensor->bytes, packed->workspace, need);
  } else { /* only to say what is wrong */
    status = tfc_parse(&packed->table, data, tensor->bytes);
    if (status == TFC_OK) status = TFC_BAD_TABLES;
  }
  if (status == TFC_OK && verify) status = tfc_verify(&packed->table);
  if (status == TFC_OK) {
    packed->kept = share_kept(shelf, &packed->table);
    return kTfLiteOk;
  }
  return TFC_FAIL(context, packed->name, "damaged, %s; take the file anew", tfc_message(status));
}

#endif
