//! The entries. Ports, flags and answers were taken from running products, not from their documentation alone.

use super::{Gain, Probe, Product, Sign, Signs, start};

const fn get(path: &'static str) -> Probe {
    Probe { path, host: None }
}

const fn sign(path: &'static str, status: u16, body: &'static [&'static str]) -> Sign {
    Sign {
        path,
        status,
        body,
        header: None,
    }
}

const NONE: Signs = Signs {
    identity: &[],
    open: &[],
    protected: &[],
    host_guard: &[],
    version: None,
};

/// The platforms.
pub static PRODUCTS: &[Product] = &[
    Product {
        id: "jupyter",
        name: "Jupyter",
        port: 8888,
        more_ports: &[],
        gain: Gain::Code,
        remedy: "leave the token on, or set a password hash with `PasswordIdentityProvider.hashed_password`",
        probes: &[get("/api"), get("/api/status")],
        launch: start::jupyter,
        signs: Signs {
            identity: &[
                sign("/api", 200, &["{\"version\":\""]),
                sign(
                    "/api/status",
                    200,
                    &["\"started\":", "\"kernels\":", "\"connections\":"],
                ),
            ],
            open: &[
                sign("/api/status", 200, &["\"started\":", "\"kernels\":"]),
                sign("/api/kernelspecs", 200, &["\"kernelspecs\":"]),
                sign("/api/contents", 200, &["\"last_modified\":", "\"path\":"]),
            ],
            protected: &[
                sign("/api/status", 403, &["Forbidden"]),
                sign("/api/kernelspecs", 403, &["Forbidden"]),
                sign("/api/contents", 403, &["Forbidden"]),
                sign("/api/kernels", 403, &["Forbidden"]),
                Sign {
                    path: "/tree",
                    status: 302,
                    body: &[],
                    header: Some(("location", "/login?next=")),
                },
                Sign {
                    path: "/lab",
                    status: 302,
                    body: &[],
                    header: Some(("location", "/login?next=")),
                },
            ],
            host_guard: &[],
            version: Some(("/api", "{\"version\":\"")),
        },
    },
    Product {
        id: "jupyterhub",
        name: "JupyterHub",
        port: 8000,
        more_ports: &[8081],
        gain: Gain::Code,
        remedy: "use an authenticator that asks a real identity provider, and close open sign-up",
        probes: &[get("/hub/api"), get("/hub/api/users")],
        launch: start::never,
        signs: Signs {
            identity: &[sign("/hub/api", 200, &["{\"version\":\""])],
            open: &[sign("/hub/api/users", 200, &["[", "\"admin\":"])],
            protected: &[sign("/hub/api/users", 403, &["Missingorinvalidcredentials"])],
            host_guard: &[],
            version: Some(("/hub/api", "{\"version\":\"")),
        },
    },
    Product {
        id: "mlflow",
        name: "MLflow",
        port: 5000,
        more_ports: &[],
        gain: Gain::Write,
        remedy: "start it with `--app-name basic-auth` and an own `MLFLOW_FLASK_SERVER_SECRET_KEY`, or publish it on \
                 127.0.0.1 behind a proxy that asks who is there",
        probes: &[
            get("/version"),
            Probe {
                path: "/api/2.0/mlflow/experiments/search?max_results=1",
                host: Some("localhost"),
            },
        ],
        launch: start::mlflow,
        signs: Signs {
            identity: &[
                sign("/api/2.0/mlflow/experiments/search", 200, &["\"experiments\":"]),
                sign(
                    "/ajax-api/2.0/mlflow/experiments/search",
                    200,
                    &["\"experiments\":"],
                ),
                Sign {
                    path: "/api/2.0/mlflow/experiments/search",
                    status: 401,
                    body: &[],
                    header: Some(("www-authenticate", "mlflow")),
                },
                Sign {
                    path: "/",
                    status: 401,
                    body: &[],
                    header: Some(("www-authenticate", "realm=\"mlflow\"")),
                },
                Sign {
                    path: "/version",
                    status: 401,
                    body: &[],
                    header: Some(("www-authenticate", "realm=\"mlflow\"")),
                },
                sign("/api/2.0/mlflow/experiments/search", 403, &["InvalidHostheader"]),
                sign("/", 200, &["<title>MLflow</title>"]),
            ],
            open: &[
                sign("/api/2.0/mlflow/experiments/search", 200, &["\"experiments\":"]),
                sign(
                    "/ajax-api/2.0/mlflow/experiments/search",
                    200,
                    &["\"experiments\":"],
                ),
            ],
            protected: &[
                sign("/api/2.0/mlflow/experiments/search", 401, &[]),
                sign("/ajax-api/2.0/mlflow/experiments/search", 401, &[]),
                sign("/version", 401, &[]),
                sign("/", 401, &[]),
            ],
            host_guard: &[
                sign("/api/2.0/mlflow/experiments/search", 403, &["InvalidHostheader"]),
                sign("/version", 403, &["InvalidHostheader"]),
            ],
            version: Some(("/version", "")),
        },
    },
    Product {
        id: "ray",
        name: "Ray",
        port: 8265,
        more_ports: &[10_001],
        gain: Gain::Code,
        remedy: "keep `--dashboard-host` at 127.0.0.1 and do not publish its ports, or set `RAY_AUTH_MODE=token` (Ray \
                 2.52 and newer)",
        probes: &[get("/api/authentication_mode"), get("/api/version")],
        launch: start::ray,
        signs: Signs {
            identity: &[
                sign("/api/authentication_mode", 200, &["\"authentication_mode\":"]),
                sign("/api/version", 200, &["\"ray_version\":"]),
                sign("/", 200, &["<title>RayDashboard</title>"]),
                sign("/api/job_agent/jobs/", 405, &["MethodNotAllowed"]),
                sign("/api/version", 401, &["Unauthorized:Missingauthenticationtoken"]),
                sign(
                    "/api/job_agent/jobs/",
                    401,
                    &["Unauthorized:Missingauthenticationtoken"],
                ),
            ],
            open: &[
                sign(
                    "/api/authentication_mode",
                    200,
                    &["\"authentication_mode\":\"disabled\""],
                ),
                sign("/api/version", 200, &["\"ray_version\":"]),
                sign("/api/job_agent/jobs/", 405, &["MethodNotAllowed"]),
            ],
            protected: &[
                sign(
                    "/api/authentication_mode",
                    200,
                    &["\"authentication_mode\":\"token\""],
                ),
                sign("/api/version", 401, &["Unauthorized:Missingauthenticationtoken"]),
                sign(
                    "/api/job_agent/jobs/",
                    401,
                    &["Unauthorized:Missingauthenticationtoken"],
                ),
            ],
            host_guard: &[],
            version: Some(("/api/version", "\"ray_version\":\"")),
        },
    },
    Product {
        id: "tensorboard",
        name: "TensorBoard",
        port: 6006,
        more_ports: &[],
        gain: Gain::Data,
        remedy: "publish it on 127.0.0.1 only; it has no authentication of its own",
        probes: &[get("/data/environment")],
        launch: start::tensorboard,
        signs: Signs {
            identity: &[sign(
                "/data/environment",
                200,
                &["\"data_location\":", "\"window_title\":"],
            )],
            open: &[sign(
                "/data/environment",
                200,
                &["\"data_location\":", "\"window_title\":"],
            )],
            version: Some(("/data/environment", "{\"version\":\"")),
            ..NONE
        },
    },
    Product {
        id: "dask",
        name: "Dask",
        port: 8786,
        more_ports: &[8787],
        gain: Gain::Code,
        remedy: "require TLS with `--tls-ca-file`, `--tls-cert` and `--tls-key`, and keep both ports off public addresses",
        probes: &[get("/json/identity.json")],
        launch: start::dask,
        signs: Signs {
            identity: &[sign("/json/identity.json", 200, &["\"type\":\"Scheduler\""])],
            open: &[sign("/json/identity.json", 200, &["\"type\":\"Scheduler\""])],
            ..NONE
        },
    },
    Product {
        id: "prefect",
        name: "Prefect",
        port: 4200,
        more_ports: &[],
        gain: Gain::Code,
        remedy: "set `PREFECT_SERVER_API_AUTH_STRING`",
        probes: &[get("/ui-settings"), get("/api/admin/version")],
        launch: start::prefect,
        signs: Signs {
            identity: &[sign("/ui-settings", 200, &["\"csrf_enabled\":", "\"api_url\":"])],
            open: &[
                sign("/ui-settings", 200, &["\"csrf_enabled\":", "\"auth\":null"]),
                sign("/api/admin/settings", 200, &["\"profiles_path\":"]),
            ],
            protected: &[
                sign("/ui-settings", 200, &["\"csrf_enabled\":", "\"auth\":\""]),
                sign(
                    "/api/admin/version",
                    401,
                    &["\"exception_message\":\"Unauthorized\""],
                ),
            ],
            ..NONE
        },
    },
    Product {
        id: "marimo",
        name: "marimo",
        port: 2718,
        more_ports: &[],
        gain: Gain::Code,
        remedy: "leave the token on, or set `--token-password`",
        probes: &[],
        launch: start::marimo,
        signs: NONE,
    },
    Product {
        id: "torchserve",
        name: "TorchServe",
        port: 8081,
        more_ports: &[8080],
        gain: Gain::Code,
        remedy: "leave token authorization on and bind the management port to 127.0.0.1",
        probes: &[get("/api-description"), get("/models")],
        launch: start::torchserve,
        signs: Signs {
            identity: &[
                sign("/api-description", 200, &["\"title\":\"TorchServeAPIs\""]),
                sign("/models", 400, &["\"InvalidKeyException\""]),
            ],
            open: &[
                sign("/models", 200, &["\"models\":["]),
                sign("/ping", 200, &["\"status\":\"Healthy\""]),
            ],
            protected: &[
                sign("/models", 400, &["\"InvalidKeyException\""]),
                sign("/ping", 400, &["\"InvalidKeyException\""]),
            ],
            ..NONE
        },
    },
    Product {
        id: "gradio",
        name: "Gradio",
        port: 7860,
        more_ports: &[],
        gain: Gain::Data,
        remedy: "pass `auth=` to `launch()`, or publish it behind a proxy that asks who is there",
        probes: &[get("/config")],
        launch: start::never,
        signs: Signs {
            identity: &[
                sign("/config", 200, &["\"version\":", "\"components\":[", "\"mode\":"]),
                sign("/config", 401, &["\"error\":\"Notauthenticated\""]),
            ],
            open: &[sign("/config", 200, &["\"version\":", "\"components\":["])],
            protected: &[sign("/config", 401, &["\"error\":\"Notauthenticated\""])],
            version: Some(("/config", "{\"version\":\"")),
            ..NONE
        },
    },
    Product {
        id: "streamlit",
        name: "Streamlit",
        port: 8501,
        more_ports: &[],
        gain: Gain::Data,
        remedy: "publish it behind a proxy that asks who is there, or use `st.login`",
        probes: &[get("/_stcore/host-config")],
        launch: start::never,
        signs: Signs {
            identity: &[sign("/_stcore/host-config", 200, &["\"allowedOrigins\":"])],
            open: &[sign("/_stcore/host-config", 200, &["\"allowedOrigins\":"])],
            ..NONE
        },
    },
    Product {
        id: "chroma",
        name: "Chroma",
        port: 8000,
        more_ports: &[],
        gain: Gain::Write,
        remedy: "publish it behind a proxy that asks who is there; it has no authentication of its own since 1.0",
        probes: &[
            get("/api/v2/heartbeat"),
            get("/api/v2/tenants/default_tenant/databases"),
        ],
        launch: start::never,
        signs: Signs {
            identity: &[sign("/api/v2/heartbeat", 200, &["\"nanosecondheartbeat\":"])],
            open: &[sign(
                "/api/v2/tenants/default_tenant/databases",
                200,
                &["[", "\"name\":"],
            )],
            protected: &[
                sign("/api/v2/tenants/default_tenant/databases", 401, &[]),
                sign("/api/v2/tenants/default_tenant/databases", 403, &[]),
            ],
            ..NONE
        },
    },
    Product {
        id: "bentoml",
        name: "BentoML",
        port: 3000,
        more_ports: &[],
        gain: Gain::Data,
        remedy: "publish it behind a proxy that asks who is there; it has no authentication of its own",
        probes: &[get("/docs.json"), get("/schema.json")],
        launch: start::never,
        signs: Signs {
            identity: &[sign("/docs.json", 200, &["contact@bentoml.com"])],
            open: &[sign(
                "/schema.json",
                200,
                &["\"type\":\"service\"", "\"routes\":["],
            )],
            ..NONE
        },
    },
];
