//! The element types of GGML and how many bytes a block of each takes.

/// An element type.
pub(super) struct Type {
    /// Its number in files.
    pub(super) id: u32,
    /// Its name.
    pub(super) name: &'static str,
    /// Elements of a block.
    pub(super) block: u64,
    /// Bytes of a block.
    pub(super) bytes: u64,
    /// Files once used it and current readers refuse it.
    pub(super) removed: bool,
}

const fn now(id: u32, name: &'static str, block: u64, bytes: u64) -> Type {
    Type {
        id,
        name,
        block,
        bytes,
        removed: false,
    }
}

const fn once(id: u32, name: &'static str, block: u64, bytes: u64) -> Type {
    Type {
        id,
        name,
        block,
        bytes,
        removed: true,
    }
}

static TYPES: &[Type] = &[
    now(0, "F32", 1, 4),
    now(1, "F16", 1, 2),
    now(2, "Q4_0", 32, 18),
    now(3, "Q4_1", 32, 20),
    once(4, "Q4_2", 16, 10),
    once(5, "Q4_3", 16, 12),
    now(6, "Q5_0", 32, 22),
    now(7, "Q5_1", 32, 24),
    now(8, "Q8_0", 32, 34),
    now(9, "Q8_1", 32, 40),
    now(10, "Q2_K", 256, 84),
    now(11, "Q3_K", 256, 110),
    now(12, "Q4_K", 256, 144),
    now(13, "Q5_K", 256, 176),
    now(14, "Q6_K", 256, 210),
    now(15, "Q8_K", 256, 292),
    now(16, "IQ2_XXS", 256, 66),
    now(17, "IQ2_XS", 256, 74),
    now(18, "IQ3_XXS", 256, 98),
    now(19, "IQ1_S", 256, 50),
    now(20, "IQ4_NL", 32, 18),
    now(21, "IQ3_S", 256, 110),
    now(22, "IQ2_S", 256, 82),
    now(23, "IQ4_XS", 256, 136),
    now(24, "I8", 1, 1),
    now(25, "I16", 1, 2),
    now(26, "I32", 1, 4),
    now(27, "I64", 1, 8),
    now(28, "F64", 1, 8),
    now(29, "IQ1_M", 256, 56),
    now(30, "BF16", 1, 2),
    once(31, "Q4_0_4_4", 32, 18),
    once(32, "Q4_0_4_8", 32, 18),
    once(33, "Q4_0_8_8", 32, 18),
    now(34, "TQ1_0", 256, 54),
    now(35, "TQ2_0", 256, 66),
    once(36, "IQ4_NL_4_4", 32, 18),
    once(37, "IQ4_NL_4_8", 32, 18),
    once(38, "IQ4_NL_8_8", 32, 18),
    now(39, "MXFP4", 32, 17),
    now(40, "NVFP4", 64, 36),
    now(41, "Q1_0", 128, 18),
];

/// The type of that number.
pub(super) fn of(id: u32) -> Option<&'static Type> {
    TYPES.iter().find(|t| t.id == id)
}

impl Type {
    /// The bytes of so many elements in rows of `row`; `None` where a row is no number of blocks or nobody can count it.
    pub(super) fn size(&self, elements: u64, row: u64) -> Option<u64> {
        if !row.is_multiple_of(self.block) {
            return None;
        }
        elements.checked_div(self.block)?.checked_mul(self.bytes)
    }
}
