//! A pod with the product and its proxy, a service that leads to the proxy, and a policy that lets nobody past it.
//!
//! The one decision: both containers share one network, so the product listens on 127.0.0.1 and is not reached by other
//! pods whatever a network plugin enforces. Secrets are named here and made by people; the pod does not start without.

use super::{
    Container, Front, LockdownFile, Order, SECRETS,
    door::TLS_FOLDER,
    istio,
    own::Value,
    text::{quoted, set_in},
};
use std::fmt::Write as _;

/// All manifests as one file; `proxy` are the files of the proxy, which become a ConfigMap.
pub(super) fn files(order: &Order<'_>, proxy: &[LockdownFile]) -> Vec<LockdownFile> {
    let mut parts: Vec<String> = configuration(order, proxy).into_iter().collect();
    parts.push(deployment(order));
    if order.request.front == Front::Istio {
        parts.extend(istio::objects(order));
    } else {
        parts.extend(service(order));
        parts.push(policy(order));
    }
    vec![LockdownFile {
        path: format!("k8s/{}.yaml", order.id()),
        text: format!(
            "# {} behind a proxy: whoever has no password gets nothing, in the cluster too.\n{}",
            order.request.product.name,
            parts.join("---\n")
        ),
    }]
}

/// The name of what is made for a container.
fn called(order: &Order<'_>, what: &str) -> String {
    format!("{}-{what}", order.id())
}

/// The beginning of an object.
pub(super) fn head(version: &str, kind: &str, name: &str, order: &Order<'_>) -> String {
    format!(
        "apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {name}\n  labels:\n    app.kubernetes.io/name: {}\n",
        order.id()
    )
}

/// The labels that all of it is found by.
pub(super) fn label(order: &Order<'_>) -> String {
    format!("app.kubernetes.io/name: {}", order.id())
}

/// The name of the volume and of the ConfigMap with the files of a folder.
fn volume_of(folder: &str) -> &str {
    folder.split('/').next().unwrap_or(folder)
}

