//! A library of Linux for x86-64, without sections, that does nothing: its functions return before they call.
//!
//! `needed LIBRARY`, `import NAME`, `text TEXT`, `constructor` (the loader runs it) and `module NAME` (a function that importing
//! the Python module runs). Below the last two: `call NAME` calls an import, `deep NAME` does so by a further function.

use super::{
    AssembleError,
    listing::{Item, parse},
};

/// Headers, and the table of symbols behind them.
const SYMBOLS: u64 = 64 + 2 * 56;
/// Bytes of a function.
const BODY: u64 = 64;

/// A function: the name it is exported under, and the imports that it calls, directly or not.
struct Function {
    exported: Option<String>,
    calls: Vec<(usize, bool)>,
}

#[derive(Default)]
struct Library {
    needed: Vec<String>,
    imports: Vec<String>,
    functions: Vec<Function>,
    texts: Vec<u8>,
    strings: Vec<u8>,
}

impl Library {
    fn import(&mut self, name: &str) -> usize {
        self.imports
            .iter()
            .position(|known| known == name)
            .unwrap_or_else(|| {
                self.imports.push(name.to_owned());
                self.imports.len().saturating_sub(1)
            })
    }

    fn function(&mut self, item: &Item, exported: Option<String>) -> Result<(), AssembleError> {
        let mut calls = Vec::new();
        for call in parse(&item.body)? {
            match call.verb.as_str() {
                "call" => calls.push((self.import(&call.name), false)),
                "deep" => calls.push((self.import(&call.name), true)),
                other => return Err(call.error(format!("unknown verb `{other}`"))),
            }
        }
        self.functions.push(Function { exported, calls });
        Ok(())
    }

    fn string(&mut self, text: &str) -> u64 {
        let at = self.strings.len() as u64;
        self.strings.extend(text.as_bytes());
        self.strings.push(0);
        at
    }
}

/// Pads to a multiple.
fn pad(out: &mut Vec<u8>, to: u64, with: u8) -> u64 {
    while !(out.len() as u64).is_multiple_of(to) {
        out.push(with);
    }
    out.len() as u64
}

/// Fills a function up to its length.
fn fill(out: &mut Vec<u8>, start: u64) {
    while !(out.len() as u64).saturating_sub(start).is_multiple_of(BODY) {
        out.push(0xcc);
    }
}

fn words(out: &mut Vec<u8>, words: &[u64]) {
    for word in words {
        out.extend(word.to_le_bytes());
    }
}

pub(super) fn elf(items: &[Item]) -> Result<Vec<u8>, AssembleError> {
    let mut library = Library::default();
    library.string("");
    for item in items {
        match item.verb.as_str() {
            "library" => {}
            "needed" => library.needed.push(item.name.clone()),
            "import" => {
                library.import(&item.name);
            }
            "text" => {
                library.texts.extend(item.name.as_bytes());
                library.texts.push(0);
            }
            "constructor" => library.function(item, None)?,
            "module" => library.function(item, Some(format!("PyInit_{}", item.name)))?,
            other => return Err(item.error(format!("unknown verb `{other}`"))),
        }
    }
    Ok(library.bytes())
}

