//! What `lockdown` writes, judged as if somebody else had written it: every product, proxy and ground, and nothing stands open.

use wellhead_core::Report;
use wellhead_engine::Options;
use wellhead_infra::{Front, Ground, LockdownRequest, PRODUCTS, Product, Provider, lockdown};

const GROUNDS: [Ground; 6] = [
    Ground::Host,
    Ground::Compose,
    Ground::Kubernetes,
    Ground::Cloud(Provider::Aws),
    Ground::Cloud(Provider::Google),
    Ground::Cloud(Provider::Azure),
];

const DIGEST: &str = "sha256:4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865";

fn request(product: &'static Product, front: Front, ground: Ground) -> LockdownRequest {
    LockdownRequest {
        product,
        front,
        ground,
        image: product
            .images
            .iter()
            .find(|i| !i.ends_with('*'))
            .map(|i| format!("{i}:1.0@{DIGEST}")),
        name: None,
        issuer: None,
        upstream: None,
        listen: "127.0.0.1:8480".parse().unwrap(),
        certificate: None,
        user: "admin".to_owned(),
        read_only: false,
    }
}

/// What people fill in: an image with a digest, everything else with what nobody guesses.
fn filled(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        out.push_str(line);
        if line.ends_with("_IMAGE=") {
            out.push_str("registry.example/an-image:1.0@");
            out.push_str(DIGEST);
        } else if line.ends_with('=') {
            out.push_str("4355a46b19d348dc2f57c046f8ef63d4538ebb93");
        }
        out.push('\n');
    }
    out
}

fn audit(request: &LockdownRequest, change: impl Fn(&str) -> String) -> Report {
    let files: Vec<(String, Vec<u8>)> = lockdown(request)
        .unwrap()
        .files
        .into_iter()
        .map(|f| {
            let text = if f.path == ".env" { filled(&f.text) } else { f.text };
            (f.path, change(&text).into_bytes())
        })
        .collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(p, t)| (p.as_str(), t.as_slice())).collect();
    crate::audit(&files, &Options::default())
}

/// `rule: what` of each finding, and what was not understood of files that somebody else reads.
fn told(report: &Report) -> Vec<String> {
    // What somebody fills in lies in a file, which is said of it.
    let findings = report.findings.iter().filter(|f| f.rule != "leaked-token");
    let findings = findings.map(|f| format!("{}: {}", f.rule, f.message));
    let gaps = report
        .coverage
        .iter()
        .filter_map(|row| Some(format!("{}: {}", row.artifact, row.outcome.why()?)));
    findings.chain(gaps).collect()
}

#[test]
fn nothing_that_is_written_is_open_by_our_own_judgement() {
    let mut wrong = Vec::new();
    for product in PRODUCTS {
        for front in Front::ALL {
            for ground in GROUNDS {
                if !front.stands_on(ground) {
                    continue;
                }
                // Half of them with a name, under which they are visited from elsewhere.
                let mut wanted = request(product, *front, ground);
                wanted.name = (product.id.len() % 2 == 0).then(|| "ml.example".to_owned());
                for line in told(&audit(&wanted, str::to_owned)) {
                    wrong.push(format!("{} {} {ground:?}: {line}", product.id, front.id()));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\n{}",
        wrong.len(),
        wrong[..wrong.len().min(40)].join("\n")
    );
}

/// The judgement sees what it is given: the same files, opened by one line, are open.
#[test]
fn what_is_written_and_then_opened_by_hand_is_open() {
    let product = PRODUCTS.iter().find(|p| p.id == "ollama").unwrap();
    let published = audit(&request(product, Front::Caddy, Ground::Compose), |text| {
        text.replace("internal: true", "internal: false").replacen(
            "    networks: [inside]",
            "    networks: [inside]\n    ports: ['11434:11434']",
            1,
        )
    });
    assert!(
        told(&published)
            .iter()
            .any(|l| l.starts_with("open-dashboard-config")),
        "{:?}",
        told(&published)
    );
    let mut named = request(product, Front::Nginx, Ground::Kubernetes);
    named.name = Some("ml.example".to_owned());
    let open = audit(&named, |text| {
        text.replace("127.0.0.1:", "0.0.0.0:")
            .replace("type: ClusterIP", "type: LoadBalancer")
            .replace("targetPort: 8443", "targetPort: 11434")
            .replace("port: 8443", "port: 11434")
    });
    assert!(
        told(&open).iter().any(|l| l.starts_with("open-dashboard-config")),
        "{:?}",
        told(&open)
    );
    let cloud = audit(
        &LockdownRequest {
            name: Some("ml.example".to_owned()),
            ..request(product, Front::Caddy, Ground::Cloud(Provider::Aws))
        },
        |text| {
            text.replace("toset(var.visitors)", "toset([\"0.0.0.0/0\"])")
                .replace("443", "11434")
        },
    );
    assert!(
        told(&cloud).iter().any(|l| l.starts_with("world-open-port")),
        "{:?}",
        told(&cloud)
    );
}
