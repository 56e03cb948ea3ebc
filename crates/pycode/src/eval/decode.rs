//! Decoders of text and bytes: bases, codecs, compressions.