impl Library {
    fn bytes(mut self) -> Vec<u8> {
        let needed: Vec<u64> = self.needed.clone().iter().map(|n| self.string(n)).collect();
        let imports: Vec<u64> = self.imports.clone().iter().map(|n| self.string(n)).collect();
        let exported: Vec<Option<String>> = self.functions.iter().map(|f| f.exported.clone()).collect();
        let names: Vec<Option<u64>> = exported.into_iter().map(|n| n.map(|n| self.string(&n))).collect();
        let constructors: Vec<usize> = (0..names.len())
            .filter(|i| names.get(*i).is_some_and(Option::is_none))
            .collect();
        let modules = names.iter().flatten().count() as u64;
        let (imported, arrayed) = (imports.len() as u64, constructors.len() as u64);

        // Where everything will lie; addresses are places in the file.
        let strings =
            SYMBOLS.saturating_add(24_u64.saturating_mul(imported.saturating_add(modules).saturating_add(1)));
        let relocations = strings
            .saturating_add(self.strings.len() as u64)
            .next_multiple_of(8);
        let relocated = imported.saturating_add(arrayed);
        let slots = relocations.saturating_add(relocated.saturating_mul(24));
        let array = slots.saturating_add(imported.saturating_mul(8));
        let code = array
            .saturating_add(arrayed.saturating_mul(8))
            .next_multiple_of(16);
        let place = |function: usize| code.saturating_add((function as u64).saturating_mul(BODY));
        let slot = |import: usize| slots.saturating_add((import as u64).saturating_mul(8));

        let mut out = vec![0; usize::try_from(SYMBOLS).unwrap_or(0)];
        words(&mut out, &[0; 3]);
        for name in &imports {
            // A global function that is defined elsewhere.
            words(&mut out, &[name | 0x12 << 32, 0, 0]);
        }
        for (function, name) in names.iter().enumerate() {
            if let Some(name) = name {
                words(&mut out, &[name | 0x12 << 32 | 1 << 48, place(function), 0]);
            }
        }
        out.extend(&self.strings);
        pad(&mut out, 8, 0);
        for import in 0..imports.len() {
            let symbol = (import as u64).saturating_add(1);
            words(&mut out, &[slot(import), symbol << 32 | 6, 0]);
        }
        for (index, function) in (0_u64..).zip(&constructors) {
            let at = array.saturating_add(index.saturating_mul(8));
            words(&mut out, &[at, 8, place(*function)]);
        }
        words(
            &mut out,
            &vec![0; imports.len().saturating_add(constructors.len())],
        );
        pad(&mut out, 16, 0);
        self.code(&mut out, &slot);
        out.extend(&self.texts);
        let dynamic = pad(&mut out, 8, 0);
        for name in &needed {
            words(&mut out, &[1, *name]);
        }
        words(
            &mut out,
            &[
                5,
                strings,
                10,
                self.strings.len() as u64,
                6,
                SYMBOLS,
                11,
                24,
                7,
                relocations,
                8,
                relocated.saturating_mul(24),
                9,
                24,
            ],
        );
        if arrayed > 0 {
            words(&mut out, &[25, array, 27, arrayed.saturating_mul(8)]);
        }
        words(&mut out, &[0, 0]);
        headers(&mut out, dynamic);
        out
    }

    /// Each function returns at once, so what follows never runs; a further one for each call that goes deep.
    fn code(&self, out: &mut Vec<u8>, slot: &dyn Fn(usize) -> u64) {
        let call = |out: &mut Vec<u8>, opcode: &[u8], target: u64| {
            out.extend(opcode);
            let behind = (out.len() as u64).saturating_add(4);
            let distance = target.cast_signed().saturating_sub(behind.cast_signed());
            out.extend(i32::try_from(distance).unwrap_or(0).to_le_bytes());
        };
        let start = out.len() as u64;
        let mut further = self.functions.len() as u64;
        let mut deep = Vec::new();
        for function in &self.functions {
            out.push(0xc3);
            for (import, deeper) in &function.calls {
                if *deeper {
                    call(out, &[0xe8], start.saturating_add(further.saturating_mul(BODY)));
                    further = further.saturating_add(1);
                    deep.push(*import);
                } else {
                    call(out, &[0xff, 0x15], slot(*import));
                }
            }
            out.push(0xc3);
            fill(out, start);
        }
        for import in deep {
            out.push(0xc3);
            call(out, &[0xff, 0x15], slot(import));
            out.push(0xc3);
            fill(out, start);
        }
    }
}

/// Fills in the headers: one part of the file that is all of it, and the dynamic table.
fn headers(out: &mut [u8], dynamic: u64) {
    let size = out.len() as u64;
    let mut head = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
    head.resize(16, 0);
    head.extend([3, 0, 62, 0, 1, 0, 0, 0]);
    words(&mut head, &[0, 64, 0]);
    head.extend([0; 4]);
    head.extend([64, 0, 56, 0, 2, 0, 64, 0, 0, 0, 0, 0]);
    words(&mut head, &[1 | 7 << 32, 0, 0, 0, size, size, 16]);
    let table = size.saturating_sub(dynamic);
    words(
        &mut head,
        &[2 | 6 << 32, dynamic, dynamic, dynamic, table, table, 8],
    );
    for (to, from) in out.iter_mut().zip(head) {
        *to = from;
    }
}
