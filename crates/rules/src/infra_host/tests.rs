//! What listens raises, and its innocent twins.

use crate::{
    Subject,
    testing::{findings, told},
};
use wellhead_core::Budget;

fn on(command: &str, environment: &str, address: &str) -> String {
    let words: Vec<&str> = command.split(' ').collect();
    let json = format!(
        "{{\"schema\": {{\"name\": \"wellhead-host\"}}, \"processes\": [{{\"pid\": 2, \"command\": {words:?}, \"environment\": {environment}}}], \"sockets\": [{{\"address\": {address:?}, \"port\": 5000, \"pid\": 2}}]}}"
    );
    let document = wellhead_infra::host_document(&json, &mut Budget::default()).unwrap();
    told(&findings("host.json", Subject::Host(&document)))
}

#[test]
fn what_listens_and_its_innocent_twins() {
    let cases = [
        (
            "mlflow server --host 0.0.0.0",
            "{}",
            "0.0.0.0",
            "open-listener high",
        ),
        ("mlflow server --host 0.0.0.0", "{}", "127.0.0.1", ""),
        ("mlflow server --host 0.0.0.0", "{}", "::ffff:127.0.0.1", ""),
        (
            "mlflow server --host 0.0.0.0 --app-name basic-auth",
            "{}",
            "0.0.0.0",
            "",
        ),
        ("mlflow server", "{}", "10.0.0.5", "open-listener high"),
        (
            "mlflow server --host 127.0.0.1",
            "{}",
            "::",
            "listens-wider-than-told high",
        ),
        (
            "jupyter lab --ip=0.0.0.0 --ServerApp.token=",
            "{}",
            "0.0.0.0",
            "open-listener critical",
        ),
        ("jupyter lab --ip=0.0.0.0", "{}", "0.0.0.0", ""),
        ("vllm serve m", r#"{"VLLM_API_KEY": "***"}"#, "0.0.0.0", ""),
        ("vllm serve m", "{}", "0.0.0.0", "open-listener high"),
        (
            "tensorboard --logdir x --bind_all",
            "{}",
            "::",
            "open-listener medium",
        ),
        ("sshd -D", "{}", "0.0.0.0", ""),
        (
            "python -m http.server --bind 127.0.0.1",
            "{}",
            "0.0.0.0",
            "listens-wider-than-told medium",
        ),
        ("python -m http.server", "{}", "0.0.0.0", ""),
        (
            "exporter --host 127.0.0.1 --listen 0.0.0.0:5000",
            "{}",
            "0.0.0.0",
            "",
        ),
    ];
    for (command, environment, address, expected) in cases {
        assert_eq!(
            on(command, environment, address),
            expected,
            "{command} on {address}"
        );
    }
}
