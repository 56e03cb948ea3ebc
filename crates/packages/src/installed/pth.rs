//! `.pth` and `.start` files: what Python runs and adds to its path at every start.
//!
//! Lines are told apart by CPython's own rule (`site.addpackage`): a line that begins with `import ` or `import\t` is
//! given to `exec`, whatever follows on it; a comment begins with `#` in the first column; everything else names a
//! folder. Versions differ in how they split lines and whether a byte order mark counts: where one of them would run
//! a line, it is one that runs.

use std::ops::Range;

/// A line of a `.pth` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PthLine {
    /// Its number, from 1.
    pub number: u32,
    /// Its bytes in the text.
    pub span: Range<usize>,
    /// What Python does with it.
    pub is: PthUse,
}

/// What Python does with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PthUse {
    /// Nothing.
    Nothing,
    /// Adds it to the path, if it is a folder.
    Folder,
    /// Runs it.
    Runs,
}

/// A line of a `.start` file (PEP 829): a callable that is called at every start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPoint {
    /// Its bytes in the text.
    pub span: Range<usize>,
    /// The module.
    pub module: String,
    /// What is called in it; `None` where the line is not of the form that Python takes.
    pub callable: Option<String>,
}

/// Longest line that is compared with known ones.
const LONGEST: usize = 4096;

/// The lines of a `.pth` file.
pub fn read_pth(text: &str) -> Vec<PthLine> {
    let mut out = Vec::new();
    let body = text.trim_start_matches('\u{feff}');
    let mut at = text.len().saturating_sub(body.len());
    let mut number = 0_u32;
    for line in body.split_inclusive('\n').flat_map(|l| l.split_inclusive('\r')) {
        let start = at;
        at = at.saturating_add(line.len());
        let content = line.trim_end_matches(['\n', '\r']);
        if content.is_empty() && line == "\n" && text.get(..start).is_some_and(|t| t.ends_with('\r')) {
            continue;
        }
        number = number.saturating_add(1);
        // Since 3.13 lines also end where `str.splitlines` ends them.
        let mut from = start;
        for (index, part) in content.split(is_line_break).enumerate() {
            let whole = if index == 0 { content } else { part };
            let is = judge(whole);
            if index == 0 || is == PthUse::Runs {
                out.push(PthLine {
                    number,
                    span: from..from.saturating_add(whole.len()),
                    is,
                });
            }
            let broken = content
                .get(from.saturating_sub(start).saturating_add(part.len())..)
                .and_then(|rest| rest.chars().next());
            from = from
                .saturating_add(part.len())
                .saturating_add(broken.map_or(0, char::len_utf8));
        }
    }
    out
}

