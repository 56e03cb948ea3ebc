//! Products that are really started, each in ways whose state is known: the verdict has to be that, and of no other product.
//!
//! `scripts/real-products` starts them in a network namespace of their own and asks them everything that the catalogue
//! knows to ask; this judges the answers, and follows the plan of requests over them as the live audit does.
//! `WELLHEAD_REAL_PRODUCTS` chooses what is started (`--all`, `--rotate 4`, names), or is a folder of what was recorded
//! before; without it the fast ones are started.

use std::{fmt::Write as _, fs, path::Path, process::Command};
use wellhead_core::Budget;
use wellhead_formats::text::{self, Node};
use wellhead_infra::{Conversation, Exchange, Judgement, Plan, ServiceDocument, judge, service_document};

/// A product as it was started, and what it answered.
struct Started {
    product: String,
    mode: String,
    state: String,
    document: ServiceDocument,
}

/// Starts what is chosen; nothing, aloud, where it cannot be started.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests start products, and say so where they cannot"
)]
fn started() -> Vec<Started> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = tempfile::tempdir().unwrap();
    let chosen = std::env::var("WELLHEAD_REAL_PRODUCTS").unwrap_or_else(|_| "--fast".to_owned());
    if Path::new(&chosen).is_dir() {
        return recorded(Path::new(&chosen));
    }
    let ran = Command::new(root.join("scripts/real-products/run"))
        .arg("record")
        .arg(folder.path())
        .args(chosen.split_whitespace())
        .status();
    match ran {
        Ok(status) => assert!(status.success(), "a product did not start"),
        Err(e) => eprintln!("skipped: no Python to start products with: {e}"),
    }
    recorded(folder.path())
}

#[expect(clippy::disallowed_methods, reason = "tests read what products answered")]
fn recorded(folder: &Path) -> Vec<Started> {
    let mut out = Vec::new();
    for product in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        if !product.is_dir() {
            continue;
        }
        for mode in fs::read_dir(product).unwrap() {
            out.push(read(&fs::read_to_string(mode.unwrap().path()).unwrap()));
        }
    }
    out.sort_by(|a, b| (&a.product, &a.mode).cmp(&(&b.product, &b.mode)));
    out
}

fn read(json: &str) -> Started {
    let mut budget = Budget::default();
    let root = text::json(json, &mut budget).unwrap();
    let truth = |key| {
        root.path(&["truth", key])
            .and_then(Node::as_str)
            .unwrap()
            .to_owned()
    };
    Started {
        product: truth("product"),
        mode: truth("mode"),
        state: truth("state"),
        document: service_document(json, &mut budget).unwrap(),
    }
}

fn said(judgements: &[Judgement]) -> String {
    let one = |j: &Judgement| format!("{} {}", j.product.id, j.state.name());
    judgements.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Follows the plan over the answers: what it comes to, and with how many requests.
fn planned(recorded: &ServiceDocument, port: u16) -> (String, usize) {
    let mut plan = Plan::new(port, 0x0123_4567_89ab_cdef, true);
    let mut heard: Vec<Exchange> = Vec::new();
    while let Some(request) = plan.next(&Conversation::new(&recorded.service, &heard)) {
        let host = |e: &Exchange| {
            let mut headers = e.request_headers.iter();
            headers.find(|(n, _)| n == "host").map(|(_, v)| v.clone())
        };
        let wanted = |e: &&Exchange| e.path == request.path && host(e).as_deref() == request.host;
        // What did not answer in time is not there.
        heard.extend(recorded.exchanges.iter().find(wanted).cloned());
        assert!(plan.asked().len() <= 48);
    }
    let conversation = Conversation::new(&recorded.service, &heard);
    let judgements: Vec<_> = conversation
        .identify()
        .iter()
        .map(|m| conversation.judge(m.product, m.proof))
        .collect();
    (said(&judgements), plan.asked().len())
}

fn port_of(service: &str) -> u16 {
    service.rsplit(':').next().unwrap().parse().unwrap()
}

#[test]
fn large_real_products_have_the_state_that_they_were_started_in() {
    let (mut table, mut wrong) = (String::new(), String::new());
    for one in started() {
        let name = format!("{}/{}", one.product, one.mode);
        let truth = format!("{} {}", one.product, one.state);
        let judgements = judge(&one.document);
        let version = judgements.iter().find_map(|j| j.version.as_deref());
        let (usual, few) = planned(&one.document, port_of(&one.document.service));
        let (blind, more) = planned(&one.document, 1);
        writeln!(
            table,
            "{name}: {} {}, asked {few} and on an unknown port {more}",
            said(&judgements),
            version.unwrap_or("-"),
        )
        .unwrap();
        for (how, found) in [
            ("all answers", said(&judgements)),
            ("the plan", usual),
            ("an unknown port", blind),
        ] {
            if found != truth {
                writeln!(wrong, "{name} is `{truth}`, by {how}: `{found}`").unwrap();
            }
        }
    }
    eprint!("{table}");
    assert!(wrong.is_empty(), "\n{wrong}");
}
