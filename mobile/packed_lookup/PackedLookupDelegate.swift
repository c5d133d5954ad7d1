// The delegate that a model packed with `--target delegate` needs. Copy this file into your app,
// with packed_lookup.h, delegate.c and the headers they include (docs/ios.md).
//
//     let interpreter = try Interpreter(modelPath: path, delegates: [PackedLookupDelegate()])
//
// The interpreter keeps it for as long as it needs it. Apache-2.0.

import TensorFlowLite

public final class PackedLookupDelegate: Delegate {
    public let cDelegate: CDelegate

    /// - Parameter keptBytes: How many bytes of decoded integers may stay in memory for each table,
    ///   0 for none; 8 MiB unless told.
    public init(keptBytes: Int? = nil) {
        precondition((keptBytes ?? 0) >= 0, "keptBytes: got \(keptBytes ?? 0), expected 0 or more")
        guard let delegate = PackedLookupCreate() else {
            fatalError("no memory for the packed-lookup delegate")
        }
        if let bytes = keptBytes { PackedLookupSetKeptBytes(delegate, bytes) }
        cDelegate = delegate.assumingMemoryBound(to: CDelegate.Pointee.self)
    }

    deinit {
        PackedLookupDelete(cDelegate)
    }
}
