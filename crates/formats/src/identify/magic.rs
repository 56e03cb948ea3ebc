//! Formats that begin with bytes of their own.

use crate::{
    format::{
        Format,
        table::{self as t},
    },
    marshal,
};

/// Offset, bytes, format. The first that fits wins, so longer ones stand before their prefixes.
static MAGIC: &[(usize, &[u8], &Format)] = &[
    (0, b"\x93NUMPY", &t::NPY),
    (0, b"\x89HDF\r\n\x1a\n", &t::HDF5),
    (0, b"GGUF", &t::GGUF),
    (0, b"FUGG", &t::GGUF),
    (0, b"lmgg", &t::GGML),
    (0, b"tjgg", &t::GGML),
    (0, b"fmgg", &t::GGML),
    (0, b"algg", &t::GGML),
    (4, b"TFL3", &t::TFLITE),
    (4, b"ET12", &t::EXECUTORCH),
    (0, b"CBM1", &t::CATBOOST),
    (0, b"\xba\x16\x4f\x2f", &t::FASTTEXT),
    (0, b"\x12\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0", &t::MXNET),
    (0, b"ftrt", &t::TENSORRT),
    (0, b"ptrt", &t::TENSORRT),
    (0, b"RKNN", &t::RKNN),
    (0, b"B\0C\0N\0\0\0", &t::CNTK),
    (0, b"\x0c\xdb\x3a\x2a", &t::OCDBT),
    (0, b"RDX2\n", &t::R_DATA),
    (0, b"RDX3\n", &t::R_DATA),
    (0, b"RDA2\nA\n", &t::R_DATA),
    (0, b"RDA3\nA\n", &t::R_DATA),
    (0, b"RDB2\nB\n", &t::R_DATA),
    (0, b"RDB3\nB\n", &t::R_DATA),
    (0, b"B\n\x02\0\0\0", &t::R_DATA),
    (0, b"B\n\x03\0\0\0", &t::R_DATA),
    (0, b"X\n\0\0\0\x02\0", &t::R_DATA),
    (0, b"X\n\0\0\0\x03\0", &t::R_DATA),
    (0, b"\x1f\x8b\x08", &t::GZIP),
    (0, b"\xfd7zXZ\0", &t::XZ),
    (0, b"\x28\xb5\x2f\xfd", &t::ZSTD),
    (0, b"\x04\x22\x4d\x18", &t::LZ4),
    (0, b"\x02\x21\x4c\x18", &t::LZ4),
    (0, b"7z\xbc\xaf\x27\x1c", &t::SEVEN_ZIP),
    (0, b"Rar!\x1a\x07", &t::RAR),
    (0, b"MSCF\0\0\0\0", &t::CAB),
    (0, b"!<arch>\n", &t::AR),
    (0, b"hsqs", &t::SQUASHFS),
    (0, b"PAR1", &t::PARQUET),
    (0, b"ARROW1\0\0", &t::ARROW),
    (0, b"FEA1", &t::ARROW),
    (0, b"SQLite format 3\0", &t::SQLITE),
    (0, b"\x89PNG\r\n\x1a\n", &t::PNG),
    (0, b"\xff\xd8\xff", &t::JPEG),
    (0, b"GIF87a", &t::GIF),
    (0, b"GIF89a", &t::GIF),
    (0, b"II*\0", &t::TIFF),
    (0, b"MM\0*", &t::TIFF),
    (0, b"\0\0\x01\0", &t::ICO),
    (0, b"icns", &t::ICO),
    (8, b"WEBPVP8", &t::WEBP),
    (8, b"WAVEfmt ", &t::WAV),
    (8, b"AVI LIST", &t::AVI),
    (0, b"MATLAB 5.0 MAT-file", &t::MATLAB),
    (0, b"CDF\x01", &t::NETCDF),
    (0, b"CDF\x02", &t::NETCDF),
    (0, b"SIMPLE  =", &t::FITS),
    (0, b"fLaC", &t::FLAC),
    (0, b"OggS\0", &t::OGG),
    (0, b"ID3\x02", &t::MP3),
    (0, b"ID3\x03", &t::MP3),
    (0, b"ID3\x04", &t::MP3),
    (4, b"ftyp", &t::MP4),
    (0, b"\x1a\x45\xdf\xa3", &t::MATROSKA),
    (0, b"\0\x01\0\0\0", &t::FONT),
    (0, b"OTTO\0", &t::FONT),
    (0, b"ttcf\0", &t::FONT),
    (0, b"wOFF", &t::FONT),
    (0, b"wOF2", &t::FONT),
    (0, b"%PDF-", &t::PDF),
    (0, b"\x7fELF", &t::ELF),
    (0, b"MZqFpD", &t::APE),
    (0, b"jartsr='", &t::APE),
    (0, b"\xfe\xed\xfa\xce", &t::MACH_O),
    (0, b"\xfe\xed\xfa\xcf", &t::MACH_O),
    (0, b"\xce\xfa\xed\xfe", &t::MACH_O),
    (0, b"\xcf\xfa\xed\xfe", &t::MACH_O),
    (0, b"\0asm", &t::WASM),
    (0, b"dex\n03", &t::DEX),
    (0, b"version https://git-lfs", &t::LFS_POINTER),
    // Weights of a Core ML program: a header of a page's length, then the sentinel of the first array.
    (64, b"\xef\xbe\xad\xde", &t::RAW_TENSOR),
];

