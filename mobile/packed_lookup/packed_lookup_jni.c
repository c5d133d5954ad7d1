/* What PackedLookupDelegate.kt calls. */
#include <jni.h>
#include <stdint.h>

#include "tfc_delegate.h"

JNIEXPORT jlong JNICALL Java_tfcompress_PackedLookupDelegate_create(JNIEnv *env, jobject self) {
  (void)env, (void)self;
  return (jlong)(intptr_t)TfcDelegateCreate();
}

JNIEXPORT void JNICALL Java_tfcompress_PackedLookupDelegate_setKeptBytes(JNIEnv *env, jobject self,
                                                                         jlong handle,
                                                                         jlong bytes) {
  (void)env, (void)self;
  TfcDelegateSetKeptBytes((struct TfLiteDelegate *)(intptr_t)handle, (size_t)bytes);
}

JNIEXPORT void JNICALL Java_tfcompress_PackedLookupDelegate_delete(JNIEnv *env, jobject self,
                                                                   jlong handle) {
  (void)env, (void)self;
  TfcDelegateDelete((struct TfLiteDelegate *)(intptr_t)handle);
}
