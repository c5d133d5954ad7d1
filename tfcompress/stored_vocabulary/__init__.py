"""A vocabulary in few bytes, for the phone: token -> id and id -> token, exact, one at a time.

FORMAT.md describes the bytes; mobile/ holds readers in Kotlin and Swift.
"""

from tfcompress.stored_vocabulary.stored import StoredVocabulary, store

__all__ = ["StoredVocabulary", "store"]
