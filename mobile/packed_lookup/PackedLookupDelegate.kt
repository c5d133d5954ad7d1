// The delegate that a model packed with `--target delegate` needs. Copy this file into your app and
// build the library with the CMakeLists.txt beside it (docs/android.md).
//
//     val delegate = PackedLookupDelegate()
//     val interpreter = Interpreter(model, Interpreter.Options().addDelegate(delegate))
//     ...
//     interpreter.close()
//     delegate.close()  // after the interpreter
//
// Apache-2.0.
package tfcompress

import org.tensorflow.lite.Delegate

/**
 * [keptBytes]: how many bytes of decoded integers may stay in memory for each table, 0 for none;
 * 8 MiB unless told.
 */
class PackedLookupDelegate(keptBytes: Int? = null) : Delegate {
    init {
        require((keptBytes ?: 0) >= 0) { "keptBytes: got $keptBytes, expected 0 or more" }
    }

    private var handle: Long = create()

    init {
        check(handle != 0L) { "no memory for the packed-lookup delegate" }
        if (keptBytes != null) setKeptBytes(handle, keptBytes.toLong())
    }

    override fun getNativeHandle(): Long {
        check(handle != 0L) { "the packed-lookup delegate is closed" }
        return handle
    }

    override fun close() {
        if (handle != 0L) delete(handle)
        handle = 0L
    }

    private external fun create(): Long

    private external fun setKeptBytes(handle: Long, bytes: Long)

    private external fun delete(handle: Long)

    private companion object {
        init {
            System.loadLibrary("tfcompress_delegate")
        }
    }
}
