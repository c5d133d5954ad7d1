// Reads the vocabulary that `tfcompress convert --vocabulary` puts into a .tflite: token -> id and
// id -> token, one at a time. Copy this file into your app; it needs nothing but Java's library.
//
//     val file = FileInputStream("model.tflite").channel
//     val model = file.map(FileChannel.MapMode.READ_ONLY, 0, file.size())  // the interpreter's own
//     val vocabulary = StoredVocabulary.fromModel(model)
//     val id = vocabulary.id("B00005LZZ3")      // 1 if unknown, 0 is padding
//     val token = vocabulary.token(id)          // null for 0 and 1
//
// The bytes are described in tfcompress/stored_vocabulary/FORMAT.md. Apache-2.0.
package tfcompress

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.CRC32

class VocabularyException(message: String) : Exception(message)

class StoredVocabulary(private val bytes: ByteArray) {
    /** The number of ids, padding (0) and unknown (1) included. */
    val size: Int
    private val count: Int
    private val isText: Boolean
    private val blockSize: Int
    private val starts: IntArray // where runs of ids start, and count
    private val orderAt: Int // first bit of the permutation
    private val ones: IntArray // ones before every 512th bit of it
    private val root: Node
    private var lengths = Code(1, IntArray(0))
    private var text = Code(1, IntArray(0))
    private var smallest = 0L
    private var headBits = 0
    private var gapOrder = 0
    private val offsetBits: Int
    private val directoryAt: Int
    private val blocksAt: Int

    init {
        require(bytes.size >= 16 && String(bytes, 0, 4, Charsets.ISO_8859_1) == "tfcv", "no stored vocabulary")
        require(bytes[4].toInt() == 1, "version ${bytes[4]}, this reader knows 1")
        val header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)
        val crc = CRC32().apply { update(bytes, 0, 12); update(bytes, 16, bytes.size - 16) }
        require(crc.value.toInt() == header.getInt(12), "damaged: wrong checksum")
        isText = bytes[5].toInt() == 1
        require(bytes[5] in 0..1 && bytes[6] in 0..16 && bytes[7].toInt() == 0, "unknown kind")
        blockSize = 1 shl bytes[6].toInt()
        count = header.getInt(8)
        require(count in 0..minOf(8L * bytes.size, Int.MAX_VALUE - 2L), "damaged: $count tokens")
        size = count + 2

        val cursor = Cursor(8 * 16)
        val edges = ArrayList<Int>().apply { add(0) }
        while (edges.last() < count) {
            val run = cursor.expGolomb(0) + 1
            require(run in 1..(count - edges.last()).toLong(), "damaged: runs")
            edges.add(edges.last() + run.toInt())
        }
        starts = edges.toIntArray()
        cursor.align()
        orderAt = cursor.at
        val end = IntArray(1)
        root = node(0, starts.size - 1, 0, end)
        cursor.at = orderAt + end[0]
        require(end[0] >= 0 && cursor.at in 0..8 * bytes.size, "damaged: cut off")
        cursor.align()
        ones = IntArray(end[0] / 512 + 1)
        for (k in 1 until ones.size) ones[k] = ones[k - 1] + count(orderAt + 512 * (k - 1), 512)
        check(root)

