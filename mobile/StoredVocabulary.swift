// Reads the vocabulary that `tfcompress convert --vocabulary` puts into a .tflite: token -> id and
// id -> token, one at a time. Copy this file into your app; it needs nothing but Foundation.
//
//     let model = try Data(contentsOf: url, options: .alwaysMapped)
//     let vocabulary = try StoredVocabulary(model: model)
//     let id = try vocabulary.id(of: "B00005LZZ3")  // 1 if unknown, 0 is padding
//     let token = try vocabulary.token(of: id)      // nil for 0 and 1
//
// The bytes are described in tfcompress/stored_vocabulary/FORMAT.md. Apache-2.0.

import Foundation

public struct VocabularyError: Error, CustomStringConvertible {
    public let description: String
}

public final class StoredVocabulary {
    /// The number of ids, padding (0) and unknown (1) included.
    public let size: Int
    private let bits: Bits
    private let count: Int
    private let isText: Bool
    private let blockSize: Int
    private let order: Order
    private var lengths = Code(first: 1, lengths: [])
    private var text = Code(first: 1, lengths: [])
    private var smallest: Int64 = 0
    private var headBits = 0
    private var gapOrder = 0
    private let offsetBits: Int
    private let directoryAt: Int
    private let blocksAt: Int

    /// The vocabulary of a whole .tflite.
    public convenience init(model: Data) throws {
        try self.init(bytes: StoredVocabulary.member(of: model, named: "vocabulary.tfcv"))
    }

    /// A stored vocabulary by itself.
    public init(bytes: [UInt8]) throws {
        try check(bytes.count >= 16 && bytes[0..<4].elementsEqual("tfcv".utf8), "no stored vocabulary")
        try check(bytes[4] == 1, "version \(bytes[4]), this reader knows 1")
        try check(crc32(bytes[0..<12], bytes[16...]) == number(bytes, 12), "damaged: wrong checksum")
        try check(bytes[5] < 2 && bytes[6] <= 16 && bytes[7] == 0, "unknown kind")
        bits = Bits(bytes: bytes)
        isText = bytes[5] == 1
        blockSize = 1 << Int(bytes[6])
        count = number(bytes, 8)
        try check(count <= 8 * bytes.count, "damaged: \(count) tokens")
        size = count + 2

        var cursor = Cursor(bits: bits, at: 8 * 16)
        var starts = [0]
        while starts[starts.count - 1] < count {
            let last = starts[starts.count - 1]
            let run = try cursor.expGolomb(0)
            try check(run < UInt64(count - last), "damaged: runs")
            starts.append(last + Int(run) + 1)
        }
        cursor.align()
        order = try Order(bits: bits, at: cursor.at, starts: starts)
        cursor.at = order.end
        cursor.align()

        if isText {
            lengths = try cursor.code()
            text = try cursor.code()
        } else {
            smallest = Int64(bitPattern: try cursor.take(64))
            headBits = Int(try cursor.take(7))
            gapOrder = Int(try cursor.take(6))
        }
        offsetBits = Int(try cursor.take(6))
        cursor.align()
        directoryAt = cursor.at
        cursor.at += offsetBits * ((count + blockSize - 1) / blockSize)
        cursor.align()
        blocksAt = cursor.at
    }

    /// The id of a token, 1 if it is unknown.
    public func id(of token: String) throws -> Int {
        if isText { return try id(key: Array(token.utf8)) }
        guard let number = Int64(token), String(number).utf8.elementsEqual(token.utf8) else {
            return 1
        }
        return try id(key: key(number))
    }

    /// The id of an integer token, 1 if it is unknown.
    public func id(of token: Int64) throws -> Int {
        try isText ? id(of: String(token)) : id(key: key(token))
    }

    /// The token of an id (an integer in decimals), nil for 0, 1 and ids that do not exist.
    public func token(of id: Int) throws -> String? {
        if id < 2 || id >= size { return nil }
        let position = try order.position(of: id - 2)
        var found: [UInt8] = []
        try scan(position / blockSize) { place, token in
            found = token
            return place < position % blockSize
        }
        if isText { return String(decoding: found, as: UTF8.self) }
        let number = found.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return String(Int64(bitPattern: number ^ (1 << 63)))
    }

    // MARK: Tokens: sorted, in blocks, compared by their bytes

    /// Bytes that sort as the integers do.
    private func key(_ number: Int64) -> [UInt8] {
        let ordered = UInt64(bitPattern: number) ^ (1 << 63)
        return (0..<8).map { UInt8(truncatingIfNeeded: ordered >> UInt64(56 - 8 * $0)) }
    }

