//! The firewall of a cloud around the machine of a product: closed, and open to named networks where it is visited.
//!
//! The one decision: there is no default for who may come, and the world is refused as an answer, so that nobody opens it
//! by leaving something out.

use super::{LockdownFile, Order, Provider};
use std::fmt::Write as _;

pub(super) fn file(order: &Order<'_>, cloud: Provider) -> LockdownFile {
    let mut text = format!(
        "# The firewall around {}: nobody comes in but from the networks that you name.\n\n",
        order.request.product.name
    );
    if order.request.name.is_some() {
        text.push_str(VISITORS);
    }
    text.push_str(&match cloud {
        Provider::Aws => aws(order),
        Provider::Google => google(order),
        Provider::Azure => azure(order),
    });
    let folder = match cloud {
        Provider::Aws => "aws",
        Provider::Google => "google",
        Provider::Azure => "azure",
    };
    LockdownFile {
        path: format!("terraform/{folder}/{}.tf", order.id()),
        text,
    }
}

const VISITORS: &str = r#"variable "visitors" {
  description = "IPv4 networks of those who may visit it, such as [\"198.51.100.0/24\"]"
  type        = list(string)

  validation {
    condition = length(var.visitors) > 0 && alltrue([
      for network in var.visitors : can(cidrhost(network, 0)) && can(regex("^[0-9.]+/(8|9|[12][0-9]|3[0-2])$", network))
    ])
    error_message = "Name networks such as 198.51.100.0/24; the whole internet is none."
  }
}

"#;

/// The ports that nobody outside shall reach.
fn closed(order: &Order<'_>) -> Vec<u16> {
    let product = order.request.product;
    let mut ports: Vec<u16> = product.ports.iter().map(|p| p.port).collect();
    ports.push(order.upstream.port);
    ports.retain(|p| ![80, 443].contains(p));
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn aws(order: &Order<'_>) -> String {
    let (id, word) = (order.id(), order.word());
    let mut out = format!(
        r#"variable "vpc_id" {{
  description = "The network of the machine"
  type        = string
}}

# A security group lets in only what a rule names: the ports of {id} are in none.
resource "aws_security_group" "{word}" {{
  name_prefix = "lockdown-{id}-"
  description = "{id} behind a proxy that asks for a password"
  vpc_id      = var.vpc_id
}}

"#
    );
    if order.request.name.is_some() {
        let _ = write!(
            out,
            r#"resource "aws_vpc_security_group_ingress_rule" "{word}_visitors" {{
  for_each          = toset(var.visitors)
  security_group_id = aws_security_group.{word}.id
  description       = "the proxy"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}}

"#
        );
    }
    let _ = write!(
        out,
        r#"resource "aws_vpc_security_group_egress_rule" "{word}_out" {{
  security_group_id = aws_security_group.{word}.id
  description       = "updates, models, certificates"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}}

output "security_group" {{
  description = "Give the machine this group and no other"
  value       = aws_security_group.{word}.id
}}
"#
    );
    out
}

fn google(order: &Order<'_>) -> String {
    let id = order.id();
    let ports: Vec<String> = closed(order).iter().map(|p| format!("\"{p}\"")).collect();
    let closed = format!("deny tcp [{}]", ports.join(", "));
    let mut out = r#"variable "network" {
  description = "The network of the machine"
  type        = string
}

# Rules of a network add up, and its default one lets in every machine beside: these go before. The lowest number wins.
"#
    .to_owned();
    let mut rule = |name: &str, priority: u8, from: &str, what: &str| {
        google_rule(order, name, priority, from, what, &mut out);
    };
    rule("closed", 10, r#"["0.0.0.0/0"]"#, &closed);
    // Identity-Aware Proxy comes from there, and asks who is there: it is how people get to the machine itself.
    rule("tunnel", 20, r#"["35.235.240.0/20"]"#, r#"allow tcp ["22"]"#);
    if order.request.name.is_some() {
        rule("visitors", 20, "var.visitors", r#"allow tcp ["443"]"#);
    }
    rule("others", 30, r#"["0.0.0.0/0"]"#, "deny all");
    rule("others-ipv6", 30, r#"["::/0"]"#, "deny all");
    let _ = write!(
        out,
        r#"output "tag" {{
  description = "Give the machine this tag"
  value       = "lockdown-{id}"
}}
"#
    );
    out
}

/// One rule for the machines with the tag; what it does is an action, a protocol, and perhaps ports.
fn google_rule(order: &Order<'_>, name: &str, priority: u8, from: &str, what: &str, out: &mut String) {
    let (id, word) = (order.id(), order.word());
    let mut said = what.splitn(3, ' ');
    let (action, protocol) = (said.next().unwrap_or("deny"), said.next().unwrap_or("all"));
    let ports = said
        .next()
        .map(|ports| format!("    ports    = {ports}\n"))
        .unwrap_or_default();
    let about = match name {
        "tunnel" => {
            "# You, through Identity-Aware Proxy, which asks who is there: these addresses are its own.\n"
        }
        _ => "",
    };
    let _ = write!(
        out,
        r#"{about}resource "google_compute_firewall" "{word}_{}" {{
  name          = "lockdown-{id}-{name}"
  network       = var.network
  direction     = "INGRESS"
  priority      = {priority}
  source_ranges = {from}
  target_tags   = ["lockdown-{id}"]

  {action} {{
    protocol = "{protocol}"
{ports}  }}
}}

"#,
        name.replace('-', "_")
    );
}

fn azure(order: &Order<'_>) -> String {
    let (id, word) = (order.id(), order.word());
    let mut out = format!(
        r#"variable "resource_group_name" {{
  description = "The resource group of the machine"
  type        = string
}}

variable "location" {{
  description = "The region of the machine"
  type        = string
}}

resource "azurerm_network_security_group" "{word}" {{
  name                = "lockdown-{id}"
  resource_group_name = var.resource_group_name
  location            = var.location
}}

"#
    );
    if order.request.name.is_some() {
        let _ = write!(
            out,
            r#"resource "azurerm_network_security_rule" "{word}_visitors" {{
  name                        = "visitors"
  priority                    = 100
  direction                   = "Inbound"
  access                      = "Allow"
  protocol                    = "Tcp"
  source_port_range           = "*"
  destination_port_range      = "443"
  source_address_prefixes     = var.visitors
  destination_address_prefix  = "*"
  resource_group_name         = var.resource_group_name
  network_security_group_name = azurerm_network_security_group.{word}.name
}}

"#
        );
    }
    let _ = write!(
        out,
        r#"# Before the rules that every group has, which let in all machines of the virtual network.
resource "azurerm_network_security_rule" "{word}_closed" {{
  name                        = "closed"
  priority                    = 4096
  direction                   = "Inbound"
  access                      = "Deny"
  protocol                    = "*"
  source_port_range           = "*"
  destination_port_range      = "*"
  source_address_prefix       = "*"
  destination_address_prefix  = "*"
  resource_group_name         = var.resource_group_name
  network_security_group_name = azurerm_network_security_group.{word}.name
}}

output "network_security_group" {{
  description = "Associate it with the interface of the machine"
  value       = azurerm_network_security_group.{word}.id
}}
"#
    );
    out
}
