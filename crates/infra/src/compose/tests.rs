use super::*;
use insta::assert_snapshot;
use wellhead_formats::text::yaml;

fn read(text: &str) -> Option<Configuration> {
    let mut budget = Budget::default();
    compose(text, &yaml(text, &mut budget).unwrap(), &mut budget)
}

fn show(text: &str) -> String {
    let mut out = String::new();
    for r in read(text).unwrap().resources {
        let image = r.image.as_ref().map_or("", |i| i.text.as_str());
        out.push_str(&format!(
            "{} {image}{}\n",
            r.name,
            if r.host_network { " host" } else { "" }
        ));
        for c in &r.start {
            let words: Vec<_> = c
                .words
                .iter()
                .map(|w| {
                    format!(
                        "{}{}<{}>",
                        w.text,
                        if w.open { "?" } else { "" },
                        &text[w.span.clone()]
                    )
                })
                .collect();
            out.push_str(&format!("  start {}\n", words.join(" · ")));
        }
        for v in &r.environment {
            let value = v.value.as_ref().map_or("-", |w| w.text.as_str());
            out.push_str(&format!("  env {}={value} <{}>\n", v.name, &text[v.span.clone()]));
        }
        for p in &r.ports {
            let address = p.address.as_deref().unwrap_or("*");
            out.push_str(&format!(
                "  port {:?} {address} {}\n",
                p.container,
                p.is_reachable()
            ));
        }
    }
    out
}

#[test]
fn both_forms_of_everything() {
    let text = r#"
x-env: &env
  A: 1
services:
  base:
    image: "img:${TAG:-1.0}"
    environment:
      <<: *env
      B: "${B:-two}"
      C:
  one:
    extends: base
    command: mlflow server --host 0.0.0.0 --port ${PORT:-5000} --x $$A
    ports: ["127.0.0.1:5000:5000", "6000", "${P:-7}:7000", "[::1]:8:8", 9000-9002:9000-9002/tcp]
  two:
    build: .
    entrypoint: ["bash", "-c"]
    command: ["jupyter lab --ip=0.0.0.0 --ServerApp.token=''"]
    environment: ["TOKEN=abc", "PASSED"]
    ports:
      - target: 8888
        published: "80"
        host_ip: 0.0.0.0
  three:
    image: i
    network_mode: host
    command: >
      ray start --head
      --dashboard-host=0.0.0.0
"#;
    assert_snapshot!(show(text), @r#"
        base img:1.0
          env A=1 <A: 1>
          env B=two <B: "${B:-two}">
          env C=- <C>
        one img:1.0
          start mlflow<mlflow> · server<server> · --host<--host> · 0.0.0.0<0.0.0.0> · --port<--port> · 5000<$> · --x<--x> · 1<$$A>
          env A=1 <A: 1>
          env B=two <B: "${B:-two}">
          env C=- <C>
          port Some(5000..5001) 127.0.0.1 false
          port Some(6000..6001) * true
          port Some(7000..7001) * true
          port Some(8..9) [::1] false
          port Some(9000..9003) * true
        two 
          start jupyter<jupyter> · lab<lab> · --ip=0.0.0.0<--ip=0.0.0.0> · --ServerApp.token=<--ServerApp.token=''>
          env TOKEN=abc <"TOKEN=abc">
          env PASSED=- <"PASSED">
          port Some(8888..8889) 0.0.0.0 true
        three i host
          start ray<ray> · start<start> · --head<--head> · --dashboard-host=0.0.0.0<--dashboard-host=0.0.0.0>
        "#);
}

#[test]
fn other_yaml_is_none_of_it() {
    assert!(read("a: 1\n").is_none());
    assert!(read("services: [a, b]\n").is_none());
    assert!(read("services:\n  db:\n    host: x\n").is_none());
}
