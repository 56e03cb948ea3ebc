//! The tensors as one safetensors file, written from front to back.

use super::{Disarmed, Weights, leaf::quote};
use std::io::{self, Write};
use wellhead_core::Budget;

impl Disarmed {
    /// The header: names, types and places of the tensors, and beside them what is not a tensor.
    ///
    /// Under `format` stands what the usual loaders ask for; under `wellhead` a JSON document with everything else.
    fn header(&self, order: &[&Weights]) -> Vec<u8> {
        let mut out = String::from("{\"__metadata__\":{\"format\":");
        quote(self.framework, &mut out);
        out.push_str(",\"wellhead\":");
        quote(&self.beside(), &mut out);
        out.push('}');
        let mut at = 0_u64;
        for weights in order {
            let end = at.saturating_add(weights.bytes);
            out.push(',');
            quote(&weights.name, &mut out);
            out.push_str(&format!(
                ":{{\"dtype\":\"{}\",\"shape\":{:?},\"data_offsets\":[{at},{end}]}}",
                weights.dtype, weights.shape
            ));
            at = end;
        }
        out.push('}');
        // The data begins at a multiple of eight, so that it can be mapped.
        while !out.len().is_multiple_of(8) {
            out.push(' ');
        }
        out.into_bytes()
    }

    /// What is not a tensor, as JSON.
    fn beside(&self) -> String {
        let mut out = String::from("{\"values\":{");
        for (i, (name, leaf)) in self.leaves.iter().enumerate() {
            comma(i, &mut out);
            quote(name, &mut out);
            out.push(':');
            out.push_str(&leaf.json());
        }
        out.push_str("},\"aliases\":{");
        for (i, (name, first)) in self.aliases.iter().enumerate() {
            comma(i, &mut out);
            quote(name, &mut out);
            out.push(':');
            quote(first, &mut out);
        }
        out.push_str("},\"dropped\":{");
        for (i, dropped) in self.dropped.iter().enumerate() {
            comma(i, &mut out);
            quote(&dropped.path, &mut out);
            out.push(':');
            quote(&dropped.why, &mut out);
        }
        out.push_str("}}");
        out
    }

    /// Writes the file.
    ///
    /// # Errors
    /// Where a source cannot be read, `out` cannot be written or the budget runs out; `out` is not whole then.
    pub fn write(&self, out: &mut dyn Write, budget: &mut Budget) -> io::Result<()> {
        let mut order: Vec<&Weights> = self.weights.iter().collect();
        // The widest types first, so that every tensor begins at a multiple of its element.
        order.sort_by(|a, b| (b.layout.size, &a.name).cmp(&(a.layout.size, &b.name)));
        let header = self.header(&order);
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        for weights in order {
            weights.layout.write(out, budget)?;
        }
        Ok(())
    }
}

fn comma(i: usize, out: &mut String) {
    if i > 0 {
        out.push(',');
    }
}
