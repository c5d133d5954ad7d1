// The delegate that a model packed with `--target delegate` needs. Copy this file into your app,
// with packed_lookup.h, delegate.c and the headers they include (docs/ios.md).
//
//     let interpreter = try Interpreter(modelPath: path, delegates: [PackedLookupDelegate()])
//
// The interpreter keeps it for as long as it needs it. Apache-2.0.

import TensorFlowLite

public final class PackedLookupDelegate: Delegate {
    public let cDelegate: CDelegate

    public init() {
        guard let delegate = PackedLookupCreate() else {
            fatalError("no memory for the packed-lookup delegate")
        }
        cDelegate = delegate.assumingMemoryBound(to: CDelegate.Pointee.self)
    }

    deinit {
        PackedLookupDelete(cDelegate)
    }
}
