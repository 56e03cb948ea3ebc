//! The opcodes of protocols 0 to 5, as one table: byte, name and the shape of the operand.
//!
//! The machine, the disassembler and the assembler read the same table, so they cannot disagree about where an
//! instruction ends.

/// The shape of an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// There is none.
    None,
    /// One unsigned byte.
    U1,
    /// Two bytes, little-endian, unsigned.
    U2,
    /// Four bytes, little-endian, signed.
    I4,
    /// Four bytes, little-endian, unsigned.
    U4,
    /// Eight bytes, little-endian, unsigned.
    U8,
    /// A big-endian double.
    F8,
    /// A length of one byte and as many bytes.
    Bytes1,
    /// An unsigned length of four bytes and as many bytes.
    Bytes4,
    /// A signed length of four bytes and as many bytes.
    Bytes4Signed,
    /// A length of eight bytes and as many bytes.
    Bytes8,
    /// A line.
    Line,
    /// Two lines: a module and a name.
    TwoLines,
}

macro_rules! opcodes {
    ($($name:ident = $byte:literal $operand:ident,)+) => {
        $(pub(crate) const $name: u8 = $byte;)+

        /// The name and operand of an opcode; `None` for a byte that is none.
        pub(crate) fn describe(byte: u8) -> Option<(&'static str, Operand)> {
            match byte {
                $($name => Some((stringify!($name), Operand::$operand)),)+
                _ => None,
            }
        }

        /// The byte of an opcode, by its name.
        #[cfg(any(test, feature = "assemble"))]
        pub(crate) fn by_name(name: &str) -> Option<u8> {
            match name {
                $(stringify!($name) => Some($name),)+
                _ => None,
            }
        }
    };
}

opcodes! {
    MARK = 0x28 None,
    EMPTY_TUPLE = 0x29 None,
    STOP = 0x2e None,
    POP = 0x30 None,
    POP_MARK = 0x31 None,
    DUP = 0x32 None,
    BINBYTES = 0x42 Bytes4,
    SHORT_BINBYTES = 0x43 Bytes1,
    FLOAT = 0x46 Line,
    BINFLOAT = 0x47 F8,
    INT = 0x49 Line,
    BININT = 0x4a I4,
    BININT1 = 0x4b U1,
    LONG = 0x4c Line,
    BININT2 = 0x4d U2,
    NONE = 0x4e None,
    PERSID = 0x50 Line,
    BINPERSID = 0x51 None,
    REDUCE = 0x52 None,
    STRING = 0x53 Line,
    BINSTRING = 0x54 Bytes4Signed,
    SHORT_BINSTRING = 0x55 Bytes1,
    UNICODE = 0x56 Line,
    BINUNICODE = 0x58 Bytes4,
    EMPTY_LIST = 0x5d None,
    APPEND = 0x61 None,
    BUILD = 0x62 None,
    GLOBAL = 0x63 TwoLines,
    DICT = 0x64 None,
    APPENDS = 0x65 None,
    GET = 0x67 Line,
    BINGET = 0x68 U1,
    INST = 0x69 TwoLines,
    LONG_BINGET = 0x6a U4,
    LIST = 0x6c None,
    OBJ = 0x6f None,
    PUT = 0x70 Line,
    BINPUT = 0x71 U1,
    LONG_BINPUT = 0x72 U4,
    SETITEM = 0x73 None,
    TUPLE = 0x74 None,
    SETITEMS = 0x75 None,
    EMPTY_DICT = 0x7d None,
    PROTO = 0x80 U1,
    NEWOBJ = 0x81 None,
    EXT1 = 0x82 U1,
    EXT2 = 0x83 U2,
    EXT4 = 0x84 I4,
    TUPLE1 = 0x85 None,
    TUPLE2 = 0x86 None,
    TUPLE3 = 0x87 None,
    NEWTRUE = 0x88 None,
    NEWFALSE = 0x89 None,
    LONG1 = 0x8a Bytes1,
    LONG4 = 0x8b Bytes4Signed,
    SHORT_BINUNICODE = 0x8c Bytes1,
    BINUNICODE8 = 0x8d Bytes8,
    BINBYTES8 = 0x8e Bytes8,
    EMPTY_SET = 0x8f None,
    ADDITEMS = 0x90 None,
    FROZENSET = 0x91 None,
    NEWOBJ_EX = 0x92 None,
    STACK_GLOBAL = 0x93 None,
    MEMOIZE = 0x94 None,
    FRAME = 0x95 U8,
    BYTEARRAY8 = 0x96 Bytes8,
    NEXT_BUFFER = 0x97 None,
    READONLY_BUFFER = 0x98 None,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_opcode_of_the_six_protocols_is_there() {
        let known = (0..=u8::MAX).filter(|b| describe(*b).is_some()).count();
        assert_eq!(known, 68);
        assert_eq!(by_name("STACK_GLOBAL"), Some(0x93));
    }
}