        if (isText) {
            lengths = cursor.code()
            text = cursor.code()
        } else {
            smallest = cursor.take(64)
            headBits = cursor.take(7).toInt()
            gapOrder = cursor.take(6).toInt()
        }
        offsetBits = cursor.take(6).toInt()
        cursor.align()
        directoryAt = cursor.at
        cursor.at += offsetBits * blockCount
        cursor.align()
        blocksAt = cursor.at
    }

    /** The id of a token, 1 if it is unknown. */
    fun id(token: String): Int {
        if (isText) {
            val bytes = token.toByteArray()
            // Half of a surrogate pair would become "?", which may be a token.
            return if (String(bytes) == token) id(bytes) else 1
        }
        val number = token.toLongOrNull()
        return if (number != null && number.toString() == token) id(key(number)) else 1
    }

    /** The id of an integer token, 1 if it is unknown. */
    fun id(token: Long): Int = if (isText) id(token.toString()) else id(key(token))

    /** The token of an id (an integer in decimals), null for 0, 1 and ids that do not exist. */
    fun token(id: Int): String? {
        if (id < 2 || id >= size) return null
        val position = position(root, id - 2)
        var found = ByteArray(0)
        scan(position / blockSize) { place, token ->
            found = token
            place < position % blockSize
        }
        if (isText) return String(found)
        return (ByteBuffer.wrap(found).getLong() xor Long.MIN_VALUE).toString()
    }

    // -- Tokens: sorted, in blocks, compared by their bytes. ------------------------------------

    private val blockCount get() = (count + blockSize - 1) / blockSize

    /** Bytes that sort as the integers do. */
    private fun key(number: Long) =
        ByteBuffer.allocate(8).putLong(number xor Long.MIN_VALUE).array()

    private fun id(key: ByteArray): Int {
        var low = 0
        var high = blockCount
        while (low < high) { // the first block that begins behind the key
            val middle = (low + high) / 2
            var head = ByteArray(0)
            scan(middle) { _, token -> head = token; false }
            if (compare(head, key) <= 0) low = middle + 1 else high = middle
        }
        var position = -1
        if (low > 0) scan(low - 1) { place, token ->
            val order = compare(token, key)
            if (order == 0) position = (low - 1) * blockSize + place
            order < 0
        }
        if (position < 0) return 1
        var node = root
        while (node.left != null) {
            val before = rank(node.at + position) - rank(node.at)
            val right = bit(orderAt + node.at + position) == 1
            position = if (right) before else position - before
            node = (if (right) node.right else node.left)!!
        }
        return node.low + position + 2
    }

    /** Decodes a block token by token until `more` is false. */
    private fun scan(block: Int, more: (Int, ByteArray) -> Boolean) {
        val offset = Cursor(directoryAt + block * offsetBits).take(offsetBits)
        val cursor = Cursor(blocksAt + offset.toInt())
        var token = ByteArray(0)
        var number = smallest
        for (place in 0 until minOf(blockSize, count - block * blockSize)) {
            if (isText) {
                val shared = if (place == 0) 0 else cursor.symbol(lengths)
                require(shared <= token.size, "damaged: shared length")
                val rest = java.io.ByteArrayOutputStream()
                rest.write(token, 0, shared)
                while (true) {
                    val symbol = cursor.symbol(text)
                    if (symbol == 0) break
                    rest.write(symbol - 1)
                }
                token = rest.toByteArray()
            } else {
                number += if (place == 0) cursor.take(headBits) else cursor.expGolomb(gapOrder) + 1
                token = key(number)
            }
            if (!more(place, token)) return
        }
    }

    private fun compare(a: ByteArray, b: ByteArray): Int {
        for (k in 0 until minOf(a.size, b.size)) {
            if (a[k] != b[k]) return (a[k].toInt() and 255) - (b[k].toInt() and 255)
        }
        return a.size - b.size
    }

    // -- The permutation: a tree over runs of ids, a bit per token in each inner node. ----------

    private class Node(
        val low: Int, val middle: Int, val high: Int, val at: Int, val left: Node?, val right: Node?
    )

    private fun node(first: Int, last: Int, at: Int, end: IntArray): Node {
        val low = starts[first]
        val high = starts[last]
        end[0] = at
        if (last - first < 2) return Node(low, low, high, at, null, null)
        fun uneven(run: Int) = Math.abs(2L * starts[run] - low - high)
        var middle = first + 1
        while (middle + 1 < last && uneven(middle + 1) < uneven(middle)) middle++
        val left = node(first, middle, Math.addExact(at, high - low), end)
        return Node(low, starts[middle], high, at, left, node(middle, last, end[0], end))
    }

    private fun check(node: Node) {
        val left = node.left ?: return
        val right = rank(node.at + node.high - node.low) - rank(node.at)
        require(right == node.high - node.middle, "damaged: order of the tokens")
        check(left)
        check(node.right!!)
    }

    /** Where the token of an id, from 0, is among the sorted tokens of a node. */
    private fun position(node: Node, id: Int): Int {
        if (node.left == null) return id - node.low
        val fromRight = id >= node.middle
        val wanted = position((if (fromRight) node.right else node.left)!!, id) + 1
        var low = 0
        var high = node.high - node.low - 1
        while (low < high) {
            val middle = (low + high) / 2
            val right = rank(node.at + middle + 1) - rank(node.at)
            if ((if (fromRight) right else middle + 1 - right) >= wanted) high = middle
            else low = middle + 1
        }
        return low
    }

    /** How many of the first bits of the permutation are ones. */
    private fun rank(bits: Int): Int =
        ones[bits / 512] + count(orderAt + bits / 512 * 512, bits % 512)

    private fun count(at: Int, bits: Int): Int { // `at` is at a whole byte
        var sum = 0
        for (k in 0 until bits / 8) sum += Integer.bitCount(bytes[at / 8 + k].toInt() and 255)
        for (k in bits / 8 * 8 until bits) sum += bit(at + k)
        return sum
    }

    // -- Bits, the most significant of a byte first. --------------------------------------------

    private fun bit(at: Int): Int {
        require(at >= 0 && at shr 3 < bytes.size, "damaged: cut off")
        return bytes[at shr 3].toInt() shr (7 - (at and 7)) and 1
    }

    /** A canonical prefix code: how many words of each length, symbols in the order of words. */
    private class Code(first: Int, lengths: IntArray) {
        val counts = IntArray(16).also { for (length in lengths) it[length]++ }
        val symbols = lengths.indices.filter { lengths[it] > 0 }.sortedBy { lengths[it] }.map { first + it }
    }

    private inner class Cursor(var at: Int) {
        fun align() { at = (at + 7) / 8 * 8 }

        fun take(width: Int): Long {
            var value = 0L
            for (k in 0 until width) value = value shl 1 or bit(at++).toLong()
            return value
        }

        fun expGolomb(order: Int): Long {
            var zeros = 0
            while (bit(at) == 0) { zeros++; at++ }
            require(zeros < 64, "damaged: number too long")
            return ((take(zeros + 1) - 1) shl order) + take(order)
        }

        fun code(): Code {
            val first = take(9).toInt()
            val last = take(9).toInt()
            return Code(first, IntArray(maxOf(0, last - first + 1)) { take(4).toInt() })
        }

        fun symbol(code: Code): Int {
            var word = 0
            var firstWord = 0
            var before = 0
            for (length in 1..15) {
                word = word shl 1 or bit(at++)
                val words = code.counts[length]
                if (word - firstWord in 0 until words) return code.symbols[before + word - firstWord]
                before += words
                firstWord = (firstWord + words) shl 1
            }
            throw VocabularyException("damaged: no code word")
        }
    }

    private fun require(holds: Boolean, message: String) {
        if (!holds) throw VocabularyException("vocabulary: $message")
    }

    companion object {
        /** The vocabulary of a whole .tflite, mapped or in memory. */
        fun fromModel(model: ByteBuffer): StoredVocabulary {
            val file = model.duplicate().order(ByteOrder.LITTLE_ENDIAN)
            try {
                return StoredVocabulary(member(file, "vocabulary.tfcv"))
            } catch (error: RuntimeException) {
                throw VocabularyException("the archive behind the model is damaged: $error")
            }
        }

        /** A member of the ZIP archive behind the flatbuffer, which is stored as it is. */
        private fun member(file: ByteBuffer, name: String): ByteArray {
            fun short(at: Int) = file.getShort(at).toInt() and 0xffff
            fun read(at: Int, size: Int) = ByteArray(size).also {
                (file.duplicate().position(at) as ByteBuffer).get(it)
            }
            var end = file.limit() - 22
            val lowest = maxOf(0, end - 0xffff)
            while (end >= lowest && file.getInt(end) != 0x06054b50) end--
            if (end < lowest) throw VocabularyException("the model holds no vocabulary")
            var at = file.getInt(end + 16)
            repeat(short(end + 10)) {
                val nameSize = short(at + 28)
                if (String(read(at + 46, nameSize)) == name && short(at + 10) == 0) {
                    val local = file.getInt(at + 42)
                    val start = local + 30 + short(local + 26) + short(local + 28)
                    return read(start, file.getInt(at + 24))
                }
                at += 46 + nameSize + short(at + 30) + short(at + 32)
            }
            throw VocabularyException("the model holds no vocabulary; convert it with --vocabulary")
        }
    }
}
