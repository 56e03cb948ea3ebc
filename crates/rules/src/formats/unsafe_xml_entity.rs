use std::ops::Range;
use wellhead_core::{
    Budget, Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile,
    code,
};
use wellhead_formats::{
    document::TextFile,
    xml::{Declarations, EntityValue, External, declarations},
};

pub(crate) static UNSAFE_XML_ENTITY: Rule = Rule {
    id: "unsafe-xml-entity",
    summary: "reading an XML file opens other files or addresses, or fills memory",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 3,
        detectability: 5,
        technical_impact: 4,
        ml_application: 3,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever made the file",
        vector: "a declaration that the parser follows before anybody sees an element",
        weakness: "parsers that resolve entities and fetch document types",
        impact: "files of the reader end up in the model or on a server, or the reader runs out of memory",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Cwe(611),
        Reference::Cwe(776),
        Reference::Owasp("ML06:2023"),
    ],
    page: include_str!("unsafe_xml_entity.md"),
    file: file!(),
};

/// Document types of these are published for everybody to name, and parsers have copies.
static PUBLISHERS: &[&str] = &[
    "www.w3.org",
    "w3.org",
    "www.apple.com",
    "java.sun.com",
    "xmlns.jcp.org",
    "xmlns.oracle.com",
    "jakarta.apache.org",
    "www.oasis-open.org",
    "docbook.org",
    "www.docbook.org",
    "cdn.docbook.org",
    "www.dmg.org",
    "dmg.org",
    "www.hibernate.org",
    "hibernate.sourceforge.net",
    "mybatis.org",
    "logging.apache.org",
    "www.springframework.org",
    "checkstyle.org",
    "www.puppycrawl.com",
    "pmd.sourceforge.net",
    "doc.qt.io",
    "www.gnome.org",
    "glade.gnome.org",
    "www.freedesktop.org",
    "xml.cxml.org",
    "dtd.nlm.nih.gov",
    "jats.nlm.nih.gov",
    "www.ncbi.nlm.nih.gov",
    "www.tei-c.org",
    "xml.evernote.com",
];
/// Larger than any honest entity, and small enough to be no harm.
const LARGE: u64 = 1 << 20;

pub(super) fn check(file: &TextFile, sink: &mut Sink) {
    let text: &str = &file.text;
    if !begins_like_xml(text) {
        return;
    }
    let Ok(found) = declarations(text, &mut Budget::default()) else {
        return;
    };
    for (words, severity, place, label) in harms(&found, text.len() as u64) {
        let location = sink.text(text, place, label);
        sink.push(
            Finding::new(&UNSAFE_XML_ENTITY, words.clone(), location)
                .severity(severity)
                .help("read it with a parser that refuses document types, or take them out")
                .subject(words),
        );
    }
}

/// Whether only comments and instructions stand before the first tag or declaration. Most texts are dismissed by their
/// first character, and prose with a comment above it by what follows: no parser of XML gets past that.
fn begins_like_xml(text: &str) -> bool {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let end = if rest.starts_with("<!--") {
            "-->"
        } else if rest.starts_with("<?") {
            "?>"
        } else {
            return rest.starts_with('<');
        };
        let Some((_, after)) = rest.split_once(end) else {
            return false;
        };
        rest = after.trim_start();
    }
}

