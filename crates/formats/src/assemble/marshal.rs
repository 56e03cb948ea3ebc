//! Compiled Python: `pyc VERSION` (its body is the code) or `code NAME` alone, as models hold functions.
//!
//! Below `code`: `import MODULE`, `call PATH ARGUMENT` (imports the first part of the path unless it is a builtin),
//! `name NAME` (a name that no instruction uses), `text TEXT` (a constant), `main` (what follows runs only in the program
//! that was started), `call-function NAME` (a function of this file), and `code NAME` (a function of this file).

use super::{AssembleError, listing::Item, listing::parse};
use crate::marshal::number_of;

struct Writer {
    minor: u8,
    names: Vec<String>,
    consts: Vec<Vec<u8>>,
    code: Vec<u8>,
}

/// The first number of the header for each version, 3.6 and later.
const MAGIC: [u16; 9] = [3379, 3394, 3413, 3425, 3439, 3495, 3531, 3571, 3627];

pub(super) fn marshal(items: &[Item]) -> Result<Vec<u8>, AssembleError> {
    let Some(item) = items.first() else {
        return Ok(Vec::new());
    };
    match item.verb.as_str() {
        "pyc" => {
            let minor = minor(item)?;
            let magic = MAGIC
                .get(usize::from(minor.saturating_sub(6)))
                .copied()
                .unwrap_or(0);
            let mut out = magic.to_le_bytes().to_vec();
            out.extend(b"\r\n");
            let flags: u32 = if item.has("unchecked") { 1 } else { 0 };
            if minor >= 7 {
                out.extend(flags.to_le_bytes());
            }
            out.extend([0; 8]);
            for inner in parse(&item.body)? {
                out.extend(code(&inner, minor)?);
            }
            Ok(out)
        }
        "code" => code(item, item.option("python").map_or(Ok(11), |v| number(item, v))?),
        other => Err(item.error(format!("unknown verb `{other}`"))),
    }
}

fn minor(item: &Item) -> Result<u8, AssembleError> {
    number(item, &item.name)
}

fn number(item: &Item, version: &str) -> Result<u8, AssembleError> {
    version
        .strip_prefix("3.")
        .and_then(|minor| minor.parse().ok())
        .filter(|minor| (6..15).contains(minor))
        .ok_or_else(|| item.error(format!("no version from 3.6 to 3.14: `{version}`")))
}

fn text(value: &str) -> Vec<u8> {
    let mut out = vec![b'u'];
    out.extend(u32::try_from(value.len()).unwrap_or(0).to_le_bytes());
    out.extend(value.as_bytes());
    out
}

fn bytes(value: &[u8]) -> Vec<u8> {
    let mut out = vec![b's'];
    out.extend(u32::try_from(value.len()).unwrap_or(0).to_le_bytes());
    out.extend(value);
    out
}

fn tuple(items: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![b'('];
    out.extend(u32::try_from(items.len()).unwrap_or(0).to_le_bytes());
    out.extend(items.concat());
    out
}

impl Writer {
    fn emit(&mut self, name: &str, arg: usize) {
        let Some((number, caches)) = number_of(self.minor, name) else {
            return;
        };
        if arg > 255 {
            self.emit("EXTENDED_ARG", arg >> 8);
        }
        self.code.extend([number, (arg & 0xff) as u8]);
        self.code.extend(vec![0; caches.saturating_mul(2)]);
    }

