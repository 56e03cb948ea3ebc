//! The profiles against the routes that products really have.
//!
//! The routes were taken from products that ran: the handlers of Jupyter, Flask's table of MLflow, the OpenAPI documents of
//! Gradio, Prefect, Chroma and Airflow, the pages of Dask, the routes of Ray's dashboard. Per row: what becomes of the
//! request, and what becomes of it where only reading is allowed.

use super::policy::{Decision, Policy};
use super::target::judge;
use wellhead_infra::PRODUCTS;

/// `+` passes, `~` passes and may pause, `w` becomes a WebSocket, `-` is refused.
const ROUTES: &[(&str, &str)] = &[
    (
        "jupyter",
        "+ + GET /
         + + GET /lab
         + + GET /lab/tree/a.ipynb
         + + GET /lab/api/settings
         + - PUT /lab/api/settings/@jupyterlab/apputils-extension:themes
         + + GET /lab/api/translations/default
         + + GET /lab/extensions/@jupyterlab/x/static/a.js
         + + GET /notebooks/a.ipynb
         + + GET /static/lab/main.js
         + + GET /api/me
         + + GET /api/kernelspecs
         + + GET /kernelspecs/python3/logo-64x64.png
         + + GET /api/sessions
         + - POST /api/sessions
         + + GET /api/kernels
         + - POST /api/kernels
         + - DELETE /api/kernels/1-2-3-4-5
         + - POST /api/kernels/1-2-3-4-5/interrupt
         w - WS /api/kernels/1-2-3-4-5/channels
         w - WS /terminals/websocket/1
         w - WS /api/events/subscribe
         - - WS /api/contents
         + - POST /api/terminals
         + + GET /api/contents/a.ipynb
         + - PUT /api/contents/a.ipynb
         + - PATCH /api/contents/a.ipynb
         + - DELETE /api/contents/a.ipynb
         + - POST /api/contents/a.ipynb/checkpoints
         + + GET /files/a.csv
         - - POST /api/shutdown",
    ),
    (
        "mlflow",
        "+ + GET /
         + + GET /static-files/static/js/main.js
         + + GET /version
         + + GET /health
         + + POST /graphql
         + + GET /api/2.0/mlflow/experiments/search
         + + POST /api/2.0/mlflow/experiments/search
         + + GET /api/2.0/mlflow/experiments/get-by-name
         + - POST /api/2.0/mlflow/experiments/create
         + - POST /api/2.0/mlflow/experiments/delete
         + + POST /api/2.0/mlflow/runs/search
         + + GET /api/2.0/mlflow/runs/get
         + - POST /api/2.0/mlflow/runs/create
         + - POST /api/2.0/mlflow/runs/log-batch
         + - POST /api/2.0/mlflow/runs/delete
         + + GET /api/2.0/mlflow/registered-models/search
         + + POST /api/2.0/mlflow/registered-models/get-latest-versions
         + + GET /api/2.0/mlflow/registered-models/alias
         + - POST /api/2.0/mlflow/registered-models/alias
         + - DELETE /api/2.0/mlflow/registered-models/alias
         + - POST /api/2.0/mlflow/registered-models/create
         + - DELETE /api/2.0/mlflow/registered-models/delete
         + - POST /api/2.0/mlflow/model-versions/create
         + - POST /api/2.0/mlflow/model-versions/transition-stage
         + + GET /api/2.0/mlflow/model-versions/get-download-uri
         + + GET /api/2.0/mlflow/artifacts/list
         ~ ~ GET /get-artifact
         ~ ~ GET /model-versions/get-artifact
         ~ ~ GET /api/2.0/mlflow-artifacts/artifacts/1/a/model.pkl
         ~ - PUT /api/2.0/mlflow-artifacts/artifacts/1/a/model.pkl
         ~ - DELETE /api/2.0/mlflow-artifacts/artifacts/1/a/model.pkl
         + - POST /api/2.0/mlflow-artifacts/mpu/create/1/a/model.pkl
         + + POST /ajax-api/3.0/mlflow/traces/search
         + + POST /ajax-api/3.0/mlflow/traces/batchGetInfos
         + - POST /ajax-api/3.0/mlflow/traces/delete-traces
         + - PATCH /ajax-api/3.0/mlflow/traces/t/tags
         + + GET /ajax-api/3.0/mlflow/server-info
         + + GET /ajax-api/3.0/mlflow/datasets/d/records
         + - DELETE /ajax-api/3.0/mlflow/datasets/d/records
         + - POST /ajax-api/3.0/mlflow/scorers/register
         + - GET /ajax-api/2.0/mlflow/webhooks
         + - POST /ajax-api/2.0/mlflow/upload-artifact
         - - POST /ajax-api/2.0/mlflow/gateway-proxy
         - - GET /ajax-api/3.0/mlflow/gateway/secrets/config
         - - GET /api/3.0/mlflow/gateway/secrets/list
         - - GET /build/main.js",
    ),
    (
        "gradio",
        "+ - GET /
         + - GET /config
         + - GET /assets/index.js
         + - GET /gradio_api/info
         + - POST /login
         + - POST /gradio_api/upload
         ~ - GET /gradio_api/upload_progress
         + - POST /gradio_api/queue/join
         ~ - GET /gradio_api/queue/data
         ~ - GET /gradio_api/heartbeat/abc
         ~ - POST /gradio_api/call/predict
         ~ - GET /gradio_api/call/predict/e1
         + - GET /gradio_api/file=a/b.png
         ~ - GET /gradio_api/stream/h/r/c/playlist.m3u8
         + - POST /gradio_api/component_server
         - - GET /gradio_api/proxy=http:x
         - - POST /gradio_api/vibe-edit
         - - POST /gradio_api/undo-vibe-edit
         - - GET /gradio_api/dev/reload
         - - GET /monitoring
         - - GET /monitoring/summary",
    ),
    (
        "streamlit",
        "+ - GET /
         + - GET /any_page
         w - WS /_stcore/stream
         + - GET /_stcore/health
         + - GET /_stcore/host-config
         + - GET /media/a.png
         + - GET /component/a/index.html
         ~ - PUT /_stcore/upload_file/s/f
         - - POST /_stcore/agent/interact
         - - POST /_stcore/agent/mcp
         + - GET /_stcore/agent/openapi.json
         - - GET /_stcore/metrics",
    ),
    (
        "dask",
        "+ + GET /status
         + + GET /shuffle
         + + GET /individual-task-stream
         w w WS /status/ws
         w w WS /individual-progress/ws
         w w WS /eventstream
         + + GET /statics/images/dask-logo.svg
         + + GET /info/main/workers.html
         + + GET /json/identity.json
         - - GET /proxy/8787/w/status
         - - POST /api/v1/retire_workers
         - - POST /api/v1/adaptive_target",
    ),
    (
        "bokeh",
        "+ - GET /app
         w - WS /app/ws
         w - WS /a/b/ws
         + - GET /app/autoload.js
         + - GET /static/js/bokeh.min.js",
    ),
    (
        "panel",
        "+ - GET /app
         w - WS /app/ws
         + - GET /login
         - - GET /rest/session_info",
    ),
    (
        "tensorboard",
        "+ + GET /
         + + GET /index.js
         + + GET /data/environment
         + + GET /data/plugin/scalars/tags
         + - POST /data/plugin/scalars/scalars_multirun
         - - GET /admin",
    ),
    (
        "ray",
        "+ + GET /
         + + GET /api/version
         + + GET /nodes
         + + GET /api/jobs/
         + - POST /api/jobs/
         + + GET /api/jobs/raysubmit_1/logs
         w - WS /api/jobs/raysubmit_1/logs/tail
         + - POST /api/jobs/raysubmit_1/stop
         + - DELETE /api/jobs/raysubmit_1
         + - PUT /api/packages/gcs/a.zip
         + + GET /api/v0/tasks
         ~ ~ GET /api/v0/logs/file
         + + GET /api/serve/applications/
         + - PUT /api/serve/applications/
         + - DELETE /api/serve/applications/
         - - GET /api/actors/kill
         - - GET /worker/traceback
         - - GET /task/cpu_profile
         - - GET /memory_profile
         - - GET /api/v0/delay/5
         - - GET /test/dump",
    ),
    (
        "prefect",
        "+ + GET /
         + + GET /ui-settings
         + + GET /api/health
         + + GET /api/flows/f
         + + POST /api/flows/filter
         + + POST /api/flow_runs/paginate
         + + POST /api/ui/flow_runs/history
         w w WS /api/events/out
         w w WS /api/logs/out
         w - WS /api/events/in
         w - WS /api/task_runs/subscriptions/scheduled
         + - POST /api/flow_runs/
         + - POST /api/flow_runs/r/set_state
         + - POST /api/flow_runs/bulk_delete
         + - POST /api/deployments/d/create_flow_run
         + - POST /api/deployments/get_scheduled_flow_runs
         + - POST /api/work_pools/p/get_scheduled_flow_runs
         + - POST /api/block_documents/filter
         + - GET /api/block_documents/b
         + - GET /api/variables/name/v
         + - DELETE /api/flows/f
         - - GET /api/admin/settings
         - - POST /api/admin/database/clear
         - - GET /openapi.json",
    ),
    (
        "chroma",
        "+ + GET /api/v2/heartbeat
         + + GET /api/v2/auth/identity
         + + GET /api/v2/pre-flight-checks
         + + GET /api/v2/tenants/default_tenant/databases/default_database/collections
         + + POST /api/v2/tenants/t/databases/d/collections/c/query
         + + POST /api/v2/tenants/t/databases/d/collections/c/get
         + - POST /api/v2/tenants/t/databases/d/collections
         + - POST /api/v2/tenants/t/databases/d/collections/c/add
         + - POST /api/v2/tenants/t/databases/d/collections/c/upsert
         + - POST /api/v2/tenants/t/databases/d/collections/c/delete
         + - DELETE /api/v2/tenants/t/databases/d/collections/c
         - - POST /api/v2/reset
         - - GET /docs",
    ),
    (
        "airflow",
        "+ + GET /
         + + GET /ui/grid/runs/d
         + + GET /api/v2/dags
         + + POST /api/v2/dags/~/dagRuns/list
         ~ ~ GET /api/v2/dags/d/dagRuns/r/taskInstances/t/logs/1
         + - POST /api/v2/dags/d/dagRuns
         + - PATCH /api/v2/dags/d
         + - POST /api/v2/dags/d/clearTaskInstances
         + - GET /api/v2/connections
         + - GET /api/v2/variables/v
         + - GET /api/v2/config
         + - POST /api/v2/connections/test
         - - GET /auth/token",
    ),
    (
        "flower",
        "+ + GET /
         + + GET /workers
         + + GET /tasks
         + + GET /tasks/datatable
         + + GET /task/t
         + - GET /api/workers
         - - POST /api/worker/shutdown/w
         - - POST /api/worker/pool/restart/w
         - - POST /api/task/revoke/t
         - - POST /api/task/send-task/t",
    ),
    (
        "mlserver",
        "+ + GET /v2/health/ready
         + + GET /v2/models/m
         + + GET /v2/models/m/versions/1
         + - POST /v2/models/m/infer
         ~ - POST /v2/models/m/generate_stream
         ~ - POST /v2/models/m/versions/1/generate_stream
         - - POST /v2/repository/models/m/load
         - - POST /v2/repository/index",
    ),
    (
        "jupyterhub",
        "+ - GET /
         + - GET /hub/home
         ~ - GET /hub/api/users/ann/server/progress
         w - WS /user/ann/api/kernels/k/channels
         w - WS /user/ann/named/api/kernels/k/channels
         + - GET /user/ann/lab
         - - POST /hub/api/shutdown
         - - GET /hub/api/proxy",
    ),
    (
        "feast",
        "+ + GET /
         + + GET /api/v1/projects
         + - POST /get-online-features
         + - POST /push
         - - POST /materialize
         - - WS /ws/chat",
    ),
];

fn mark(decision: Decision) -> &'static str {
    match decision {
        Decision::Forward => "+",
        Decision::Stream => "~",
        Decision::Upgrade => "w",
        Decision::Deny(_) => "-",
    }
}

#[test]
fn the_routes_of_real_products_pass_as_their_clients_need_them() {
    let mut wrong = Vec::new();
    for (id, rows) in ROUTES {
        let product = PRODUCTS.iter().find(|p| p.id == *id).unwrap();
        let policy = Policy::new(product, &[], &[]).unwrap();
        for row in rows.lines() {
            let [usual, reading, method, path] = row.split_whitespace().collect::<Vec<_>>()[..] else {
                panic!("{row}");
            };
            let upgrade = method == "WS";
            let sent = if upgrade { "GET" } else { method }.parse().unwrap();
            let path = judge(path).unwrap().path;
            let decided = |only| mark(policy.decide(&sent, &path, upgrade, only));
            if (decided(false), decided(true)) != (usual, reading) {
                wrong.push(format!("{id} {row}: {} {}", decided(false), decided(true)));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