    private func id(key: [UInt8]) throws -> Int {
        var low = 0
        var high = (count + blockSize - 1) / blockSize
        while low < high {  // the first block that begins behind the key
            let middle = (low + high) / 2
            var behind = false
            try scan(middle) { _, token in
                behind = key.lexicographicallyPrecedes(token)
                return false
            }
            if behind { high = middle } else { low = middle + 1 }
        }
        if low == 0 { return 1 }
        var position: Int?
        try scan(low - 1) { place, token in
            if token == key { position = (low - 1) * blockSize + place }
            return token.lexicographicallyPrecedes(key)
        }
        guard let found = position else { return 1 }
        return try order.id(at: found) + 2
    }

    /// Decodes a block token by token until `more` is false.
    private func scan(_ block: Int, more: (Int, [UInt8]) -> Bool) throws {
        var directory = Cursor(bits: bits, at: directoryAt + block * offsetBits)
        let offset = try directory.take(offsetBits)
        try check(offset <= UInt64(8 * bits.bytes.count), "damaged: block offset")
        var cursor = Cursor(bits: bits, at: blocksAt + Int(offset))
        var token: [UInt8] = []
        var number = smallest
        for place in 0..<min(blockSize, count - block * blockSize) {
            if isText {
                let shared = try place == 0 ? 0 : cursor.symbol(lengths)
                try check(shared <= token.count, "damaged: shared length")
                token.removeLast(token.count - shared)
                while true {
                    let symbol = try cursor.symbol(text)
                    if symbol == 0 { break }
                    token.append(UInt8(truncatingIfNeeded: symbol - 1))
                }
            } else {
                let step =
                    try place == 0 ? cursor.take(headBits) : cursor.expGolomb(gapOrder) &+ 1
                number = number &+ Int64(bitPattern: step)
                token = key(number)
            }
            if !more(place, token) { return }
        }
    }

    // MARK: The ZIP archive behind the flatbuffer; the member is stored as it is

    private static func member(of model: Data, named name: String) throws -> [UInt8] {
        func read(_ at: Int, _ size: Int) throws -> [UInt8] {
            try check(at >= 0 && size >= 0 && at + size <= model.count, "its archive is cut off")
            return [UInt8](model[(model.startIndex + at)..<(model.startIndex + at + size)])
        }
        func short(_ at: Int) throws -> Int {
            let pair = try read(at, 2)
            return Int(pair[0]) | Int(pair[1]) << 8
        }
        func int(_ at: Int) throws -> Int { number(try read(at, 4), 0) }

        var end = model.count - 22
        let lowest = max(0, end - 0xffff)
        while end >= lowest, try int(end) != 0x0605_4b50 { end -= 1 }
        try check(end >= lowest, "the model holds none; convert it with --vocabulary")
        var at = try int(end + 16)
        let members = try short(end + 10)
        for _ in 0..<members {
            let nameSize = try short(at + 28)
            if try read(at + 46, nameSize).elementsEqual(name.utf8), try short(at + 10) == 0 {
                let local = try int(at + 42)
                let start = try local + 30 + short(local + 26) + short(local + 28)
                return try read(start, int(at + 24))
            }
            at += try 46 + nameSize + short(at + 30) + short(at + 32)
        }
        throw VocabularyError(description: "vocabulary: the model holds none")
    }
}

/// The permutation: a tree over runs of ids, a bit per token in each inner node.
private final class Order {
    private final class Node {
        let low, middle, high, at: Int
        var children: (left: Node, right: Node)?
        init(_ low: Int, _ middle: Int, _ high: Int, _ at: Int) {
            self.low = low
            self.middle = middle
            self.high = high
            self.at = at
        }
    }

    let end: Int
    private let bits: Bits
    private var root = Node(0, 0, 0, 0)
    private var ones: [Int] = [0]  // ones before every 512th bit
    private let start: Int

    init(bits: Bits, at: Int, starts: [Int]) throws {
        self.bits = bits
        start = at
        var next = at
        func node(_ first: Int, _ last: Int) -> Node {
            let (low, high) = (starts[first], starts[last])
            if last - first < 2 { return Node(low, low, high, next) }
            func uneven(_ run: Int) -> Int { abs(2 * starts[run] - low - high) }
            var middle = first + 1
            while middle + 1 < last && uneven(middle + 1) < uneven(middle) { middle += 1 }
            let made = Node(low, starts[middle], high, next)
            next += high - low
            let left = node(first, middle)
            made.children = (left, node(middle, last))
            return made
        }
        let tree = node(0, starts.count - 1)
        end = next
        try check(end <= 8 * bits.bytes.count, "damaged: cut off")
        root = tree
        for place in stride(from: start, to: end - 511, by: 512) {
            ones.append(try ones[ones.count - 1] + bits.count(place, 512))
        }
        try verify(tree)
    }