    fn name(&mut self, name: &str) -> usize {
        let found = self.names.iter().position(|n| n == name);
        found.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len().saturating_sub(1)
        })
    }

    fn constant(&mut self, object: Vec<u8>) -> usize {
        self.consts.push(object);
        self.consts.len().saturating_sub(1)
    }

    fn load(&mut self, object: Vec<u8>) {
        let at = self.constant(object);
        self.emit("LOAD_CONST", at);
    }

    fn import(&mut self, module: &str) {
        self.load(vec![b'i', 0, 0, 0, 0]);
        self.load(vec![b'N']);
        let at = self.name(module);
        self.emit("IMPORT_NAME", at);
        let top = self.name(module.split('.').next().unwrap_or_default());
        self.emit("STORE_NAME", top);
    }

    /// Calls a dotted path with a text.
    fn call(&mut self, path: &str, argument: &str) {
        let mut parts = path.split('.');
        if (11..13).contains(&self.minor) {
            self.emit("PUSH_NULL", 0);
        }
        let first = self.name(parts.next().unwrap_or_default());
        self.emit("LOAD_NAME", first);
        for part in parts {
            let at = self.name(part);
            let arg = if self.minor >= 12 { at << 1 } else { at };
            self.emit("LOAD_ATTR", arg);
        }
        if self.minor >= 13 {
            self.emit("PUSH_NULL", 0);
        }
        self.load(text(argument));
        if self.minor < 11 {
            self.emit("CALL_FUNCTION", 1);
        } else {
            self.emit("PRECALL", 1);
            self.emit("CALL", 1);
        }
        self.emit("POP_TOP", 0);
    }

    fn function(&mut self, name: &str, object: Vec<u8>) {
        self.load(object);
        if self.minor < 11 {
            self.load(text(name));
        }
        self.emit("MAKE_FUNCTION", 0);
        let at = self.name(name);
        self.emit("STORE_NAME", at);
    }

    /// What follows, to the end, only runs where the module is the program.
    fn main(&mut self, rest: &[u8]) {
        let at = self.name("__name__");
        self.emit("LOAD_NAME", at);
        self.load(text("__main__"));
        self.emit("COMPARE_OP", 2);
        let jump = if self.minor == 11 {
            "POP_JUMP_FORWARD_IF_FALSE"
        } else {
            "POP_JUMP_IF_FALSE"
        };
        let before = self.code.len();
        let target = before.saturating_add(2).saturating_add(rest.len());
        let arg = match self.minor {
            0..=9 => target,
            10 => target / 2,
            _ => rest.len() / 2,
        };
        self.emit(jump, arg);
        self.code.extend(rest);
    }
}

fn code(item: &Item, minor: u8) -> Result<Vec<u8>, AssembleError> {
    let mut w = Writer {
        minor,
        names: Vec::new(),
        consts: Vec::new(),
        code: Vec::new(),
    };
    let mut before_main = None;
    for line in parse(&item.body)? {
        match line.verb.as_str() {
            "import" => w.import(&line.name),
            "call" => {
                let path = line.name.as_str();
                if let Some((module, _)) = path.rsplit_once('.') {
                    w.import(module);
                }
                let argument = line.option("argument").unwrap_or_default().to_owned();
                let words: Vec<&str> = line.words().collect();
                let argument = if argument.is_empty() {
                    words.join(" ")
                } else {
                    argument
                };
                w.call(path, &argument);
            }
            "call-function" => w.call(&line.name, ""),
            "name" => {
                w.name(&line.name);
            }
            "text" => {
                w.constant(text(&line.name));
            }
            "main" => before_main = Some(std::mem::take(&mut w.code)),
            "code" => {
                let object = code(&line, minor)?;
                w.function(&line.name, object);
            }
            other => return Err(line.error(format!("unknown verb `{other}`"))),
        }
    }
    if let Some(before) = before_main {
        let rest = std::mem::replace(&mut w.code, before);
        w.main(&rest);
    }
    w.load(vec![b'N']);
    w.emit("RETURN_VALUE", 0);
    Ok(w.object(&item.name))
}

impl Writer {
    fn object(&self, name: &str) -> Vec<u8> {
        let names: Vec<Vec<u8>> = self.names.iter().map(|n| text(n)).collect();
        let mut out = vec![0xe3];
        let numbers: usize = match self.minor {
            0..=7 => 5,
            8..=10 => 6,
            _ => 5,
        };
        for _ in 0..numbers {
            out.extend(0_u32.to_le_bytes());
        }
        out.extend(bytes(&self.code));
        out.extend(tuple(&self.consts));
        out.extend(tuple(&names));
        out.extend(tuple(&[]));
        if self.minor >= 11 {
            out.extend(bytes(&[]));
        } else {
            out.extend(tuple(&[]));
            out.extend(tuple(&[]));
        }
        out.extend(text("made.py"));
        out.extend(text(name));
        if self.minor >= 11 {
            out.extend(text(name));
        }
        out.extend(1_u32.to_le_bytes());
        out.extend(bytes(&[]));
        if self.minor >= 11 {
            out.extend(bytes(&[]));
        }
        out
    }
}
