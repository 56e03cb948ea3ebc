//! Sections with keys: INI files, properties, units of systemd.

use crate::{cloud::Setting, resource::Word};

/// How a dialect of such files is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// `key = value` and `key: value`; values go on over indented lines.
    Ini,
    /// `key=value`; values go on behind a backslash.
    Properties,
    /// `key value`, as Spark has it.
    Spark,
    /// `Key=value`; values go on behind a backslash, and keys stand several times.
    Systemd,
}

/// How many settings are kept.
const MOST: usize = 8192;

/// The settings of a text, each as `section.key`; places are bytes of it.
pub(crate) fn settings(text: &str, style: Style) -> Vec<Setting> {
    let mut out: Vec<Setting> = Vec::new();
    let mut section = String::new();
    let mut at = 0_usize;
    let mut goes_on = false;
    for line in text.split_inclusive('\n') {
        let start = at;
        at = at.saturating_add(line.len());
        let content = line.trim();
        let place = start.saturating_add(line.len().saturating_sub(line.trim_start().len()));
        let end = place.saturating_add(content.len());
        if goes_on && let Some(last) = out.last_mut() {
            goes_on = content.ends_with('\\');
            last.value.text.push(' ');
            last.value.text.push_str(content.trim_end_matches('\\').trim());
            last.value.span.end = end;
            last.span.end = end;
            continue;
        }
        goes_on = false;
        if content.is_empty() || content.starts_with(['#', ';', '!']) {
            continue;
        }
        if let Some(name) = content.strip_prefix('[').and_then(|c| c.strip_suffix(']')) {
            name.trim().clone_into(&mut section);
            continue;
        }
        let indented = line.starts_with([' ', '\t']);
        if style == Style::Ini
            && indented
            && let Some(last) = out.last_mut()
        {
            last.value.text.push('\n');
            last.value.text.push_str(content);
            last.value.span.end = end;
            last.span.end = end;
            continue;
        }
        let Some(split) = split(content, style) else {
            continue;
        };
        if out.len() >= MOST {
            break;
        }
        let (key, value) = (
            content.get(..split).unwrap_or_default(),
            content.get(split..).unwrap_or_default(),
        );
        let value = value.trim_start_matches(|c: char| c == '=' || c == ':' || c.is_whitespace());
        let from = end.saturating_sub(value.len());
        let continued = style != Style::Ini && value.ends_with('\\');
        goes_on = continued;
        let text = if continued {
            value.trim_end_matches('\\').trim_end()
        } else {
            value
        };
        let text = if style == Style::Ini {
            text.split(" ;").next().unwrap_or(text).trim_end()
        } else {
            text
        };
        let key = key.trim();
        out.push(Setting {
            name: if section.is_empty() {
                key.to_owned()
            } else {
                format!("{section}.{key}")
            },
            value: Word {
                text: text.to_owned(),
                span: from..end,
                open: text.contains("${") || text.contains("%("),
            },
            span: place..end,
        });
    }
    out
}

fn split(content: &str, style: Style) -> Option<usize> {
    match style {
        Style::Spark => content.find(|c: char| c == '=' || c.is_whitespace()),
        Style::Ini | Style::Properties => content.find(['=', ':']),
        Style::Systemd => content.find('='),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str, style: Style) -> String {
        let row = |s: &Setting| {
            format!(
                "{}={} <{}>",
                s.name,
                s.value.text,
                &text[s.value.span.clone()].replace('\n', "|")
            )
        };
        settings(text, style)
            .iter()
            .map(row)
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn every_style() {
        let ini = "[core]\n# x\nsimple_auth_manager_all_admins = True ; no\nlist = a,\n  b\nempty =\n";
        insta::assert_snapshot!(shown(ini, Style::Ini), @r"
        core.simple_auth_manager_all_admins=True <True ; no>
        core.list=a,
        b <a,|  b>
        core.empty= <>
        ");
        let properties =
            "inference_address=http://0.0.0.0:8080\nload_models=a,\\\n  b\ninstall_py_dep_per_model : true\n";
        insta::assert_snapshot!(shown(properties, Style::Properties), @r"
        inference_address=http://0.0.0.0:8080 <http://0.0.0.0:8080>
        load_models=a, b <a,\|  b>
        install_py_dep_per_model=true <true>
        ");
        insta::assert_snapshot!(shown("spark.authenticate   false\nspark.ui.port=4040\n", Style::Spark), @r"
        spark.authenticate=false <false>
        spark.ui.port=4040 <4040>
        ");
        let unit =
            "[Service]\nExecStart=/usr/bin/jupyter lab \\\n  --ip=0.0.0.0\nEnvironment=\"A=b c\" D=e\n";
        insta::assert_snapshot!(shown(unit, Style::Systemd), @r#"
        Service.ExecStart=/usr/bin/jupyter lab --ip=0.0.0.0 </usr/bin/jupyter lab \|  --ip=0.0.0.0>
        Service.Environment="A=b c" D=e <"A=b c" D=e>
        "#);
    }

    proptest! {
        #[test]
        fn never_panics(text in "[a\\[\\]=: \t\\\\\n#;é]{0,60}") {
            for style in [Style::Ini, Style::Properties, Style::Spark, Style::Systemd] {
                for s in settings(&text, style) {
                    prop_assert!(text.get(s.span).is_some());
                    prop_assert!(text.get(s.value.span).is_some());
                }
            }
        }
    }
}