    private func verify(_ node: Node) throws {
        guard let (left, right) = node.children else { return }
        let found = try rank(node.at + node.high - node.low) - rank(node.at)
        try check(found == node.high - node.middle, "damaged: order of the tokens")
        try verify(left)
        try verify(right)
    }

    /// The id, from 0, of the token at a position among the sorted ones.
    func id(at place: Int) throws -> Int {
        var (node, position) = (root, place)
        while let (left, right) = node.children {
            let before = try rank(node.at + position) - rank(node.at)
            let isRight = try bits[node.at + position] == 1
            position = isRight ? before : position - before
            node = isRight ? right : left
        }
        return node.low + position
    }

    func position(of id: Int) throws -> Int { try position(root, id) }

    private func position(_ node: Node, _ id: Int) throws -> Int {
        guard let (left, right) = node.children else { return id - node.low }
        let fromRight = id >= node.middle
        let wanted = try position(fromRight ? right : left, id) + 1
        var (low, high) = (0, node.high - node.low - 1)
        while low < high {
            let middle = (low + high) / 2
            let ones = try rank(node.at + middle + 1) - rank(node.at)
            if (fromRight ? ones : middle + 1 - ones) >= wanted { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// How many bits from the start to bit `at` are ones.
    private func rank(_ at: Int) throws -> Int {
        let sample = (at - start) / 512
        return try ones[sample] + bits.count(start + 512 * sample, (at - start) % 512)
    }
}

/// Bits, the most significant of a byte first.
private struct Bits {
    let bytes: [UInt8]

    subscript(at: Int) -> Int {
        get throws {
            try check(at >= 0 && at >> 3 < bytes.count, "damaged: cut off")
            return Int(bytes[at >> 3] >> UInt8(7 - at & 7)) & 1
        }
    }

    /// Ones among `size` bits from `at`, which is at a whole byte.
    func count(_ at: Int, _ size: Int) throws -> Int {
        var sum = 0
        for k in 0..<(size / 8) { sum += bytes[at / 8 + k].nonzeroBitCount }
        for k in (size / 8 * 8)..<size { sum += try self[at + k] }
        return sum
    }
}

/// A canonical prefix code: how many words of each length, symbols in the order of words.
private struct Code {
    var counts = [Int](repeating: 0, count: 16)
    var symbols: [Int] = []

    init(first: Int, lengths: [Int]) {
        for length in 1...15 {
            for (place, own) in lengths.enumerated() where own == length {
                symbols.append(first + place)
                counts[length] += 1
            }
        }
    }
}

private struct Cursor {
    let bits: Bits
    var at: Int

    mutating func align() { at = (at + 7) / 8 * 8 }

    mutating func take(_ width: Int) throws -> UInt64 {
        var value: UInt64 = 0
        for _ in 0..<width {
            value = try value << 1 | UInt64(bits[at])
            at += 1
        }
        return value
    }

    mutating func expGolomb(_ order: Int) throws -> UInt64 {
        var zeros = 0
        while try bits[at] == 0 { (zeros, at) = (zeros + 1, at + 1) }
        try check(zeros < 64, "damaged: number too long")
        let high = try take(zeros + 1) &- 1
        return try high << UInt64(order) &+ take(order)
    }

    mutating func code() throws -> Code {
        let first = Int(try take(9))
        let last = Int(try take(9))
        var lengths: [Int] = []
        for _ in stride(from: first, through: last, by: 1) { lengths.append(Int(try take(4))) }
        return Code(first: first, lengths: lengths)
    }

    mutating func symbol(_ code: Code) throws -> Int {
        var (word, firstWord, before) = (0, 0, 0)
        for length in 1...15 {
            word = try word << 1 | bits[at]
            at += 1
            let words = code.counts[length]
            if word >= firstWord && word - firstWord < words {
                return code.symbols[before + word - firstWord]
            }
            before += words
            firstWord = (firstWord + words) << 1
        }
        throw VocabularyError(description: "vocabulary: damaged: no code word")
    }
}

private func check(_ holds: Bool, _ message: @autoclosure () -> String) throws {
    if !holds { throw VocabularyError(description: "vocabulary: \(message())") }
}

/// A little-endian number of 32 bits.
private func number(_ bytes: [UInt8], _ at: Int) -> Int {
    (0..<4).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
}

private func crc32(_ parts: ArraySlice<UInt8>...) -> Int {
    var crc: UInt32 = 0xffff_ffff
    for byte in parts.joined() {
        crc ^= UInt32(byte)
        for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0xedb8_8320 : 0) }
    }
    return Int(~crc)
}
