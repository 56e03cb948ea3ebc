use super::labelled;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, Source,
    ThreatProfile, code,
};
use wellhead_packages::{Manifest, index::Address};

/// An index that is asked without proof of who answers.
pub(crate) static INSECURE_INDEX: Rule = Rule {
    id: "insecure-index",
    summary: "packages come over a connection that anyone on the way can change",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Sources,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 4,
        detectability: 5,
        technical_impact: 5,
        ml_application: 3,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "anyone on the network between the machine and the index",
        vector: "the answer of the index",
        weakness: "HTTP, or a certificate that is not checked",
        impact: "the attacker's package is installed in place of the real one",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(319),
        Reference::Cwe(295),
    ],
    page: include_str!("insecure_index.md"),
    file: file!(),
};

pub(crate) fn check(manifest: &Manifest, sink: &mut Sink) {
    for entry in &manifest.indexes.entries {
        if entry.address.scheme == "http" && !entry.address.is_local() {
            let message = format!(
                "anyone on the network can replace every package that comes from {}",
                code(&entry.address.shown)
            );
            sink.push(
                Finding::new(&INSECURE_INDEX, message, labelled(&entry.declared, "plain HTTP"))
                    .subject(entry.address.shown.clone())
                    .help("use the `https://` address of the index")
                    .property("index", entry.address.shown.as_str()),
            );
        }
    }
    for host in &manifest.indexes.trusted_hosts {
        if Address::new(&format!("https://{}", host.host)).is_local() {
            continue;
        }
        let message = if host.host == "*" {
            "anyone on the network can replace every package: no certificate is checked".to_owned()
        } else {
            format!(
                "anyone on the network can pass for {}: its certificate is not checked",
                code(&host.host)
            )
        };
        sink.push(
            Finding::new(&INSECURE_INDEX, message, labelled(&host.declared, "certificate not checked"))
                .subject(format!("trusted {}", host.host))
                .help("give the host a valid certificate, or name its authority with `--cert`, and drop the exception")
                .property("host", host.host.as_str()),
        );
    }
    for channel in &manifest.indexes.insecure {
        let message = format!(
            "anyone on the network can replace every package that comes from {}",
            code(&channel.host)
        );
        sink.push(
            Finding::new(
                &INSECURE_INDEX,
                message,
                labelled(&channel.declared, "plain HTTP"),
            )
            .subject(channel.host.clone())
            .help("use the `https://` address of the channels")
            .property("index", channel.host.as_str()),
        );
    }
    for c in &manifest.components {
        let (Source::Url { url } | Source::Vcs { url, .. }) = &c.source else {
            continue;
        };
        let address = Address::new(url);
        let plain = matches!(address.scheme.as_str(), "http" | "git") && !address.is_local();
        if plain && !c.hashes.iter().any(|d| d.algorithm.is_strong()) {
            let message = format!(
                "anyone on the network can replace {} on its way",
                code(&c.written)
            );
            sink.push(
                Finding::new(&INSECURE_INDEX, message, labelled(&c.declared, "not encrypted"))
                    .subject(c.name.clone())
                    .help("use the `https://` address")
                    .property("package", c.name.as_str()),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{manifest, manifest_messages};
    use super::*;

    #[test]
    fn connections_that_anyone_can_change() {
        for (text, count) in [
            ("--index-url http://pypi.acme.example/simple\n", 1),
            ("--index-url https://pypi.acme.example/simple\n", 0),
            ("--index-url http://localhost:3141/simple\n", 0),
            ("--index-url http://127.0.0.1/simple\n", 0),
            ("--trusted-host pypi.acme.example\n", 1),
            ("--trusted-host localhost\n", 0),
            ("--find-links ./wheels\n", 0),
            ("a @ http://files.example/a-1.zip\n", 1),
            ("a @ http://files.example/a-1.zip#sha256=ab\n", 0),
            ("git+ssh://git@git.example/a.git\n", 0),
        ] {
            let got = manifest_messages(check, &manifest("requirements.txt", text));
            assert_eq!(got.lines().count(), count, "{text}: {got}");
        }
    }

    #[test]
    fn configurations_that_turn_the_check_off() {
        for (name, text, count) in [
            ("pip.conf", "[install]\ntrusted-host = pypi.acme.example\n", 1),
            ("pip.conf", "[download]\ntrusted-host = pypi.acme.example\n", 1),
            (
                "pip.conf",
                "[global]\nindex-url = http://pypi.acme.example/simple\n",
                1,
            ),
            ("uv.toml", "allow-insecure-host = ['pypi.acme.example']\n", 1),
            (
                "uv.toml",
                "[pip]\nallow-insecure-host = ['pypi.acme.example']\n",
                1,
            ),
            (
                "uv.toml",
                "[[index]]\nurl = 'http://pypi.acme.example/simple'\n",
                1,
            ),
            (
                "uv.toml",
                "[[index]]\nurl = 'https://pypi.acme.example/simple'\n",
                0,
            ),
            (".condarc", "ssl_verify: false\n", 1),
            (".condarc", "ssl_verify: /etc/ssl/acme.pem\n", 0),
            (".condarc", "ssl_verify: true\n", 0),
            (
                ".condarc",
                "channels: [http://conda.acme.example/main, conda-forge]\n",
                1,
            ),
            (".condarc", "channel_alias: http://conda.acme.example\n", 1),
            (
                ".condarc",
                "custom_channels: {lab: 'http://lab.example'}\ndefault_channels: ['http://m.example/main']\n",
                2,
            ),
            (".condarc", "channel_alias: http://localhost:8080\n", 0),
            (
                "pyproject.toml",
                "[tool.uv]\nallow-insecure-host = ['pypi.acme.example']\n",
                1,
            ),
            (
                "pyproject.toml",
                "[[tool.pdm.source]]\nname='i'\nurl='https://pypi.acme.example/simple'\nverify_ssl=false\n",
                1,
            ),
            ("poetry.toml", "[certificates.acme]\ncert = false\n", 1),
            (
                "pdm.toml",
                "[pypi]\nurl = 'https://pypi.acme.example/simple'\nverify_ssl = false\n",
                1,
            ),
            (
                "Pipfile",
                "[[source]]\nname='i'\nurl='https://pypi.acme.example/simple'\nverify_ssl=false\n",
                1,
            ),
        ] {
            let got = manifest_messages(check, &manifest(name, text));
            assert_eq!(got.lines().count(), count, "{name} {text}: {got}");
        }
    }
}
