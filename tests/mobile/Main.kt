// Prints the id of each line of a file, then the token of each id.
import java.io.File
import java.nio.ByteBuffer
import tfcompress.StoredVocabulary
import tfcompress.VocabularyException

fun main(args: Array<String>) {
    try {
        val vocabulary = StoredVocabulary.fromModel(ByteBuffer.wrap(File(args[0]).readBytes()))
        for (token in File(args[1]).readLines()) println(vocabulary.id(token))
        check(vocabulary.id("\uD83D") == 1) { "half a character is no token" }
        for (id in 0 until vocabulary.size) println(vocabulary.token(id) ?: "-")
    } catch (error: VocabularyException) {
        println(error.message)
    }
}
