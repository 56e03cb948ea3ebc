use crate::estate::show::{read, shown};
use crate::{EstateFile, estate};
use insta::assert_snapshot;
use proptest::prelude::*;
use wellhead_core::Budget;

#[test]
fn both_styles_of_security_groups_lead_to_what_they_guard() {
    let text = r#"
=== main.tf
variable "cidr" { default = ["0.0.0.0/0"] }
variable "secret" {}
locals {
  ports = { ray = 8265, ui = 8888 }
  loop  = local.loop
}
resource "aws_security_group" "web" {
  ingress {
    from_port   = 5000
    to_port     = 5000
    protocol    = "tcp"
    cidr_blocks = var.cidr
  }
  dynamic "ingress" {
    for_each = local.ports
    content {
      from_port   = ingress.value
      to_port     = ingress.value
      cidr_blocks = ["10.0.0.0/8", var.secret]
    }
  }
}
resource "aws_security_group_rule" "more" {
  type              = "ingress"
  from_port         = 0
  to_port           = 65535
  protocol          = "-1"
  ipv6_cidr_blocks  = ["::/0"]
  security_group_id = aws_security_group.web.id
}
resource "aws_vpc_security_group_ingress_rule" "new" {
  security_group_id = aws_security_group.web.id
  cidr_ipv4   = "192.168.0.0/16"
  from_port   = 22
  to_port     = 22
  ip_protocol = "tcp"
}
resource "aws_instance" "gpu" {
  vpc_security_group_ids = [aws_security_group.web.id]
  user_data = <<-EOF
    #!/bin/bash
    pip install mlflow==2.9.2
    mlflow server --host 0.0.0.0 --port 5000 --default-artifact-root s3://${aws_s3_bucket.models.bucket}
  EOF
}
resource "aws_instance" "none" { count = 0 }
=== terraform.tfvars
secret = "0.0.0.0/0"
"#;
    assert_snapshot!(shown(text), @r"
    Machine gpu @main.tf:38
      [-] hostnet
        $ pip install mlflow==2.9.2 @main.tf:42
        $ mlflow server --host 0.0.0.0 --port 5000 --default-artifact-root s3://${aws_s3_bucket.models.bucket}? @main.tf:43
      Firewall Internet 5000->5000 via main.tf:1 main.tf:9
      Firewall Internet 8265->8265 via terraform.tfvars:1 main.tf:4
      Firewall Internet 8888->8888 via terraform.tfvars:1 main.tf:4
      Firewall Internet ?->? via main.tf:28 main.tf:25
      Firewall Network 22->22 via main.tf:33 main.tf:34
    firewall aws_security_group.web Internet 5000-5000 @main.tf:1
    firewall aws_security_group.web Internet 8265-8265 @terraform.tfvars:1
    firewall aws_security_group.web Internet 8888-8888 @terraform.tfvars:1
    firewall aws_security_group.web Internet * @main.tf:28
    firewall aws_security_group.web Network 22-22 @main.tf:33
    ");
}

#[test]
fn buckets_policies_and_tasks_are_joined_by_reference() {
    let text = r#"
=== infra/s3.tf
resource "aws_s3_bucket" "models" { bucket = "acme-${var.stage}-models" }
resource "aws_s3_bucket_acl" "a" {
  bucket = aws_s3_bucket.models.id
  acl    = "public-read"
}
resource "aws_s3_bucket" "closed" { bucket = "closed" }
resource "aws_s3_bucket_policy" "p" {
  bucket = aws_s3_bucket.closed.id
  policy = jsonencode({
    Statement = [{ Effect = "Allow", Principal = "*", Action = ["s3:GetObject", "s3:PutObject"], Resource = "${aws_s3_bucket.closed.arn}/*" }]
  })
}
resource "aws_s3_bucket_public_access_block" "b" {
  bucket                  = "closed"
  restrict_public_buckets = true
  ignore_public_acls      = true
}
data "aws_iam_policy_document" "d" {
  statement {
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.models.arn, "${aws_s3_bucket.models.arn}/*"]
    condition { test = "x" }
  }
}
resource "aws_iam_role_policy" "r" {
  role   = "x"
  policy = data.aws_iam_policy_document.d.json
}
resource "aws_iam_policy" "json" {
  policy = <<EOF
{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
EOF
}
variable "stage" { default = "dev" }
resource "aws_sagemaker_notebook_instance" "n" {
  name                   = "n"
  direct_internet_access = "Enabled"
  root_access            = var.stage == "dev" ? "Enabled" : "Disabled"
}
resource "aws_ecs_task_definition" "t" {
  container_definitions = jsonencode([{ name = "ui", image = "ghcr.io/mlflow/mlflow", command = ["mlflow", "server", "--host", "0.0.0.0"],
    portMappings = [{ containerPort = 5000 }], environment = [{ name = "A", value = "b" }], secrets = [{ name = "S", valueFrom = "arn" }] }])
}
resource "aws_security_group" "s" {
  ingress {
    from_port = 5000
    to_port = 5000
    cidr_blocks = ["0.0.0.0/0"]
  }
}
resource "aws_ecs_service" "s" {
  task_definition = aws_ecs_task_definition.t.arn
  network_configuration {
    assign_public_ip = true
    security_groups  = [aws_security_group.s.id]
  }
}
"#;
    assert_snapshot!(shown(text), @r"
    CloudContainer t @infra/s3.tf:40
      [ghcr.io/mlflow/mlflow] args-only
        $ mlflow server --host 0.0.0.0 @infra/s3.tf:41
        A=b @infra/s3.tf:42
        S=? @infra/s3.tf:42
      Firewall Internet 5000->5000 via infra/s3.tf:48 infra/s3.tf:46 infra/s3.tf:54
    firewall aws_security_group.s Internet 5000-5000 @infra/s3.tf:48
    bucket aws_s3_bucket.models acme-dev-models reads@infra/s3.tf:4 @infra/s3.tf:1
    bucket aws_s3_bucket.closed closed writes@infra/s3.tf:10 blocked@infra/s3.tf:13 @infra/s3.tf:6
    grant aws_s3_bucket_policy.p to [*] do [s3:GetObject,s3:PutObject] on [${aws_s3_bucket.closed.arn}/*?] refers [aws_s3_bucket.closed] @infra/s3.tf:10
    grant aws_iam_role_policy.r to [] do [s3:*] on [?,${aws_s3_bucket.models.arn}/*?] refers [aws_s3_bucket.models,data.aws_iam_policy_document.d] if @infra/s3.tf:20
    grant aws_iam_policy.json to [] do [*] on [*] refers [] @infra/s3.tf:31
    managed aws_sagemaker_notebook_instance.n @infra/s3.tf:35
      name=n @infra/s3.tf:36
      direct_internet_access=Enabled @infra/s3.tf:37
      root_access=Enabled @infra/s3.tf:38
    ");
}

#[test]
fn google_and_azure() {
    let text = r#"
=== g/main.tf
resource "google_compute_firewall" "f" {
  source_ranges = ["0.0.0.0/0"]
  target_tags   = ["ml"]
  allow {
    protocol = "tcp"
    ports    = ["8888", "8000-9000"]
  }
}
resource "google_compute_instance" "vm" {
  tags = ["ml"]
  network_interface {
    access_config {}
  }
  metadata_startup_script = "jupyter lab --ip=0.0.0.0"
}
resource "google_cloud_run_v2_service" "run" {
  name = "run"
  template {
    containers {
      image = "gradio"
      ports { container_port = 7860 }
    }
  }
}
resource "google_cloud_run_v2_service_iam_member" "m" {
  name   = google_cloud_run_v2_service.run.name
  role   = "roles/run.invoker"
  member = "allUsers"
}
resource "google_storage_bucket" "b" {
  name = "models"
  public_access_prevention = "inherited"
}
resource "google_storage_bucket_iam_binding" "bb" {
  bucket  = google_storage_bucket.b.name
  role    = "roles/storage.objectAdmin"
  members = ["allAuthenticatedUsers"]
}
resource "google_notebooks_instance" "n" { no_public_ip = false }
=== z/main.tf.json
{"resource": {
  "azurerm_network_security_group": {"nsg": {"security_rule": [{"direction": "Inbound", "access": "Allow", "source_address_prefix": "*", "destination_port_ranges": ["8888", "6006"]}]}},
  "azurerm_container_group": {"g": {"container": [{"name": "o", "image": "ollama/ollama", "ports": {"port": 11434}, "environment_variables": {"OLLAMA_HOST": "${var.host}"}}]}},
  "azurerm_storage_account": {"a": {"allow_nested_items_to_be_public": false}},
  "azurerm_storage_container": {"c": {"name": "models", "container_access_type": "blob", "storage_account_name": "${azurerm_storage_account.a.name}"}},
  "azurerm_machine_learning_workspace": {"w": {"public_network_access_enabled": true}}},
 "variable": {"host": {"default": "0.0.0.0"}}}
"#;
    assert_snapshot!(shown(text), @r"
    Machine vm @g/main.tf:9
      [-] hostnet
        $ jupyter lab --ip=0.0.0.0 @g/main.tf:14
      Firewall Internet 8888->8888 via g/main.tf:2 g/main.tf:6
      Firewall Internet 8000-9000->8000-9000 via g/main.tf:2 g/main.tf:6
    CloudContainer run @g/main.tf:16
      [gradio]
      PublicUrl Internet 443->7860 via g/main.tf:28 g/main.tf:16
    CloudContainer g @z/main.tf.json:3
      [ollama/ollama]
        OLLAMA_HOST=0.0.0.0 @z/main.tf.json:3
      PublicUrl Internet 11434->11434 via z/main.tf.json:3
    firewall google_compute_firewall.f Internet 8888-8888 @g/main.tf:2
    firewall google_compute_firewall.f Internet 8000-9000 @g/main.tf:2
    firewall azurerm_network_security_group.nsg Internet 8888-8888 @z/main.tf.json:2
    firewall azurerm_network_security_group.nsg Internet 6006-6006 @z/main.tf.json:2
    bucket google_storage_bucket.b models writes@g/main.tf:37 @g/main.tf:30
    bucket azurerm_storage_container.c models reads@z/main.tf.json:5 blocked@z/main.tf.json:4 @z/main.tf.json:5
    grant google_storage_bucket_iam_binding.bb to [allAuthenticatedUsers] do [roles/storage.objectAdmin] on [models] refers [google_storage_bucket.b] @g/main.tf:36
    managed google_cloud_run_v2_service.run @g/main.tf:16
      name=run @g/main.tf:17
      template.containers.image=gradio @g/main.tf:20
      template.containers.ports.container_port=7860 @g/main.tf:21
    managed google_notebooks_instance.n @g/main.tf:39
      no_public_ip=false @g/main.tf:39
    managed azurerm_machine_learning_workspace.w @z/main.tf.json:6
      public_network_access_enabled=true @z/main.tf.json:6
    ");
}

#[test]
fn a_balancer_leads_to_tasks_and_a_script_writes_a_unit() {
    let text = r#"
=== main.tf
variable "port" { default = 5000 }
resource "aws_security_group" "alb" {
  ingress {
    from_port   = 80
    to_port     = 80
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
resource "aws_lb" "front" { security_groups = [aws_security_group.alb.id] }
resource "aws_lb_target_group" "tg" { port = 5000 }
resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.front.arn
  port              = 80
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.tg.arn
  }
}
resource "aws_ecs_task_definition" "t" {
  container_definitions = jsonencode([{ name = "ui", image = "mlflow" }])
}
resource "aws_ecs_service" "s" {
  task_definition = aws_ecs_task_definition.t.arn
  load_balancer {
    target_group_arn = aws_lb_target_group.tg.arn
    container_port   = 5000
  }
}
resource "aws_instance" "vm" {
  user_data = <<-EOF
    #!/bin/bash
    echo ${random_id.x.hex}
    cat >/etc/systemd/system/mlflow.service <<UNIT
    [Service]
    ExecStart=/usr/bin/mlflow server \
      --host 0.0.0.0 \
      --port ${var.port}
    UNIT
    systemctl start mlflow
  EOF
}
resource "aws_instance" "docker" {
  vpc_security_group_ids = [aws_security_group.alb.id]
  user_data = <<EOF
#!/bin/bash
sudo docker run -d -p 80:8888 -e JUPYTER_TOKEN= quay.io/jupyter/base-notebook start-notebook.sh
EOF
}
"#;
    assert_snapshot!(shown(text), @r"
    Machine vm @main.tf:30
      [-] hostnet
        $ echo ${random_id.x.hex}? @main.tf:33
        $ cat >/etc/systemd/system/mlflow.service @main.tf:34
        $ /usr/bin/mlflow server --host 0.0.0.0 --port 5000 @main.tf:36
        $ systemctl start mlflow @main.tf:40
    Machine docker @main.tf:43
      [-] hostnet
        $ docker run -d -p 80:8888 -e JUPYTER_TOKEN= quay.io/jupyter/base-notebook start-notebook.sh @main.tf:47
      [quay.io/jupyter/base-notebook] args-only
        $ start-notebook.sh @main.tf:47
        JUPYTER_TOKEN= @main.tf:47
      Firewall Internet 80->80 via main.tf:7 main.tf:4
      Firewall Internet 80->8888 via main.tf:47 main.tf:7 main.tf:4
    CloudContainer t @main.tf:20
      [mlflow]
      LoadBalancer Internet 80->5000 via main.tf:12 main.tf:10 main.tf:7 main.tf:4
    firewall aws_security_group.alb Internet 80-80 @main.tf:7
    ");
}

#[test]
fn a_script_of_a_file_is_what_its_machine_runs() {
    let text = r#"
=== main.tf
resource "aws_security_group" "g" {
  ingress {
    from_port   = 5000
    to_port     = 5000
    cidr_blocks = ["0.0.0.0/0"]
  }
}
resource "aws_instance" "filled" {
  vpc_security_group_ids = [aws_security_group.g.id]
  user_data = base64encode(templatefile("${path.module}/user_data.sh", { port = 5000, bucket = aws_s3_bucket.b.id }))
}
resource "aws_instance" "plain" {
  vpc_security_group_ids = [aws_security_group.g.id]
  user_data_base64       = filebase64("scripts/ollama.sh")
}
resource "aws_instance" "guarded" { user_data = file("alone.sh") }
data "template_file" "old" {
  template = file("${path.module}/old.tpl")
  vars     = { host = "0.0.0.0" }
}
data "cloudinit_config" "c" {
  part {
    content_type = "text/x-shellscript"
    content      = data.template_file.old.rendered
  }
  part {
    content = <<-EOT
      #cloud-config
      write_files:
      - path: /etc/systemd/system/ray.service
        content: |
          [Service]
          ExecStart=/usr/bin/ray start --head --dashboard-host=0.0.0.0 --block
      runcmd:
      - systemctl start ray
      - [jupyter, lab, "--ip=0.0.0.0"]
    EOT
  }
}
resource "aws_launch_template" "c" { user_data = data.cloudinit_config.c.rendered }
=== user_data.sh
#!/bin/bash
HOME=$${HOME}
mlflow server --host 0.0.0.0 --port ${port} --default-artifact-root s3://${bucket}/
=== scripts/ollama.sh
export OLLAMA_HOST=0.0.0.0
ollama serve
=== alone.sh
tensorboard --host 0.0.0.0
=== old.tpl
#!/bin/sh
streamlit run app.py --server.address ${host}
"#;
    assert_snapshot!(shown(text), @r"
    Script alone.sh @alone.sh:1
      [-] hostnet
        $ tensorboard --host 0.0.0.0 @alone.sh:1
      HostNetwork Everyone ?->? via alone.sh:1
    Machine filled @main.tf:8
      [-] hostnet
        $  @main.tf:1
        $ mlflow server --host 0.0.0.0 --port 5000 --default-artifact-root s3://${bucket}/? @user_data.sh:3
        HOME=${HOME}? @user_data.sh:2
      Firewall Internet 5000->5000 via main.tf:5 main.tf:3
    Machine plain @main.tf:12
      [-] hostnet
        $ export OLLAMA_HOST=0.0.0.0 @scripts/ollama.sh:1
        $ ollama serve @scripts/ollama.sh:2
        OLLAMA_HOST=0.0.0.0 @scripts/ollama.sh:1
      Firewall Internet 5000->5000 via main.tf:5 main.tf:3
    Machine guarded @main.tf:16
      [-] hostnet
        $ tensorboard --host 0.0.0.0 @alone.sh:1
    Machine c @main.tf:40
      [-] hostnet
        $  @main.tf:1
        $ /usr/bin/ray start --head --dashboard-host=0.0.0.0 --block @main.tf:33
        $ systemctl start ray @main.tf:35
        $ jupyter lab --ip=0.0.0.0 @main.tf:36
    firewall aws_security_group.g Internet 5000-5000 @main.tf:5
    ");
}

#[test]
fn a_text_behind_a_value_keeps_its_indent() {
    // Taking the indent away twice cuts into what follows an interpolation.
    let text = "=== m.tf\nresource \"aws_instance\" \"i\" {\n  user_data = <<-EOT\n    #!/bin/sh\n    echo ${var.a}\n    \
                if true; then\n      mlflow ui --host 0.0.0.0\n    fi\n  EOT\n}\nresource \"aws_instance\" \"j\" {\n  user_data = <<EOT\n#!/bin/sh\necho ${var.a}\n    mlflow ui\nEOT\n}\n";
    assert_snapshot!(shown(text), @r"
    Machine i @m.tf:1
      [-] hostnet
        $ echo ${var.a}? @m.tf:4
        $ true @m.tf:5
        $  @m.tf:1
        $ mlflow ui --host 0.0.0.0 @m.tf:6
        $ fi @m.tf:7
    Machine j @m.tf:10
      [-] hostnet
        $ echo ${var.a}? @m.tf:13
        $ mlflow ui @m.tf:14
    ");
}

#[test]
fn modules_of_the_tree_take_values_and_give_outputs() {
    let text = r#"
=== main.tf
module "net" {
  source = "./net"
  cidr   = "0.0.0.0/0"
}
module "far" { source = "terraform-aws-modules/vpc/aws" }
module "itself" { source = "./" }
resource "aws_instance" "i" { vpc_security_group_ids = [module.net.group, module.far.group] }
=== net/main.tf
variable "cidr" { default = "10.0.0.0/8" }
module "back" { source = "../net" }
resource "aws_security_group" "g" {
  for_each = toset(["a"])
  name = each.key
  ingress {
    from_port = 1
    to_port = 2
    cidr_blocks = [for c in [var.cidr] : upper(c) if c != ""]
  }
}
output "group" { value = aws_security_group.g["a"].id }
"#;
    assert_snapshot!(shown(text), @r"
    Machine i @main.tf:7
      [-] hostnet
      Firewall Internet 1-2->1-2 via net/main.tf:9 net/main.tf:7
    firewall module.net.aws_security_group.g Internet 1-2 @net/main.tf:9
    ");
}

#[test]
fn modules_of_registries_make_the_rules_that_their_inputs_say() {
    let text = r#"
=== aws.tf
module "sg" {
  source  = "terraform-aws-modules/security-group/aws"
  version = "5.1.0"
  ingress_with_cidr_blocks = [
    { from_port = 5000, to_port = 5000, protocol = "tcp", cidr_blocks = "10.0.0.0/8,0.0.0.0/0" },
    { rule = "elasticsearch-rest-tcp" },
    { from_port = 53, to_port = 53, protocol = "udp", cidr_blocks = "0.0.0.0/0" },
  ]
  ingress_cidr_blocks = [var.office]
  ingress_rules       = ["http-8080-tcp", "mlflow", "ssh-tcp"]
  rules               = { mlflow = [5001, 5001, "tcp", "own"] }
  computed_ingress_with_cidr_blocks           = [{ from_port = 1, to_port = 2, cidr_blocks = "0.0.0.0/0" }, { from_port = 3, to_port = 4 }]
  number_of_computed_ingress_with_cidr_blocks = 1
  ingress_with_source_security_group_id = [{ rule = "redis-tcp", source_security_group_id = "sg-1" }]
}
module "grafana" {
  source              = "git::https://git.example/terraform-aws-modules/terraform-aws-security-group.git//modules/grafana?ref=v5"
  ingress_cidr_blocks = ["0.0.0.0/0"]
}
module "off" {
  source = "terraform-aws-modules/security-group/aws"
  create = false
  ingress_cidr_blocks = ["0.0.0.0/0"]
  ingress_rules       = ["all-all"]
}
module "quiet" {
  source        = "terraform-aws-modules/security-group/aws"
  ingress_rules = ["all-all"]
}
module "alike" {
  source = "./terraform-aws-modules/security-group/aws"
  ingress_cidr_blocks = ["0.0.0.0/0"]
  ingress_rules       = ["all-all"]
}
module "posse" {
  source = "cloudposse/security-group/aws"
  rules  = [{ type = "ingress", from_port = 8888, to_port = 8888, protocol = "tcp", cidr_blocks = ["0.0.0.0/0"] },
            { type = "egress", from_port = 0, to_port = 0, protocol = "-1", cidr_blocks = ["0.0.0.0/0"] }]
  rule_matrix = [{ cidr_blocks = ["::/0"], rules = [{ type = "ingress", from_port = 6006, to_port = 6006, protocol = "tcp" }] }]
}
variable "office" { default = "203.0.113.7/32" }
resource "aws_security_group_rule" "more" {
  type              = "ingress"
  from_port         = 8265
  to_port           = 8265
  protocol          = "tcp"
  cidr_blocks       = ["0.0.0.0/0"]
  security_group_id = module.sg.security_group_id
}
module "vm" {
  source                 = "terraform-aws-modules/ec2-instance/aws"
  vpc_security_group_ids = [module.grafana.security_group_id]
  security_group_ingress_rules = { ui = { from_port = 7860, ip_protocol = "tcp", cidr_ipv4 = "0.0.0.0/0" } }
  user_data = "mlflow server --host 0.0.0.0 --port 7860"
}
resource "aws_ec2_managed_prefix_list" "any" {
  entry { cidr = "0.0.0.0/0" }
}
resource "aws_ec2_managed_prefix_list" "office" {
  entry { cidr = "203.0.113.0/24" }
}
resource "aws_ec2_managed_prefix_list_entry" "more" {
  cidr           = "10.0.0.0/8"
  prefix_list_id = aws_ec2_managed_prefix_list.office.id
}
resource "aws_security_group" "lists" {
  ingress {
    from_port = 8265
    to_port   = 8265
    protocol  = "tcp"
    prefix_list_ids = [aws_ec2_managed_prefix_list.any.id]
  }
  ingress {
    from_port = 8266
    to_port   = 8266
    protocol  = "tcp"
    prefix_list_ids = [aws_ec2_managed_prefix_list.office.id, data.aws_ec2_managed_prefix_list.cdn.id]
  }
}
resource "aws_network_interface" "eni" { security_groups = [module.posse.id] }
resource "aws_instance" "carded" {
  network_interface { network_interface_id = aws_network_interface.eni.id }
}
=== g/net.tf
module "fw" {
  source = "terraform-google-modules/network/google//modules/firewall-rules"
  rules = [{
    name = "lab", direction = "INGRESS", ranges = ["0.0.0.0/0"], target_tags = ["lab"]
    allow = [{ protocol = "tcp", ports = ["8888"] }]
  }, {
    name = "own", source_tags = ["x"], allow = [{ protocol = "tcp", ports = ["9999"] }]
  }]
}
resource "google_compute_instance" "lab" {
  tags = ["lab"]
  network_interface {
    access_config {}
  }
}
=== z/nsg.tf
module "nsg" {
  source       = "Azure/network-security-group/azurerm"
  custom_rules = [{ name = "ray", direction = "Inbound", access = "Allow", protocol = "Tcp", destination_port_range = "8265" },
                  { name = "in", direction = "Inbound", access = "Allow", protocol = "Tcp", destination_port_range = "8000", source_address_prefix = "10.0.0.0/8" }]
}
"#;
    assert_snapshot!(shown(text), @r"
    Machine carded @aws.tf:81
      [-] hostnet
      Firewall Internet 8888->8888 via aws.tf:37 aws.tf:37
      Firewall Internet 6006->6006 via aws.tf:39 aws.tf:39
    Machine vm @aws.tf:50
      [-] hostnet
        $ mlflow server --host 0.0.0.0 --port 7860 @aws.tf:54
      Firewall Internet 3000->3000 via aws.tf:18 aws.tf:18
      Firewall Internet 7860->7860 via aws.tf:53 aws.tf:53
    Machine lab @g/net.tf:10
      [-] hostnet
      Firewall Internet 8888->8888 via g/net.tf:4 g/net.tf:5
      Firewall Network 9999->9999 via g/net.tf:6 g/net.tf:7
    firewall aws_security_group.lists Internet 8265-8265 @aws.tf:71
    firewall aws_security_group.lists Unknown 8266-8266 @aws.tf:77
    firewall module.sg Internet 8265-8265 @aws.tf:47
    firewall module.sg Internet 5000-5000 @aws.tf:5
    firewall module.sg Network 9200-9200 @aws.tf:41
    firewall module.sg Network 8080-8080 @aws.tf:41
    firewall module.sg Network 5001-5001 @aws.tf:41
    firewall module.sg Internet 1-2 @aws.tf:12
    firewall module.grafana Internet 3000-3000 @aws.tf:18
    firewall module.posse Internet 8888-8888 @aws.tf:37
    firewall module.posse Internet 6006-6006 @aws.tf:39
    firewall module.vm Internet 7860-7860 @aws.tf:53
    firewall module.fw Internet 8888-8888 @g/net.tf:4
    firewall module.fw Network 9999-9999 @g/net.tf:6
    firewall module.nsg Internet 8265-8265 @z/nsg.tf:3
    firewall module.nsg Network 8000-8000 @z/nsg.tf:4
    ");
}

#[test]
fn resources_for_kubernetes_are_the_objects_that_they_make() {
    let text = r#"
=== k/main.tf
resource "kubernetes_config_map" "env" {
  metadata {
    name = "env"
  }
  data = { WEBUI_AUTH = "False" }
}
resource "kubernetes_deployment_v1" "ui" {
  metadata {
    name      = "ui"
    namespace = "ml"
  }
  spec {
    selector { match_labels = { app_name = "ui" } }
    template {
      metadata { labels = { app_name = "ui" } }
      spec {
        host_network = true
        container {
          name  = "ui"
          image = "ghcr.io/open-webui/open-webui:main"
          args  = ["serve", "--host", "0.0.0.0"]
          env {
            name  = "A"
            value = var.unknown
          }
          env_from {
            config_map_ref { name = kubernetes_config_map.env.metadata[0].name }
          }
          port {
            container_port = 8080
            host_port      = "8081"
          }
        }
      }
    }
  }
}
resource "kubernetes_service" "ui" {
  metadata {
    name      = "ui"
    namespace = "ml"
  }
  spec {
    type     = "LoadBalancer"
    selector = { app_name = kubernetes_deployment_v1.ui.spec.0.template[0].metadata[0].labels.app_name }
    load_balancer_source_ranges = ["10.0.0.0/8"]
    port {
      port        = "80"
      target_port = 8080
    }
  }
}
resource "kubernetes_ingress_v1" "ui" {
  metadata {
    name      = "ui"
    namespace = "ml"
    annotations = { "nginx.ingress.kubernetes.io/auth-url" = "https://auth.example" }
  }
  spec {
    rule {
      host = "ui.example"
      http {
        path {
          path = "/"
          backend {
            service {
              name = kubernetes_service.ui.metadata.0.name
              port {
                number = 80
              }
            }
          }
        }
      }
    }
  }
}
resource "kubernetes_network_policy" "ui" {
  metadata {
    name      = "ui"
    namespace = "ml"
  }
  spec {
    pod_selector { match_labels = { app_name = "ui" } }
    policy_types = ["Ingress"]
    ingress {
      from {
        ip_block { cidr = "10.0.0.0/8" }
      }
      ports {
        port     = "8080"
        protocol = "TCP"
      }
    }
  }
}
=== m/main.tf
resource "kubernetes_manifest" "pod" {
  manifest = {
    apiVersion = "v1"
    kind       = "Pod"
    metadata   = { name = "lab", labels = { my_app = "lab" } }
    spec       = { containers = [{ name = "lab", image = "quay.io/jupyter/base-notebook", ports = [{ containerPort = 8888, hostPort = 8888 }] }] }
  }
}
resource "kubectl_manifest" "svc" {
  yaml_body = <<-YAML
    apiVersion: v1
    kind: Service
    metadata:
      name: lab
    spec:
      type: NodePort
      selector:
        my_app: lab
      ports:
      - port: ${var.port}
        targetPort: 8888
        nodePort: 30888
  YAML
}
variable "port" { default = 80 }
resource "kubernetes_manifest" "twice" {
  manifest = yamldecode(file("${path.module}/pod.yaml"))
}
=== m/pod.yaml
apiVersion: v1
kind: Pod
metadata: {name: once}
spec: {containers: [{name: once, image: ollama/ollama}]}
"#;
    assert_snapshot!(shown(text), @r"
    Pod once @m/pod.yaml:3
      [ollama/ollama]
      no network policy
    Pod ui @k/main.tf:9
      [ghcr.io/open-webui/open-webui:main] hostnet args-only
        $ serve --host 0.0.0.0 @k/main.tf:21
        A=? @k/main.tf:22
      HostPort Everyone 8081->8080 via k/main.tf:29
      HostNetwork Everyone ?->? via k/main.tf:17
      ClusterService Cluster 80->8080 via k/main.tf:47
      LoadBalancer Network 80->8080 AddressList @k/main.tf:46 via k/main.tf:47 k/main.tf:44
      Ingress Everyone ?->8080 Forward @k/main.tf:57 via k/main.tf:65 k/main.tf:47
      admits Network to 8080-8080 @k/main.tf:86
    Pod lab @m/main.tf:5
      [quay.io/jupyter/base-notebook]
      HostPort Everyone 8888->8888 via m/main.tf:6
      ClusterService Cluster 80->8888 via m/main.tf:20
      NodePort Everyone 30888->8888 via m/main.tf:20 m/main.tf:16
      no network policy
    ");
}

#[test]
fn whom_a_firewall_is_for_is_said_by_accounts_and_networks() {
    let text = r#"
=== g/main.tf
resource "google_service_account" "ml" { account_id = "ml" }
resource "google_compute_firewall" "f" {
  source_ranges           = ["0.0.0.0/0"]
  target_service_accounts = [google_service_account.ml.email]
  allow {
    protocol = "tcp"
    ports    = ["8888", var.more]
  }
}
resource "google_compute_instance" "ml" {
  service_account { email = google_service_account.ml.email }
  network_interface {
    access_config {}
  }
}
resource "google_compute_instance" "other" {
  service_account { email = "other@x.example" }
  network_interface {
    access_config {}
  }
}
=== z/main.tofu
resource "azurerm_network_security_group" "nsg" {
  security_rule {
    direction              = "Inbound"
    access                 = "Allow"
    protocol               = "Tcp"
    source_address_prefix  = "*"
    destination_port_range = "8888"
  }
  security_rule {
    direction              = "Inbound"
    access                 = "Allow"
    protocol               = "Tcp"
    source_address_prefix  = "*"
    destination_port_range = var.port
  }
}
resource "azurerm_subnet" "s" {}
resource "azurerm_subnet_network_security_group_association" "a" {
  subnet_id                 = azurerm_subnet.s.id
  network_security_group_id = azurerm_network_security_group.nsg.id
}
resource "azurerm_network_interface" "out" {
  ip_configuration {
    subnet_id            = azurerm_subnet.s.id
    public_ip_address_id = azurerm_public_ip.p.id
  }
}
resource "azurerm_network_interface" "in" {
  ip_configuration { subnet_id = azurerm_subnet.s.id }
}
resource "azurerm_linux_virtual_machine" "out" { network_interface_ids = [azurerm_network_interface.out.id] }
resource "azurerm_linux_virtual_machine" "in" { network_interface_ids = [azurerm_network_interface.in.id] }
=== a/main.tf
resource "aws_default_security_group" "d" {
  ingress {
    from_port   = var.port
    to_port     = var.port
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
  ingress {
    from_port   = 6006
    to_port     = 6006
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
"#;
    assert_snapshot!(shown(text), @r"
    Machine ml @g/main.tf:10
      [-] hostnet
      Firewall Internet 8888->8888 via g/main.tf:3 g/main.tf:7
      Firewall Unknown ?->? via g/main.tf:3 g/main.tf:7
    Machine other @g/main.tf:16
      [-] hostnet
    Machine out @z/main.tofu:31
      [-] hostnet
      Firewall Internet 8888->8888 via z/main.tofu:6 z/main.tofu:7
      Firewall Unknown ?->? via z/main.tofu:13 z/main.tofu:14
    Machine in @z/main.tofu:32
      [-] hostnet
      Firewall Network 8888->8888 via z/main.tofu:6 z/main.tofu:7
      Firewall Network ?->? via z/main.tofu:13 z/main.tofu:14
    firewall aws_default_security_group.d Unknown * @a/main.tf:6
    firewall aws_default_security_group.d Internet 6006-6006 @a/main.tf:12
    firewall google_compute_firewall.f Internet 8888-8888 @g/main.tf:3
    firewall google_compute_firewall.f Unknown * @g/main.tf:3
    firewall azurerm_network_security_group.nsg Internet 8888-8888 @z/main.tofu:6
    firewall azurerm_network_security_group.nsg Unknown * @z/main.tofu:13
    ");
}

#[test]
fn circles_bombs_and_broken_files_end() {
    let mut bomb =
        "locals {\n a0 = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"\n b0 = [1,1,1,1,1,1,1,1]\n".to_owned();
    for i in 1..60 {
        let j = i - 1;
        bomb.push_str(&format!(" a{i} = \"${{local.a{j}}}${{local.a{j}}}\"\n b{i} = concat(local.b{j}, local.b{j})\n c{i} = [local.c{j}, local.c{j}, local.b{i}]\n"));
    }
    bomb.push_str(" c0 = local.c59\n}\nresource \"aws_instance\" \"i\" {\n user_data = local.a59\n x = local.b59\n y = local.c59\n}\n");
    let deep = format!("a = {}1\n", "[".repeat(10_000));
    let signs = format!("a = {}true\n", "!".repeat(10_000));
    let broken = "resource \"aws_instance\" \"one\" {\n}\nresource \"aws_instance\" {{{\n}\nresource \"aws_instance\" \"two\" {\n}\n";
    let text = format!("=== a/a.tf\n{bomb}=== b/b.tf\n{deep}=== c/c.tf\n{signs}=== d/d.tf\n{broken}");
    let found = read(&text);
    let names: Vec<_> = found.workloads.iter().map(|w| w.name.as_str()).collect();
    assert_eq!(names, ["i", "one", "two"]);
    // The bomb, and what is broken in three files.
    assert_eq!(found.gaps.len(), 4);
}

#[test]
fn whatever_nests_ten_thousand_times_is_refused_or_read() {
    let n = 10_000;
    for text in [
        "a {\n".repeat(n),
        format!("a = {}1{}\n", "\"${".repeat(n), "}\"".repeat(n)),
        format!("a = {}1\n", "true ? 1 : ".repeat(n)),
        format!("a = 1{}\n", " + 1".repeat(n)),
        format!("a = b{}\n", ".c".repeat(n)),
        format!("a = b{}\n", "[0]".repeat(n)),
        format!("a = {}1{}\n", "f(".repeat(n), ")".repeat(n)),
        format!("a = {}1\n", "-".repeat(n)),
        format!("a = <<E\n{}\nE\n", "%{ if true }".repeat(n)),
        format!(
            "resource \"aws_instance\" \"a\" {{\n x = {}1{}\n}}\n",
            "[for a in [1] : ".repeat(n),
            "]".repeat(n)
        ),
    ] {
        let found = estate(
            &[EstateFile {
                path: "a.tf",
                text: &text,
            }],
            &mut Budget::default(),
        );
        assert!(found.workloads.is_empty());
    }
}

#[test]
fn modules_that_call_each_other_end() {
    let mut text = String::new();
    for i in 0..30 {
        text.push_str(&format!("=== m{i}/m.tf\n"));
        for j in 0..30 {
            text.push_str(&format!("module \"x{j}\" {{ source = \"../m{j}\" }}\n"));
        }
        text.push_str(
            "resource \"aws_instance\" \"i\" { x = module.x1.y }\noutput \"y\" { value = module.x2.y }\n",
        );
    }
    assert!(read(&text).workloads.len() < 30 * 300);
}

proptest! {
    #[test]
    fn never_panics(body in "(resource \"aws_security_group\" \"a\" \\{|\\}|\n|ingress|for_each|dynamic \"ingress\" \\{| = |var\\.a|local\\.b|\\[|\\]|\"|\\$\\{|x|0|,|\\?|:|for |in |<<E\nE|concat\\(|\\)){0,40}") {
        let found = estate(&[EstateFile { path: "a.tf", text: &body }], &mut Budget::default());
        crate::estate::show::check(&found);
    }
}
