//! Values in words, as a record has them.

use super::{
    Datum,
    call::Arguments,
    machine::Machine,
    value::{HOLE, Kind, Value, What},
};

impl<'a> Machine<'a, '_> {
    /// The arguments as a record has them.
    pub(super) fn quoted(&self, arguments: &Arguments) -> Vec<String> {
        let mut out: Vec<String> = arguments
            .positional
            .iter()
            .take(12)
            .map(|v| self.quote(v, 2))
            .collect();
        if arguments.more.is_some() {
            out.push(format!("*{HOLE}"));
        }
        for (name, value) in arguments.keywords.iter().take(12) {
            out.push(format!("{name}={}", self.quote(value, 2)));
        }
        out
    }

    fn quote(&self, value: &Value, depth: u8) -> String {
        const LONGEST: usize = 400;
        let cut = |text: &str| text.chars().take(LONGEST).collect::<String>();
        match &value.what {
            What::Datum(datum) => match datum {
                Datum::None => "None".to_owned(),
                Datum::Bool(b) => if *b { "True" } else { "False" }.to_owned(),
                Datum::Int(n) => n.to_string(),
                Datum::Float(f) => f.to_string(),
                _ => value.words().map_or_else(|| HOLE.to_string(), cut),
            },
            What::Shape(text) => cut(text),
            What::Path(path) => cut(path),
            What::Object(_) => match self.container(value) {
                Some(container) if depth > 0 && !container.vague => {
                    let inner = depth.saturating_sub(1);
                    let parts: Vec<String> = match container.kind {
                        Kind::Dict => {
                            let keys = container.keys.iter().map(|k| self.quote(k, inner));
                            let items = container.items.iter().map(|v| self.quote(v, inner));
                            keys.zip(items)
                                .take(16)
                                .map(|(k, v)| format!("{k}: {v}"))
                                .collect()
                        }
                        _ => container
                            .items
                            .iter()
                            .take(16)
                            .map(|v| self.quote(v, inner))
                            .collect(),
                    };
                    cut(&format!("[{}]", parts.join(", ")))
                }
                _ => HOLE.to_string(),
            },
            What::OneOf(choices) => {
                let known: Vec<String> = choices.iter().map(|c| self.quote(c, 1)).collect();
                let told = known.iter().filter(|k| k.chars().any(|c| c != HOLE));
                let told: Vec<&str> = told.map(String::as_str).collect();
                if told.is_empty() {
                    HOLE.to_string()
                } else {
                    cut(&told.join("|"))
                }
            }
            What::Unknown | What::Symbol(_) | What::Module(_) => HOLE.to_string(),
        }
    }
}