/// What ends a line for `str.splitlines` beside `\n` and `\r`.
fn is_line_break(c: char) -> bool {
    matches!(
        c,
        '\x0b' | '\x0c' | '\x1c' | '\x1d' | '\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

fn judge(line: &str) -> PthUse {
    if line.starts_with('#') || line.trim().is_empty() {
        PthUse::Nothing
    } else if line.starts_with("import ") || line.starts_with("import\t") {
        PthUse::Runs
    } else {
        PthUse::Folder
    }
}

/// The lines of a `.start` file.
pub fn read_start(text: &str) -> Vec<EntryPoint> {
    let body = text.trim_start_matches('\u{feff}');
    let mut at = text.len().saturating_sub(body.len());
    let mut out = Vec::new();
    for line in body.split_inclusive('\n') {
        let start = at;
        at = at.saturating_add(line.len());
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let (module, callable) = match content.split_once(':') {
            Some((module, callable)) => (module.trim(), Some(callable.trim())),
            None => (content, None),
        };
        let dotted = |text: &str| {
            !text.is_empty()
                && text
                    .split('.')
                    .all(|p| !p.is_empty() && p.chars().all(|c| c.is_alphanumeric() || c == '_'))
        };
        let callable = callable
            .filter(|c| dotted(c) && dotted(module))
            .map(str::to_owned);
        out.push(EntryPoint {
            span: start..start.saturating_add(line.trim_end().len()),
            module: module.to_owned(),
            callable,
        });
    }
    out
}

/// Lines that tools of packaging write, with what they are for; `{}` stands for names. White space does not count.
const KNOWN: &[(&str, &str)] = &[
    (
        "setuptools' own distutils",
        "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; enabled and __import__('_distutils_hack').add_shim();",
    ),
    (
        "setuptools' own distutils",
        "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'stdlib') == 'local'; enabled and __import__('_distutils_hack').add_shim();",
    ),
    (
        "setuptools' own distutils",
        "import os; enabled = os.environ.get('SETUPTOOLS_USE_DISTUTILS') == 'local'; enabled and __import__('_distutils_hack').add_shim();",
    ),
    (
        "an editable install of setuptools",
        "import __editable___{}_finder; __editable___{}_finder.install()",
    ),
    (
        "an editable install of meson-python",
        "import _{}_editable_loader",
    ),
    ("an editable install", "import _editable_impl_{}"),
    ("an editable install of scikit-build", "import _{}_editable"),
    (
        "a namespace package",
        "import sys, types, os;has_mfs = sys.version_info > (3, 5);p = os.path.join(sys._getframe(1).f_locals['sitedir'], *({}));importlib = has_mfs and __import__('importlib.util');has_mfs and __import__('importlib.machinery');m = has_mfs and sys.modules.setdefault('{}', importlib.util.module_from_spec(importlib.machinery.PathFinder.find_spec('{}', [os.path.dirname(p)])));m = m or sys.modules.setdefault('{}', types.ModuleType('{}'));mp = (m or []) and m.__dict__.setdefault('__path__',[]);(p not in mp) and mp.append(p)",
    ),
    (
        "a namespace package",
        "import sys, types, os;p = os.path.join(sys._getframe(1).f_locals['sitedir'], *({}));importlib = __import__('importlib.util');__import__('importlib.machinery');m = sys.modules.setdefault('{}', importlib.util.module_from_spec(importlib.machinery.PathFinder.find_spec('{}', [os.path.dirname(p)])));m = m or sys.modules.setdefault('{}', types.ModuleType('{}'));mp = (m or []) and m.__dict__.setdefault('__path__',[]);(p not in mp) and mp.append(p)",
    ),
    (
        "a namespace package",
        "import sys, types, os;p = os.path.join(sys._getframe(1).f_locals['sitedir'], *({}));ie = os.path.exists(os.path.join(p,'__init__.py'));m = not ie and sys.modules.setdefault('{}', types.ModuleType('{}'));mp = (m or []) and m.__dict__.setdefault('__path__',[]);(p not in mp) and mp.append(p)",
    ),
    ("virtualenv", "import _virtualenv"),
    ("pywin32", "import pywin32_bootstrap"),
    (
        "coverage",
        "import sys; exec('import os\\n\\nif os.getenv(\"COVERAGE_PROCESS_START\") or os.getenv(\"COVERAGE_PROCESS_CONFIG\"):\\n try:\\n import coverage\\n except:\\n pass\\n else:\\n coverage.process_startup(slug=\"pth\")')",
    ),
    (
        "coverage",
        "import sys; exec('import os\\n\\nif os.getenv(\"COVERAGE_PROCESS_START\") or os.getenv(\"COVERAGE_PROCESS_CONFIG\"):\\n try:\\n import coverage\\n except:\\n pass\\n else:\\n coverage.process_startup()')",
    ),
    ("coverage", "import coverage; coverage.process_startup()"),
    (
        "setuptools' easy_install",
        "import sys; sys.__plen = len(sys.path)",
    ),
    (
        "setuptools' easy_install",
        "import sys; new=sys.path[sys.__plen:]; del sys.path[sys.__plen:]; p=getattr(sys,'__egginsert',0); sys.path[p:p]=new; sys.__egginsert = p+len(new)",
    ),
];

/// What follows the line of a namespace package that lies in another one.
const NESTED: &str = ";m and setattr(sys.modules['{}'], '{}', m)";

/// Whose line it is, where it is one that a tool of packaging writes, by its whole content.
pub fn innocent(line: &str) -> Option<&'static str> {
    if line.len() > LONGEST {
        return None;
    }
    let given = squeezed(line);
    KNOWN.iter().find_map(|(whose, pattern)| {
        let pattern = squeezed(pattern);
        let nested = || fits(&format!("{pattern}{}", squeezed(NESTED)), &given);
        let known = fits(&pattern, &given) || (pattern.contains("f_locals") && nested());
        known.then_some(*whose)
    })
}

fn squeezed(text: &str) -> String {
    let squeezed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    squeezed.trim_end_matches(';').to_owned()
}

/// Whether `text` is `pattern` with names for each `{}`: letters, digits, dots, and what parts the strings of a list.
fn fits(pattern: &str, text: &str) -> bool {
    let mut rest = text;
    let mut parts = pattern.split("{}");
    let Some(after) = parts.next().and_then(|first| rest.strip_prefix(first)) else {
        return false;
    };
    rest = after;
    for part in parts {
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '\'' | ',' | '-')))
            .unwrap_or(rest.len());
        // The shortest name after which the pattern goes on.
        let (names, _) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let at = if part.is_empty() {
            Some(names.len())
        } else {
            (1..=names.len()).find(|n| rest.get(*n..).is_some_and(|r| r.starts_with(part)))
        };
        let Some(after) = at.and_then(|n| rest.get(n.saturating_add(part.len())..)) else {
            return false;
        };
        rest = after;
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Vec<(u32, PthUse, &str)> {
        read_pth(text)
            .iter()
            .map(|l| (l.number, l.is, &text[l.span.clone()]))
            .collect()
    }

    #[test]
    fn lines_are_told_apart_as_python_does() {
        use PthUse::{Folder, Nothing, Runs};
        for (text, expected) in [
            ("# import os\n", vec![(1, Nothing, "# import os")]),
            (
                "import os\r\nlib\r\n",
                vec![(1, Runs, "import os"), (2, Folder, "lib")],
            ),
            ("import\tos", vec![(1, Runs, "import\tos")]),
            (" import os", vec![(1, Folder, " import os")]),
            ("importlib", vec![(1, Folder, "importlib")]),
            (" # x", vec![(1, Folder, " # x")]),
            ("\u{feff}import os", vec![(1, Runs, "import os")]),
            ("a\rimport os", vec![(1, Folder, "a"), (2, Runs, "import os")]),
            // A line that only newer versions see.
            (
                "# note\u{2028}import os; os.getcwd()\n",
                vec![
                    (1, Nothing, "# note\u{2028}import os; os.getcwd()"),
                    (1, Runs, "import os; os.getcwd()"),
                ],
            ),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_tools_write_is_known_by_its_whole_content() {
        let nspkg = "import sys, types, os;has_mfs = sys.version_info > (3, 5);p = os.path.join(sys._getframe(1).f_locals['sitedir'], *('google', 'cloud'));importlib = has_mfs and __import__('importlib.util');has_mfs and __import__('importlib.machinery');m = has_mfs and sys.modules.setdefault('google.cloud', importlib.util.module_from_spec(importlib.machinery.PathFinder.find_spec('google.cloud', [os.path.dirname(p)])));m = m or sys.modules.setdefault('google.cloud', types.ModuleType('google.cloud'));mp = (m or []) and m.__dict__.setdefault('__path__',[]);(p not in mp) and mp.append(p);m and setattr(sys.modules['google'], 'cloud', m)";
        let mpl = "import sys, types, os;p = os.path.join(sys._getframe(1).f_locals['sitedir'], *('mpl_toolkits',));ie = os.path.exists(os.path.join(p,'__init__.py'));m = not ie and sys.modules.setdefault('mpl_toolkits', types.ModuleType('mpl_toolkits'));mp = (m or []) and m.__dict__.setdefault('__path__',[]);(p not in mp) and mp.append(p)";
        for (line, whose) in [
            (
                "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; enabled and __import__('_distutils_hack').add_shim(); ",
                Some("setuptools' own distutils"),
            ),
            (
                "import __editable___acme_1_0_finder; __editable___acme_1_0_finder.install()",
                Some("an editable install of setuptools"),
            ),
            (nspkg, Some("a namespace package")),
            (mpl, Some("a namespace package")),
            ("import _virtualenv", Some("virtualenv")),
            (
                "import sys; exec('import os\\n\\nif os.getenv(\"COVERAGE_PROCESS_START\") or os.getenv(\"COVERAGE_PROCESS_CONFIG\"):\\n try:\\n  import coverage\\n except:\\n  pass\\n else:\\n  coverage.process_startup(slug=\"pth\")')",
                Some("coverage"),
            ),
            ("import os; os.system('id')", None),
            ("import _virtualenv; import os", None),
            (
                "import __editable___a_finder; __import__('os').system('x'); __editable___a_finder.install()",
                None,
            ),
        ] {
            assert_eq!(innocent(line), whose, "{line}");
        }
        assert_eq!(
            innocent(&nspkg.replace("'cloud', m)", "'cloud', m);import os")),
            None
        );
    }

    #[test]
    fn start_files_name_callables() {
        let read = read_start("# c\n\nacme.boot:main\n acme \nx y:z\n");
        let shown: Vec<_> = read
            .iter()
            .map(|e| (e.module.as_str(), e.callable.as_deref()))
            .collect();
        assert_eq!(
            shown,
            [("acme.boot", Some("main")), ("acme", None), ("x y", None)]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in any::<String>()) {
            for line in read_pth(&text) {
                prop_assert!(text.get(line.span.clone()).is_some());
                innocent(&text[line.span]);
            }
            read_start(&text);
        }
    }
}