/// Formats that only a name can tell, because they begin with nothing of their own.
static NAME_ONLY: &[&Format] = &[
    &t::ONNX,
    &t::SAVED_MODEL,
    &t::PROTOBUF,
    &t::TENSORFLOW_GRAPH,
    &t::KERAS_METADATA,
    &t::CORE_ML,
    &t::CAFFE,
    &t::PADDLE,
    &t::RAW_TENSOR,
    &t::MSGPACK,
    &t::XGBOOST_UBJ,
    &t::TORCH7,
    &t::TFRECORD,
];

pub(super) fn has_none(format: &Format) -> bool {
    NAME_ONLY.contains(&format)
}

/// The format whose magic number `head` begins with.
pub(super) fn of(head: &[u8]) -> Option<&'static Format> {
    let plain = MAGIC
        .iter()
        .find(|(at, magic, _)| head.get(*at..).is_some_and(|rest| rest.starts_with(magic)));
    plain.map(|(_, _, format)| *format).or_else(|| checked(head))
}

/// Whether `head` is the sound header of a native program, beyond its magic number.
pub(super) fn is_program(format: &Format, head: &[u8]) -> bool {
    let at = |i: usize| head.get(i).copied().unwrap_or(0xff);
    match format.name {
        // Class, byte order, version; then a type of object file.
        "elf" => matches!((at(4), at(5), at(6)), (1 | 2, 1 | 2, 1)),
        "pe" | "ape" => true,
        // A known kind of processor and of file.
        "mach-o" => {
            let little = matches!(at(0), 0xce | 0xcf);
            let kind = if little { at(12) } else { at(15) };
            at(0) == 0xca || (1..=12).contains(&kind)
        }
        _ => false,
    }
}

/// Formats whose magic number is so short that more has to fit.
fn checked(head: &[u8]) -> Option<&'static Format> {
    let at = |i: usize| head.get(i).copied().unwrap_or(0);
    match head {
        [
            b'B',
            b'Z',
            b'h',
            b'1'..=b'9',
            0x31,
            0x41,
            0x59,
            0x26,
            0x53,
            0x59,
            ..,
        ]
        | [
            b'B',
            b'Z',
            b'h',
            b'1'..=b'9',
            0x17,
            0x72,
            0x45,
            0x38,
            0x50,
            0x90,
            ..,
        ] => Some(&t::BZIP2),
        // Properties below 225, a dictionary of 2^n or 2^n + 2^(n-1), and a size that is unknown or below 256 GiB.
        [props, 0, 0, _, d, size @ ..] if *props < 225 && *props == 0x5d && *d < 0x10 => {
            let unknown = size.starts_with(&[0xff; 8]);
            let small = size.get(5..8).is_some_and(|high| high == [0, 0, 0]);
            (unknown || small).then_some(&t::LZMA)
        }
        // Zstandard may begin with frames that are to be skipped; LZ4 shares them, and nobody writes one first.
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(&t::ZSTD),
        [b'M', b'Z', ..] => {
            let pe = u32::from_le_bytes([at(0x3c), at(0x3d), at(0x3e), at(0x3f)]);
            let pe = usize::try_from(pe).ok()?;
            let signature = head.get(pe..)?;
            (signature.starts_with(b"PE\0\0") || signature.starts_with(b"NE")).then_some(&t::PE)
        }
        // Both universal Mach-O and Java begin so; the next word is a small count there, a version from 45 on here.
        [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, count, ..] if *count < 40 => Some(&t::MACH_O),
        [0xca, 0xfe, 0xba, 0xbe, _, _, _, version, ..] if *version >= 45 => Some(&t::JAVA_CLASS),
        [0xca, 0xfe, 0xba, 0xbf, 0, 0, 0, ..] => Some(&t::MACH_O),
        [b'B', b'M', ..]
            if at(6) == 0 && at(7) == 0 && at(8) == 0 && at(9) == 0 && at(14) >= 12 && at(15) == 0 =>
        {
            Some(&t::BMP)
        }
        // An MPEG audio frame: layer III, a bit rate and a sample rate that exist.
        [0xff, b, c, ..] if b & 0xe6 == 0xe2 && c & 0xf0 != 0xf0 && c & 0x0c != 0x0c && c & 0xf0 != 0 => {
            Some(&t::MP3)
        }
        // R's text form: its letter, the version of the form, that of R as one number.
        [
            b'A',
            b'\n',
            b'2' | b'3',
            b'\n',
            b'1'..=b'9',
            b'0'..=b'9',
            b'0'..=b'9',
            ..,
        ] => Some(&t::R_DATA),
        // CPython's magic: a version, CR LF; then flags below 4.
        // CPython's magic: a version, CR LF; then flags below 4.
        [
            _,
            0x0c | 0x0d | 0x0e | 0xf2 | 0xf3,
            0x0d,
            0x0a,
            flags,
            0,
            0,
            0,
            ..,
        ] if *flags < 4 => Some(&t::PYTHON_BYTECODE),
        // CPython's magic: a version, CR LF; then what fits that version.
        [_, 0x0c | 0x0d | 0x0e | 0xf2 | 0xf3, 0x0d, 0x0a, ..] if marshal::is_pyc(head) => {
            Some(&t::PYTHON_BYTECODE)
        }
        _ => None,
    }
}
