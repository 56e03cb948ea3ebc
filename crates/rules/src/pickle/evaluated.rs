//! Text that a class runs as code when it gets its state, told from the text that honest writers put there.
//!
//! The classes are harmless but for that one attribute, so it is read as strictly as it can be: the template of scipy's
//! distributions line by line, the formula of a statistical model by the functions that it may call.

use super::callables::{self, Judgement, Usage};
use wellhead_formats::pickle::{Evaluated, Program};

/// The key of what a call unpickles.
pub(crate) const ARGUMENT: &str = "argument";

/// Texts that do more than what their class needs.
pub(crate) fn harmful(program: &Program) -> impl Iterator<Item = &Evaluated> {
    program.evaluated.iter().filter(|e| {
        let harmless = match e.key.as_str() {
            "_parse_arg_template" => e.text.as_deref().is_some_and(is_template),
            "formula" => e.text.as_deref().is_some_and(is_formula),
            // Of a loader that is unsafe whatever it loads, that is said elsewhere.
            ARGUMENT => program
                .import(e.class)
                .is_none_or(|by| callables::judge(&by.module, &by.name, Usage::Call) != Judgement::Allowed),
            _ => false,
        };
        !harmless
    })
}

/// Only definitions of functions whose defaults are plain words; nothing of it runs before somebody calls them.
fn is_template(text: &str) -> bool {
    text.lines().filter(|line| !line.trim().is_empty()).all(|line| {
        let words = |s: &str| {
            s.bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b' ' | b',' | b'=' | b'\''))
        };
        let definition = line
            .strip_prefix("def _parse_args")
            .and_then(|rest| rest.strip_suffix("):"))
            .and_then(|rest| rest.split_once('('))
            .is_some_and(|(name, arguments)| matches!(name, "" | "_rvs" | "_stats") && words(arguments));
        let body = line.strip_prefix("    return ").is_some_and(|rest| {
            // The one call that the template makes; every other parenthesis has to open a tuple.
            let (call, rest) = match rest.strip_prefix("self._argcheck_rvs(") {
                Some(arguments) => (true, arguments),
                None => (false, rest),
            };
            let called = rest.match_indices('(').any(|(at, _)| {
                let before = rest.get(..at).unwrap_or_default().trim_end();
                before.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ')' | '\''))
            });
            !called && (!call || rest.ends_with(')')) && words(&rest.replace(['(', ')'], " "))
        });
        (definition || body) && !line.contains("__")
    })
}

/// Functions that formulas of models call.
const CALLED: &[&str] = &[
    "",
    "C",
    "I",
    "Poly",
    "Q",
    "Sum",
    "T",
    "Treatment",
    "abs",
    "bs",
    "cc",
    "center",
    "cr",
    "cs",
    "exp",
    "expm1",
    "log",
    "log10",
    "log1p",
    "log2",
    "maximum",
    "minimum",
    "poly",
    "pow",
    "power",
    "scale",
    "sqrt",
    "square",
    "standardize",
    "te",
];

/// Names, numbers and operators, and calls of what transforms a column.
fn is_formula(text: &str) -> bool {
    let plain = text
        .chars()
        .all(|c| c.is_alphanumeric() || " _~+-*/:()^|.,=<>\"'%&!\n".contains(c));
    let calls = text.match_indices('(').all(|(at, _)| {
        let before = text.get(..at).unwrap_or_default().trim_end();
        let from = before
            .rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'))
            .map_or(0, |i| i.saturating_add(1));
        let name = before.get(from..).unwrap_or_default();
        let name = name
            .strip_prefix("np.")
            .or(name.strip_prefix("numpy."))
            .unwrap_or(name);
        // What a call returned is not called again.
        CALLED.binary_search(&name).is_ok() && !before.ends_with([')', '"', '\''])
    });
    plain && calls && !text.contains("__")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_of_scipy_is_harmless_and_nothing_else() {
        let honest = "\ndef _parse_args(self, a, b,  loc=0, scale=1):\n    return (a, b, ), loc, scale\n\ndef _parse_args_rvs(self, a, \
                      b,  loc=0, scale=1, size=None):\n    return self._argcheck_rvs(a, b,  loc, scale, size=size)\n\ndef \
                      _parse_args_stats(self, a, b,  loc=0, scale=1, moments='mv'):\n    return (a, b, ), loc, scale, moments\n";
        assert!(is_template(honest));
        for hostile in [
            "import os",
            "def _parse_args(self, a=f()):\n    return a",
            "def _parse_args(self):\n    return x.y",
            "@x\ndef _parse_args(self):\n    return 1",
            "def _parse_args(self): f()",
            "def _parse_args(self, x, loc=0, scale=1):\n    return __import__('evil')",
            "def _parse_args(self, x):\n    return eval(input())",
            "def _parse_args(self, x):\n    return eval (x)",
            "def _parse_args(self, x):\n    return self._argcheck_rvs(eval(x))",
            "def _parse_args(self, x):\n    return self._argcheck_rvs(x)(x)",
            "def _parse_args(self, x=__loader__):\n    return x",
            "x = 1",
        ] {
            assert!(!is_template(hostile), "{hostile}");
        }
    }

    #[test]
    fn formulas_call_only_what_transforms_columns() {
        assert!(CALLED.is_sorted());
        for honest in [
            "a ~ b + c",
            "Lottery ~ Literacy + np.log(Wealth) + C(Region, Treatment(1))",
            "y ~ I(x ** 2) - 1",
            "y ~ (a + b)^2",
        ] {
            assert!(is_formula(honest), "{honest}");
        }
        for hostile in [
            "a ~ __import__('os').system('x')",
            "a ~ open('x')",
            "a ~ b[0]",
            "a ~ np.load('x')",
            "a ~ f ('x')",
            "a ~ (lambda: 1)()",
        ] {
            assert!(!is_formula(hostile), "{hostile}");
        }
    }
}
