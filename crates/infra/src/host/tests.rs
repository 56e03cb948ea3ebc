use crate::estate::show::shown;
use crate::{EstateFile, estate};
use insta::assert_snapshot;
use proptest::prelude::*;
use wellhead_core::Budget;

#[test]
fn units_supervisors_and_scripts_are_what_a_host_starts() {
    let text = "\
=== etc/jupyter.service
[Unit]
Description=x
[Service]
Environment=\"PORT=8888\" TOKEN=
EnvironmentFile=-/etc/default/jupyter.env
ExecStart=/opt/bin/jupyter lab --ip=0.0.0.0 \\
  --port=${PORT} --IdentityProvider.token=''
=== etc/jupyter.service.d/override.conf
[Service]
ExecStart=
ExecStart=/opt/bin/jupyter lab --ip=127.0.0.1
=== etc/jupyter.env
A=b
=== etc/ray.service
[Service]
PrivateNetwork=yes
ExecStart=/bin/bash -c 'ray start --head --dashboard-host=0.0.0.0 --block'
=== etc/ollama.container
[Container]
Image=docker.io/ollama/ollama
PublishPort=11434:11434
Environment=OLLAMA_HOST=0.0.0.0
=== etc/run.service
[Service]
ExecStart=/usr/bin/docker run --rm -p 127.0.0.1:5000:5000 -e A=b mlflow mlflow server
=== supervisord.conf
[program:tb]
command=tensorboard --bind_all --logdir /x
environment=A=\"b\",C=d
=== start.sh
#!/bin/bash
export MLFLOW_HOST=0.0.0.0
mlflow server --port 5000 &
docker run -dit --gpus all -p8000:8000 --ipc=host --name v --env-file etc/jupyter.env vllm/vllm-openai:v0.6 --model x
sudo podman run --network=host --privileged --entrypoint sh ollama/ollama -c 'ollama serve'
=== Procfile
web: streamlit run app.py
=== ray.yaml
cluster_name: c
provider: {type: aws}
docker: {image: rayproject/ray}
head_start_ray_commands:
  - ray stop
  - ulimit -n 65536; ray start --head --dashboard-host=0.0.0.0
";
    assert_snapshot!(shown(text), @r"
    Unit jupyter.service @etc/jupyter.service:1
      [-] hostnet
        $ /opt/bin/jupyter lab --ip=127.0.0.1 @etc/jupyter.service.d/override.conf:3
        A=b @etc/jupyter.env:1
        PORT=8888 @etc/jupyter.service:4
        TOKEN= @etc/jupyter.service:4
      HostNetwork Everyone ?->? via etc/jupyter.service.d/override.conf:3
    Unit ollama.container @etc/ollama.container:1
      [docker.io/ollama/ollama]
        OLLAMA_HOST=0.0.0.0 @etc/ollama.container:4
      HostPort Everyone 11434->11434 via etc/ollama.container:3
    Unit ray.service @etc/ray.service:1
      [-] hostnet
        $ ray start --head --dashboard-host=0.0.0.0 --block @etc/ray.service:3
      HostNetwork Host ?->? via etc/ray.service:3
    DockerRun mlflow @etc/run.service:2
      [mlflow] args-only
        $ mlflow server @etc/run.service:2
        A=b @etc/run.service:2
      HostPort Host 5000->5000 via etc/run.service:2
    Unit tb @supervisord.conf:2
      [-] hostnet
        $ tensorboard --bind_all --logdir /x @supervisord.conf:2
        A=b @supervisord.conf:3
        C=d @supervisord.conf:3
      HostNetwork Everyone ?->? via supervisord.conf:2
    DockerRun v @start.sh:4
      [vllm/vllm-openai:v0.6] args-only
        $ --model x @start.sh:4
        A=b @etc/jupyter.env:1
      HostPort Everyone 8000->8000 via start.sh:4
    DockerRun ollama @start.sh:5
      [ollama/ollama] hostnet privileged
        $ ollama serve @start.sh:5
      HostNetwork Everyone ?->? via start.sh:5
    Script start.sh @start.sh:1
      [-] hostnet
        $ export MLFLOW_HOST=0.0.0.0 @start.sh:2
        $ mlflow server --port 5000 @start.sh:3
        MLFLOW_HOST=0.0.0.0 @start.sh:2
      HostNetwork Everyone ?->? via start.sh:1
    Script Procfile @Procfile:1
      [-] hostnet
        $ streamlit run app.py @Procfile:1
      HostNetwork Everyone ?->? via Procfile:1
    RayHead c @ray.yaml:5
      [rayproject/ray] hostnet
        $ ray stop @ray.yaml:5
        $ ulimit -n 65536 @ray.yaml:6
        $ ray start --head --dashboard-host=0.0.0.0 @ray.yaml:6
      HostNetwork Unknown ?->? via ray.yaml:5
    ");
}

#[test]
fn settings_of_platforms_in_files_and_mounted_ones() {
    let text = "\
=== jupyter_server_config.py
c.ServerApp.token = ''
c.ServerApp.ip = '0.0.0.0'
=== hub/config.py
c.JupyterHub.authenticator_class = 'dummy'
=== ts/config.properties
management_address=http://0.0.0.0:8081
disable_token_authorization=true
=== .streamlit/config.toml
[server]
enableXsrfProtection = false
=== airflow.cfg
[core]
simple_auth_manager_all_admins = True
=== litellm.yaml
model_list: []
general_settings: {master_key: os.environ/KEY}
=== compose.yml
services:
  lab:
    image: jupyter/base-notebook
    volumes: ['./jupyter_server_config.py:/etc/jupyter/jupyter_server_config.py']
=== k.yaml
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers: [{image: i, volumeMounts: [{name: c, mountPath: /home/x}]}]
  volumes: [{name: c, configMap: {name: cm}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: cm}
data:
  config.properties: |
    # first
    inference_address=http://0.0.0.0:8080
    enable_model_api=true
  jupyter_config.json: '{\"ServerApp\": {\"token\": \"\"}}'
";
    assert_snapshot!(shown(text), @r#"
    Service lab @compose.yml:2
      [jupyter/base-notebook]
        /etc/jupyter/jupyter_server_config.py <- ./jupyter_server_config.py (50 bytes @jupyter_server_config.py:1)
      Jupyter /etc/jupyter/jupyter_server_config.py
        ServerApp.token= @jupyter_server_config.py:1 <c.ServerApp.token = ''>
        ServerApp.ip=0.0.0.0 @jupyter_server_config.py:2 <c.ServerApp.ip = '0.0.0.0'>
    Pod p @k.yaml:3
      [i]
        /home/x/config.properties <- cm (68 bytes @k.yaml:13)
        /home/x/jupyter_config.json <- cm (28 bytes @k.yaml:16)
      no network policy
      TorchServe /home/x/config.properties
        inference_address=http://0.0.0.0:8080 @k.yaml:14 <inference_address=http://0.0.0.0:8080>
        enable_model_api=true @k.yaml:15 <enable_model_api=true>
      Jupyter /home/x/jupyter_config.json
        ServerApp.token= @k.yaml:16 <"token": "">
    Jupyter jupyter_server_config.py
      ServerApp.token= @jupyter_server_config.py:1 <c.ServerApp.token = ''>
      ServerApp.ip=0.0.0.0 @jupyter_server_config.py:2 <c.ServerApp.ip = '0.0.0.0'>
    JupyterHub hub/config.py
      JupyterHub.authenticator_class=dummy @hub/config.py:1 <c.JupyterHub.authenticator_class = 'dummy'>
    TorchServe ts/config.properties
      management_address=http://0.0.0.0:8081 @ts/config.properties:1 <management_address=http://0.0.0.0:8081>
      disable_token_authorization=true @ts/config.properties:2 <disable_token_authorization=true>
    Streamlit .streamlit/config.toml
      server.enableXsrfProtection=false @.streamlit/config.toml:2 <enableXsrfProtection = false>
    Airflow airflow.cfg
      core.simple_auth_manager_all_admins=True @airflow.cfg:2 <simple_auth_manager_all_admins = True>
    LiteLlm litellm.yaml
      general_settings.master_key=os.environ/KEY? @litellm.yaml:2 <master_key: os.environ/KEY>
    "#);
}

proptest! {
    #[test]
    fn no_script_makes_it_panic(text in "(docker run|podman| -p| -e|=|80:80|--name|image|export A=b|\n|;|'|\\$|\\\\| ){0,40}") {
        let file = EstateFile { path: "start.sh", text: &text };
        crate::estate::show::check(&estate(&[file], &mut Budget::default()));
    }

    #[test]
    fn no_unit_makes_it_panic(text in "(\\[Service\\]|\\[Container\\]|ExecStart=|Environment=|PublishPort=|Image=|a|\n|\\\\|\"|\\$\\{A\\}| ){0,40}") {
        for path in ["a.service", "a.container", "supervisord.conf"] {
            crate::estate::show::check(&estate(&[EstateFile { path, text: &text }], &mut Budget::default()));
        }
    }
}
