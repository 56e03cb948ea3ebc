//! Workflow commands of GitHub Actions: findings as annotations on the changed lines.
//!
//! A runner executes what stands in the log, so a line break or a `::` from outside must not make a command of its
//! own. A job shows ten annotations of a kind; the rest is counted.

use crate::{
    blocks::Class,
    places::place,
    text::{clean, plural},
};
use std::collections::BTreeMap;
use wellhead_core::{Finding, Report, Span};

/// Annotations of one kind that a job shows.
const SHOWN: usize = 10;

/// One command per finding and one for what was not analysed.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    let mut shown: BTreeMap<Class, usize> = BTreeMap::new();
    let mut more = 0_u64;
    for finding in report.reported() {
        let class = Class::of(finding, report.verdict.fail_on);
        let n = shown.entry(class).or_default();
        *n = n.saturating_add(1);
        if *n > SHOWN {
            more = more.saturating_add(1);
        } else {
            out.push_str(&command(class, finding));
        }
    }
    if more > 0 {
        let n = plural(more, "more finding", "more findings");
        out.push_str(&format!(
            "::notice title=wellhead::{n}, see the summary of this job\n"
        ));
    }
    let unseen = report.unseen().count() as u64;
    if unseen > 0 {
        let n = plural(unseen, "artifact was", "artifacts were");
        out.push_str(&format!(
            "::notice title=wellhead::{n} not, or not wholly, analysed\n"
        ));
    }
    out
}

fn command(class: Class, finding: &Finding) -> String {
    let kind = match class {
        Class::Error => "error",
        Class::Warning => "warning",
        Class::Note => "notice",
    };
    let mut properties = String::new();
    let mut message = clean(&finding.message);
    if let Some(primary) = finding.primary() {
        properties = format!("file={},", property(&clean(primary.artifact.top())));
        if let Span::Text { start, end, .. } = &primary.span
            && primary.artifact.nesting() == 0
        {
            properties.push_str(&format!(
                "line={},endLine={},col={},",
                start.line, end.line, start.column
            ));
        } else {
            // The annotation can only name the file.
            message = format!("{}: {message}", place(primary));
        }
    }
    let help: String = finding.help.iter().map(|h| format!("\n{}", clean(h))).collect();
    let title = property(&clean(&finding.rule));
    format!(
        "::{kind} {properties}title={title}::{}\n",
        data(&format!("{message}{help}"))
    )
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use insta::assert_snapshot;

    #[test]
    fn findings_become_annotations() {
        let mut report = samples::everything();
        report.findings.truncate(3);
        assert_snapshot!(render(&report), @r"
::error file=models/resnet.pt,title=unsafe-pickle-import::models/resnet.pt!/archive/data.pkl@0x54: loading this model runs `posix.system`%0Are-export the weights as safetensors
::error file=captures/jupyter.json,title=open-dashboard::captures/jupyter.json (answer to GET /api/kernels): anybody who reaches `http://10.0.0.5:8888` runs code in this Jupyter%0Aset a token: `--IdentityProvider.token=…`, and bind the port to 127.0.0.1
::warning file=src/train.py,line=3,endLine=3,col=5,title=trust-remote-code::a hub repository may run its own Python code
::notice title=wellhead::2 artifacts were not, or not wholly, analysed
");
    }

    #[test]
    fn what_a_job_does_not_show_is_counted() {
        let text = render(&samples::large_lock());
        assert_eq!(text.lines().count(), 31);
        assert!(text.ends_with("::notice title=wellhead::229 more findings, see the summary of this job\n"));
    }

    #[test]
    fn no_text_from_outside_becomes_a_command() {
        let text = render(&samples::hostile());
        for line in text.lines() {
            assert!(
                ["::error file=", "::notice title=wellhead::"]
                    .iter()
                    .any(|c| line.starts_with(c)),
                "{line}"
            );
        }
        assert_eq!(property("a:b,c%\n"), "a%3Ab%2Cc%25%0A");
    }
}