type Harm = (String, Severity, Range<usize>, &'static str);

fn harms(found: &Declarations, size: u64) -> Vec<Harm> {
    let mut harms = Vec::new();
    for entity in &found.entities {
        let EntityValue::External(external) = &entity.value else {
            continue;
        };
        if let Some((verb, severity)) = reach(external) {
            let words = format!("reading this file {verb} {}", code(&external.system));
            harms.push((
                words,
                severity,
                entity.place.clone(),
                "an entity stands for what lies there",
            ));
            if harms.len() >= 8 {
                break;
            }
        }
    }
    if let Some((external, place)) = &found.external
        && let Some((verb, severity)) = reach(external)
    {
        // The type is only fetched, nothing of it is shown; a public one of a house is ordinary.
        let severity = match external.public {
            Some(_) => Severity::Low,
            // A type in a folder above is read by a tool of the same project.
            None if external.system.starts_with("..") => Severity::Low,
            None => severity.min(Severity::Medium),
        };
        let words = format!(
            "reading this file {verb} {} for its document type",
            code(&external.system)
        );
        harms.push((words, severity, place.clone(), "the document type lies there"));
    }
    for include in &found.includes {
        let external = External {
            public: None,
            system: include.target.clone(),
        };
        if let Some((verb, severity)) = reach(&external) {
            let words = format!(
                "reading this file {verb} {} and includes it",
                code(&include.target)
            );
            harms.push((words, severity, include.place.clone(), "included from there"));
        }
    }
    for (target, place) in &found.stylesheets {
        let external = External {
            public: None,
            system: target.clone(),
        };
        if let Some((verb, _)) = reach(&external) {
            let words = format!(
                "showing this file {verb} {} and runs it as a stylesheet",
                code(target)
            );
            harms.push((
                words,
                Severity::Medium,
                place.clone(),
                "a program that transforms it",
            ));
        }
    }
    harms.extend(bomb(found, size));
    harms
}

fn bomb(found: &Declarations, size: u64) -> Option<Harm> {
    if let Some((name, place)) = &found.recursive {
        let words = format!(
            "reading this file may not end: the entity {} contains itself",
            code(name)
        );
        return Some((words, Severity::Medium, place.clone(), "contains itself"));
    }
    let (name, one, place) = found.largest.clone()?;
    let grown = found.expanded.max(one);
    let is_bomb = grown > LARGE && grown / 20 > size;
    is_bomb.then(|| {
        let words = format!(
            "reading this file fills {grown} bytes of memory from {size}, by the entity {}",
            code(&name)
        );
        (words, Severity::High, place, "grows the most")
    })
}

/// What following an identifier does, and how bad that is; `None` where it is ordinary.
fn reach(external: &External) -> Option<(&'static str, Severity)> {
    let target = external.system.trim();
    let lower = target.to_ascii_lowercase();
    if target.is_empty() {
        return None;
    }
    if let Some(rest) = ["http://", "https://"].iter().find_map(|s| lower.strip_prefix(s)) {
        let host = rest.split(['/', ':', '?', '#']).next().unwrap_or_default();
        // What stands before an `@` is no part of the host.
        return (!PUBLISHERS.contains(&host)).then_some(("asks the address", Severity::High));
    }
    let scheme = lower.split_once(':').map(|(scheme, _)| scheme);
    let drive = scheme.is_some_and(|s| s.len() == 1);
    if let Some(scheme) = scheme.filter(|s| s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+')) {
        return match scheme {
            "urn" | "data" | "cid" => None,
            "expect" | "php" => Some(("runs", Severity::Critical)),
            "file" | "jar" | "netdoc" | "zip" | "compress.zlib" => Some(("opens", Severity::High)),
            _ if drive => Some(("opens", Severity::High)),
            _ => Some(("asks the address", Severity::High)),
        };
    }
    let leaves = target.starts_with(['/', '\\']) || target.split(['/', '\\']).any(|part| part == "..");
    // Chapters of a book are included from beside it.
    leaves.then_some(("opens", Severity::High))
}

#[cfg(test)]
mod tests {
    use crate::{
        Subject,
        testing::{findings, told},
    };
    use std::fmt::Write as _;
    use wellhead_formats::document::{Encoding, TextFile};

    fn judged(text: &str) -> String {
        let file = TextFile {
            text: text.into(),
            encoding: Encoding::Utf8,
        };
        let found = findings("m.xml", Subject::Text(&file));
        let mut out = String::new();
        for f in &found {
            let _ = write!(out, "{}\n  {}", told(std::slice::from_ref(f)), f.message);
        }
        out
    }

    #[test]
    fn prose_about_entities_is_no_xml() {
        let example = "<!DOCTYPE m [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>\n<m>&x;</m>\n";
        assert_eq!(judged(&format!("<!-- made -->\n# Entities\n\n{example}")), "");
        assert_eq!(judged(&format!("Entities: {example}")), "");
        for prolog in ["<?xml version=\"1.0\"?>", "<!-- a -->\n<!-- b -->", "\u{feff} "] {
            assert!(
                judged(&format!("{prolog}{example}")).contains("/etc/passwd"),
                "{prolog}"
            );
        }
    }

    #[test]
    fn entities_that_reach_outside() {
        for (declared, words) in [
            (
                "<!ENTITY x SYSTEM \"file:///etc/passwd\">",
                "unsafe-xml-entity high\n  reading this file opens `file:///etc/passwd`",
            ),
            (
                "<!ENTITY % x SYSTEM 'http://203.0.113.5/x.dtd'> %x;",
                "unsafe-xml-entity high\n  reading this file asks the address `http://203.0.113.5/x.dtd`",
            ),
            (
                "<!ENTITY x PUBLIC \"any\" \"/etc/passwd\">",
                "unsafe-xml-entity high\n  reading this file opens `/etc/passwd`",
            ),
            (
                "<!ENTITY x SYSTEM \"expect://id\">",
                "unsafe-xml-entity critical\n  reading this file runs `expect://id`",
            ),
            ("<!ENTITY ns_svg \"http://www.w3.org/2000/svg\">", ""),
            ("<!ENTITY chapter SYSTEM \"chapter1.xml\">", ""),
            (
                "<!ENTITY % l PUBLIC \"-//W3C//ENTITIES Latin 1//EN\" \"http://www.w3.org/TR/xhtml1/DTD/xhtml-lat1.ent\">",
                "",
            ),
            ("<!-- <!ENTITY x SYSTEM \"file:///etc/passwd\"> -->", ""),
        ] {
            let text =
                format!("<?xml version=\"1.0\"?>\n<!DOCTYPE PMML [\n{declared}\n]>\n<PMML>&x;</PMML>\n");
            assert_eq!(judged(&text), words, "{declared}");
        }
    }

    #[test]
    fn document_types_of_everybody_are_ordinary() {
        for text in [
            "<!DOCTYPE html>\n<html></html>",
            "<!doctype html>\n<html>&nbsp;</html>",
            "<?xml version=\"1.0\"?>\n<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \
             \"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd\">\n<svg/>",
            "<?xml version=\"1.0\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
             \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist/>",
            "<!DOCTYPE web-app SYSTEM \"web-app_2_3.dtd\">\n<web-app/>",
            "<?xml-stylesheet href=\"style.css\" type=\"text/css\"?>\n<a/>",
            "<net name=\"m\" version=\"11\"><layers/></net>",
            "A text about <!ENTITY x SYSTEM \"file:///etc/passwd\">",
        ] {
            assert_eq!(judged(text), "", "{text}");
        }
        assert_eq!(
            judged("<!DOCTYPE PMML SYSTEM \"http://dtd.acme.example/x.dtd\">\n<PMML/>"),
            "unsafe-xml-entity medium\n  reading this file asks the address `http://dtd.acme.example/x.dtd` for its \
             document type"
        );
    }

    #[test]
    fn a_document_type_in_the_folder_above_is_little() {
        assert!(judged("<!DOCTYPE x SYSTEM \"../x.dtd\">\n<x/>").starts_with("unsafe-xml-entity low"));
    }

    #[test]
    fn entities_that_grow() {
        let mut text = "<!DOCTYPE x [\n<!ENTITY a0 \"lol\">\n".to_owned();
        for i in 1..10 {
            let refers = format!("&a{};", i - 1).repeat(10);
            let _ = writeln!(text, "<!ENTITY a{i} \"{refers}\">");
        }
        text += "]>\n<x>&a9;</x>";
        assert_eq!(
            judged(&text),
            format!(
                "unsafe-xml-entity high\n  reading this file fills 3000000000 bytes of memory from {}, by the entity `a9`",
                text.len()
            )
        );
        let quadratic = format!(
            "<!DOCTYPE x [<!ENTITY a \"{}\">]><x>{}</x>",
            "a".repeat(50_000),
            "&a;".repeat(50_000)
        );
        assert!(
            judged(&quadratic).contains("fills 2500000000 bytes"),
            "{}",
            judged(&quadratic)
        );
        assert!(
            judged("<!DOCTYPE x [<!ENTITY a \"&b;\"><!ENTITY b \"&a;\">]><x>&a;</x>").contains("may not end")
        );
    }

    #[test]
    fn includes_and_stylesheets() {
        let xi = "<a xmlns:xi=\"http://www.w3.org/2001/XInclude\"><xi:include parse=\"text\" href=\"file:///etc/passwd\"/></a>";
        assert!(judged(xi).contains("opens `file:///etc/passwd` and includes it"));
        let xslt = "<?xml-stylesheet type=\"text/xsl\" href=\"https://x.acme.example/e.xsl\"?><a/>";
        assert!(judged(xslt).contains("runs it as a stylesheet"));
    }
}
