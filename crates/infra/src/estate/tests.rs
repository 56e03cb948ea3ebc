use super::show::{read, shown};
use super::*;
use crate::workload::Audience;
use insta::assert_snapshot;
use proptest::prelude::*;

#[test]
fn compose_joins_files_recipes_and_proxies() {
    let text = "\
=== docker-compose.yml
services:
  lab:
    build: {context: lab, target: run}
    command: [\"--ServerApp.token=\"]
    ports: [\"${BIND:-127.0.0.1}:8888:8888\"]
    env_file: lab.env
    networks: [inner]
  mlflow:
    image: \"ghcr.io/mlflow/mlflow:${TAG}\"
    command: mlflow server --host 0.0.0.0
    profiles: [track]
  caddy:
    image: caddy:2
    ports: [\"443:443\"]
    volumes: [\"./Caddyfile:/etc/caddy/Caddyfile:ro\"]
  side:
    image: x
    network_mode: service:lab
  tunnel:
    image: cloudflare/cloudflared
    command: tunnel --url http://mlflow:5000
networks:
  inner: {internal: true}
=== docker-compose.override.yml
services:
  mlflow:
    ports: [\"5000:5000\"]
=== docker-compose.prod.yml
services:
  mlflow:
    ports: !override [\"127.0.0.1:5000:5000\"]
=== .env
TAG=2.9
BIND=10.0.0.1
=== lab.env
JUPYTER_TOKEN=
=== Caddyfile
ml.example {
  basic_auth {
    a b
  }
  reverse_proxy mlflow:5000
}
=== lab/Dockerfile
FROM quay.io/jupyter/base-notebook AS base
ENV A=1
ENTRYPOINT [\"jupyter\", \"lab\"]
CMD [\"--ip=0.0.0.0\"]
FROM base AS run
EXPOSE 8888
FROM scratch
";
    assert_snapshot!(shown(text), @r"
    Service lab @docker-compose.yml:2
      [quay.io/jupyter/base-notebook]
        $ jupyter lab --ServerApp.token= @lab/Dockerfile:3
        A=1 @lab/Dockerfile:2
        JUPYTER_TOKEN= @lab.env:1
      HostPort Cluster 8888->8888 via docker-compose.yml:5
    Service mlflow @docker-compose.yml:8 profiles=track
      [ghcr.io/mlflow/mlflow:2.9] args-only
        $ mlflow server --host 0.0.0.0 @docker-compose.yml:10
      HostPort Everyone 5000->5000 via docker-compose.override.yml:3
      Proxy Everyone 443->5000 Basic @Caddyfile:2 via Caddyfile:5 docker-compose.yml:14
      Proxy Internet ?->5000 via docker-compose.yml:21
    Service caddy @docker-compose.yml:12
      [caddy:2]
        /etc/caddy/Caddyfile <- ./Caddyfile (70 bytes @Caddyfile:1)
      HostPort Everyone 443->443 via docker-compose.yml:14
    Service side @docker-compose.yml:16
      [x]
      HostPort Cluster 8888->8888 via docker-compose.yml:5
    Service tunnel @docker-compose.yml:19
      [cloudflare/cloudflared] args-only
        $ tunnel --url http://mlflow:5000 @docker-compose.yml:21
    Service mlflow @docker-compose.yml:8 profiles=track
      [ghcr.io/mlflow/mlflow:2.9] args-only
        $ mlflow server --host 0.0.0.0 @docker-compose.yml:10
      HostPort Host 5000->5000 via docker-compose.prod.yml:3
    ");
}

#[test]
fn labels_of_traefik_are_routes_with_guards() {
    let text = "\
=== compose.yaml
services:
  traefik:
    image: traefik:v3
    ports: [\"80:80\"]
    labels: [\"traefik.http.middlewares.login.basicauth.users=a:b\"]
  open:
    image: a
    labels:
      traefik.enable: true
      traefik.http.routers.o.rule: Host(`a.example`)
      traefik.http.services.o.loadbalancer.server.port: 5000
  closed:
    image: b
    labels:
      - traefik.http.routers.c.rule=Host(`b.example`)
      - traefik.http.routers.c.middlewares=chain@docker
      - traefik.http.middlewares.chain.chain.middlewares=login
  maybe:
    image: c
    labels: {traefik.http.routers.m.middlewares: authelia@file}
";
    assert_snapshot!(shown(text), @r"
    Service traefik @compose.yaml:2
      [traefik:v3]
      HostPort Everyone 80->80 via compose.yaml:4
    Service open @compose.yaml:6
      [a]
      Proxy Everyone ?->5000 via compose.yaml:10
    Service closed @compose.yaml:12
      [b]
      Proxy Everyone ?->? Basic @compose.yaml:5 via compose.yaml:15
    Service maybe @compose.yaml:18
      [c]
      Proxy Everyone ?->? Forward? @compose.yaml:20 via compose.yaml:20
    ");
}

#[test]
fn extends_over_files_and_in_circles_is_bounded() {
    let text = "\
=== a/compose.yml
services:
  one:
    extends: {file: ../b/base.yml, service: base}
    command: ray start --head
  two: {extends: two}
  three: {extends: {file: ../../etc/x.yml, service: y}}
=== b/base.yml
services:
  base:
    image: rayproject/ray
    extends: {file: ../a/compose.yml, service: one}
    ports: [8265:8265]
";
    assert_snapshot!(shown(text), @r"
    Service one @a/compose.yml:2
      [rayproject/ray] args-only
        $ ray start --head @a/compose.yml:4
      HostPort Everyone 8265->8265 via b/base.yml:5
    Service two @a/compose.yml:5
      [-]
    Service three @a/compose.yml:6
      [-]
    Service base @b/base.yml:2
      [rayproject/ray] args-only
        $ ray start --head @a/compose.yml:4
      HostPort Everyone 8265->8265 via b/base.yml:5
    gap a/compose.yml:3 `extends` goes round in a circle or too deep
    gap a/compose.yml:5 `extends` goes round in a circle or too deep
    gap a/compose.yml:6 extends a service of a file that was not read
    gap b/base.yml:4 `extends` goes round in a circle or too deep
    ");
}

#[test]
fn what_is_included_is_read_once() {
    let text =
        "=== a.yml\ninclude: [b.yml]\nservices: {a: {image: a}}\n=== b.yml\nservices: {b: {image: b}}\n";
    assert_eq!(read(text).workloads.len(), 2);
}

#[test]
fn includes_in_circles_end() {
    let mut text = String::new();
    for i in 0..100 {
        let j = (i + 1) % 100;
        text.push_str(&format!(
            "=== f{i}.yml\ninclude: [f{j}.yml, {{path: [f{i}.yml, f0.yml]}}, ../x.yml]\nservices: {{s{i}: {{image: i}}}}\n"
        ));
    }
    // One project reads so many files and no more.
    let n = read(&text).workloads.len();
    assert!((100..100 * 65).contains(&n), "{n}");
}

#[test]
fn the_widest_unguarded_way_comes_first() {
    let text = "=== compose.yml\nservices:\n  a: {image: x, ports: ['127.0.0.1:1:80', '2:80', '3:81']}\n";
    let estate = read(text);
    let ways = estate.workloads[0].ways_to(80);
    let audiences: Vec<_> = ways.iter().map(|o| o.audience).collect();
    assert_eq!(audiences, [Audience::Everyone, Audience::Host]);
}

proptest! {
    #[test]
    fn no_compose_file_makes_it_panic(text in "(services:|  a:|\n|    image: x|    extends: a|    ports: |[\\[\\]\"'{}:$-]|80){0,40}") {
        let file = EstateFile { path: "compose.yml", text: &text };
        super::show::check(&estate(&[file], &mut Budget::default()));
    }
}