fn configuration(order: &Order<'_>, proxy: &[LockdownFile]) -> Option<String> {
    let mut out = Vec::new();
    for (folder, _) in order.containers().iter().flat_map(|c| c.reads.clone()) {
        let volume = volume_of(folder);
        let mut text = head("v1", "ConfigMap", &called(order, volume), order);
        text.push_str("data:\n");
        let within = |f: &&LockdownFile| {
            f.path
                .strip_prefix(folder)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        for file in proxy.iter().filter(within) {
            let name = file.path.rsplit('/').next().unwrap_or(&file.path);
            let _ = write!(text, "  {name}: |\n{}", set_in(&file.text, 4));
        }
        out.push(text);
    }
    (!out.is_empty()).then(|| out.join("---\n"))
}

fn deployment(order: &Order<'_>) -> String {
    let mut out = head("apps/v1", "Deployment", order.id(), order);
    let label = label(order);
    let inject = if order.request.front == Front::Istio {
        "        sidecar.istio.io/inject: \"true\"\n"
    } else {
        ""
    };
    let _ = write!(
        out,
        "spec:\n  replicas: 1\n  strategy:\n    type: Recreate\n  selector:\n    matchLabels:\n      {label}\n  template:\n    metadata:\n      labels:\n        {label}\n{inject}    spec:\n      automountServiceAccountToken: false\n      containers:\n"
    );
    product(order, &mut out);
    let containers = order.containers();
    for container in &containers {
        proxy(order, container, &mut out);
    }
    if !containers.is_empty() {
        volumes(order, &containers, &mut out);
    }
    out
}

/// A value as Kubernetes puts secrets into arguments.
fn value(value: &Value) -> String {
    quoted(&value.with(|name| format!("$({name})")))
}

pub(super) fn product(order: &Order<'_>, out: &mut String) {
    let own = &order.own;
    let by_image = order.request.product.start.image;
    let _ = writeln!(
        out,
        "        - name: {}\n          image: {}",
        order.id(),
        quoted(&order.image())
    );
    if !(own.flags.is_empty() && (by_image || own.program.is_empty())) {
        if !own.program.is_empty() {
            let words: Vec<String> = own.program.iter().map(|w| quoted(w)).collect();
            let _ = writeln!(out, "          command: [{}]", words.join(", "));
        }
        if !own.flags.is_empty() {
            out.push_str("          # Your own options go behind these.\n          args:\n");
            for flag in &own.flags {
                let _ = writeln!(out, "            - {}", value(flag));
            }
        }
    }
    if !own.environment.is_empty() || !own.secrets().is_empty() {
        out.push_str("          env:\n");
    }
    let mut written = Vec::new();
    for (name, said) in &own.environment {
        match &said.secret {
            // The whole variable is kept in the secret, with whatever stands before in it.
            Some(_) => secret_variable(order, name, out),
            None => {
                let _ = writeln!(
                    out,
                    "            - name: {name}\n              value: {}",
                    quoted(&said.before)
                );
            }
        }
        written.push(name.clone());
    }
    for name in own.secrets().iter().filter(|n| !written.contains(n)) {
        secret_variable(order, name, out);
    }
    out.push_str("          securityContext:\n            allowPrivilegeEscalation: false\n");
}

fn secret_variable(order: &Order<'_>, name: &str, out: &mut String) {
    let _ = writeln!(
        out,
        "            - name: {name}\n              valueFrom:\n                secretKeyRef:\n                  name: {}\n                  key: {name}",
        called(order, "secrets")
    );
}

fn proxy(order: &Order<'_>, container: &Container, out: &mut String) {
    let _ = writeln!(
        out,
        "        - name: {}\n          image: {}",
        container.name,
        quoted(container.image)
    );
    if !container.arguments.is_empty() {
        let words: Vec<String> = container.arguments.iter().map(|a| quoted(a)).collect();
        let _ = writeln!(out, "          args: [{}]", words.join(", "));
    }
    if !container.secrets.is_empty() {
        out.push_str("          env:\n");
        for name in &container.secrets {
            secret_variable(order, name, out);
        }
    }
    if container.is_entrance && order.door.is_tls() {
        let port = order.door.port;
        let _ = writeln!(
            out,
            "          ports:\n            - name: visitors\n              containerPort: {port}\n          readinessProbe:\n            tcpSocket:\n              port: visitors"
        );
    }
    out.push_str("          securityContext:\n            runAsNonRoot: true\n            runAsUser: 10101\n            runAsGroup: 10101\n            allowPrivilegeEscalation: false\n            readOnlyRootFilesystem: true\n            capabilities:\n              drop: [ALL]\n            seccompProfile:\n              type: RuntimeDefault\n          volumeMounts:\n");
    let mut mount = |name: &str, path: &str, more: &str| {
        let _ = writeln!(
            out,
            "            - name: {name}\n              mountPath: {path}{more}"
        );
    };
    let read_only = "\n              readOnly: true";
    for (folder, target) in &container.reads {
        mount(volume_of(folder), target, read_only);
    }
    mount("sign-in", SECRETS, read_only);
    if container.is_entrance && order.door.is_tls() {
        mount("tls", TLS_FOLDER, read_only);
    }
    for (at, target) in container.writes.iter().enumerate() {
        mount(
            "scratch",
            target,
            &format!("\n              subPath: {}-{at}", container.name),
        );
    }
}

fn volumes(order: &Order<'_>, containers: &[Container], out: &mut String) {
    out.push_str("      securityContext:\n        fsGroup: 10101\n      volumes:\n");
    for (folder, _) in containers.iter().flat_map(|c| &c.reads) {
        let volume = volume_of(folder);
        let _ = writeln!(
            out,
            "        - name: {volume}\n          configMap:\n            name: {}",
            called(order, volume)
        );
    }
    let mut secret = |name: &str, called: &str| {
        let _ = writeln!(
            out,
            "        - name: {name}\n          secret:\n            secretName: {called}\n            defaultMode: 0440"
        );
    };
    secret("sign-in", &called(order, "sign-in"));
    if order.door.is_tls() {
        secret("tls", &called(order, "tls"));
    }
    out.push_str("        - name: scratch\n          emptyDir: {}\n");
}

/// The way to the proxy. Without a name there is none but `kubectl port-forward`.
fn service(order: &Order<'_>) -> Option<String> {
    order.request.name.as_ref()?;
    let mut out = head("v1", "Service", order.id(), order);
    let _ = write!(
        out,
        "spec:\n  type: ClusterIP\n  selector:\n    {}\n  ports:\n    - name: https\n      port: 443\n      targetPort: {}\n",
        label(order),
        order.door.port
    );
    Some(out)
}

/// Nobody reaches the pod but at the proxy's port.
fn policy(order: &Order<'_>) -> String {
    let mut out = head("networking.k8s.io/v1", "NetworkPolicy", order.id(), order);
    let _ = write!(
        out,
        "spec:\n  podSelector:\n    matchLabels:\n      {}\n  policyTypes: [Ingress]\n",
        label(order)
    );
    match order.request.name {
        Some(_) => {
            let _ = write!(
                out,
                "  # The proxy alone: what the product listens on is not in this list.\n  ingress:\n    - ports:\n        - protocol: TCP\n          port: {}\n",
                order.door.port
            );
        }
        None => out.push_str("  # Nobody: `kubectl port-forward` does not come this way.\n  ingress: []\n"),
    }
    out
}
