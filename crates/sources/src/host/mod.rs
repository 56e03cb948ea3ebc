//! What listens on this machine and which process it is, read of `/proc`: no packet is sent.
//!
//! What a process was told and where it listens may differ, and only the machine itself knows both. The one decision:
//! what was seen becomes a document of JSON (`wellhead-host`), so that it is judged, shown and kept like any other
//! artifact. Secrets of command lines are masked before, and of environments only variables that were asked for are kept.

mod mask;
mod tcp;

pub use tcp::{Listening, listening};

use crate::{TargetError, file};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io::{self, Read as _},
    path::{Path, PathBuf},
};
use wellhead_core::{Budget, code};

/// A variable of the environment that decides where a product listens, or whom it asks.
#[derive(Clone, Copy, Debug)]
pub struct HostVariable {
    /// Its name.
    pub name: &'static str,
    /// Whether its value may be kept; otherwise only whether it has one.
    pub value: bool,
}

/// The largest table, command line or environment that is read.
const LARGEST: u64 = 16 << 20;
const LARGEST_COMMAND: u64 = 64 << 10;
/// How many processes are looked at, and how many of their open files.
const MOST_PROCESSES: usize = 100_000;
const MOST_FILES: usize = 65_536;
/// How many parents of a process are followed.
const MOST_PARENTS: usize = 16;

/// What listens here, as a document of JSON.
///
/// # Errors
/// Where there is no `/proc`, or no table of sockets in it.
pub fn host_snapshot(
    root: Option<&Path>,
    variables: &[HostVariable],
    budget: &mut Budget,
) -> Result<String, TargetError> {
    if root.is_none() && !cfg!(target_os = "linux") {
        return Err(TargetError {
            message: "what listens on a machine is read of Linux's `/proc`, which this system does not have"
                .to_owned(),
            hint: "run it on the Linux machine, or ask the services themselves: `wellhead audit service:URL`"
                .to_owned(),
        });
    }
    let proc = root.map_or_else(|| PathBuf::from("/proc"), Path::to_path_buf);
    let mut seen = Seen {
        variables,
        unseen: Vec::new(),
        processes: BTreeMap::new(),
        proc,
    };
    let sockets = seen.sockets(budget)?;
    let owners = seen.owners(&sockets);
    Ok(seen.document(&sockets, &owners))
}

struct Seen<'a> {
    proc: PathBuf,
    variables: &'a [HostVariable],
    /// What could not be seen, one sentence each.
    unseen: Vec<String>,
    processes: BTreeMap<u32, String>,
}

impl Seen<'_> {
    /// The sockets of this network namespace that wait for connections.
    fn sockets(&mut self, budget: &mut Budget) -> Result<Vec<Listening>, TargetError> {
        let mut out = Vec::new();
        let mut tables = 0_u32;
        for name in ["net/tcp", "net/tcp6"] {
            // `net` leads to the process that looks, which a folder from elsewhere does not know.
            let places = [self.proc.join(name), self.proc.join("1").join(name)];
            let text = places.iter().map(|p| read(p, LARGEST)).find(Result::is_ok);
            let Some(Ok(bytes)) = text else { continue };
            tables = tables.saturating_add(1);
            match listening(&String::from_utf8_lossy(&bytes), budget) {
                Ok(sockets) => out.extend(sockets),
                Err(why) => self.unseen.push(format!("not all sockets were read: {why}")),
            }
        }
        if tables == 0 {
            let shown = code(&self.proc.to_string_lossy());
            return Err(TargetError {
                message: format!("there is no table of sockets below {shown}"),
                hint: "name Linux's `/proc`, or where it is mounted: `host:/host/proc`".to_owned(),
            });
        }
        out.sort_unstable();
        out.dedup();
        Ok(out)
    }

    /// Who holds each of these sockets, by its number; the first process where several do.
    fn owners(&mut self, sockets: &[Listening]) -> BTreeMap<u64, u32> {
        let wanted: BTreeSet<u64> = sockets.iter().map(|s| s.inode).collect();
        let mut owners: BTreeMap<u64, u32> = BTreeMap::new();
        let mut closed = 0_usize;
        let mut elsewhere = BTreeSet::new();
        let own = [self.proc.join("self/ns/net"), self.proc.join("1/ns/net")];
        let own = own.iter().find_map(|p| std::fs::read_link(p).ok());
        for pid in self.pids() {
            let folder = self.proc.join(pid.to_string());
            let namespace = std::fs::read_link(folder.join("ns/net")).ok();
            if let (Some(own), Some(its)) = (&own, namespace)
                && *own != its
            {
                elsewhere.insert(its);
            }
            let files = match std::fs::read_dir(folder.join("fd")) {
                Ok(files) => files,
                Err(e) => {
                    // One that has ended since listens nowhere.
                    closed = closed.saturating_add(usize::from(e.kind() == io::ErrorKind::PermissionDenied));
                    continue;
                }
            };
            for file in files.take(MOST_FILES).flatten() {
                let Ok(link) = std::fs::read_link(file.path()) else {
                    continue;
                };
                if let Some(inode) = socket_number(&link)
                    && wanted.contains(&inode)
                {
                    let owner = owners.entry(inode).or_insert(pid);
                    *owner = pid.min(*owner);
                }
            }
        }
        self.say_unseen(sockets, &owners, closed, elsewhere.len());
        for pid in owners.values().copied().collect::<BTreeSet<u32>>() {
            self.look(pid);
        }
        owners
    }

    fn say_unseen(
        &mut self,
        sockets: &[Listening],
        owners: &BTreeMap<u64, u32>,
        closed: usize,
        elsewhere: usize,
    ) {
        let mut ports: Vec<String> = sockets
            .iter()
            .filter(|s| !owners.contains_key(&s.inode))
            .map(|s| s.port.to_string())
            .collect();
        ports.dedup();
        if !ports.is_empty() {
            let count = ports.len();
            ports.truncate(20);
            let more = if count > ports.len() {
                format!(" and {} more", count.saturating_sub(ports.len()))
            } else {
                String::new()
            };
            let ports = format!("port {}{more}", ports.join(", "));
            self.unseen.push(if closed > 0 {
                format!("who listens on {ports} is not seen without root ({closed} processes of others)")
            } else {
                format!("no process that is seen from here listens on {ports}")
            });
        }
        if elsewhere > 0 {
            self.unseen.push(format!(
                "{elsewhere} other network namespaces (containers) were not looked into; run it inside of them"
            ));
        }
    }

    /// The processes that are there, lowest number first.
    fn pids(&mut self) -> Vec<u32> {
        let Ok(entries) = std::fs::read_dir(&self.proc) else {
            self.unseen
                .push("the list of processes cannot be read".to_owned());
            return Vec::new();
        };
        let mut pids: Vec<u32> = entries
            .flatten()
            .filter_map(|e| e.file_name().to_str()?.parse().ok())
            .take(MOST_PROCESSES)
            .collect();
        if pids.len() == MOST_PROCESSES {
            self.unseen
                .push(format!("only {MOST_PROCESSES} processes were looked at"));
        }
        pids.sort_unstable();
        pids
    }

    /// Keeps what a process was told, and its parents.
    fn look(&mut self, pid: u32) {
        let mut next = Some(pid);
        for _ in 0..MOST_PARENTS {
            let Some(pid) = next.filter(|p| *p != 0 && !self.processes.contains_key(p)) else {
                return;
            };
            let folder = self.proc.join(pid.to_string());
            let command = strings(&folder.join("cmdline"));
            let parent = read(&folder.join("stat"), LARGEST_COMMAND)
                .ok()
                .and_then(|s| parent_of(&s));
            let environment = self.environment(&folder);
            let container = read(&folder.join("cgroup"), LARGEST_COMMAND).is_ok_and(|c| is_container(&c));
            // By hand, so that what a process is stands first on its line.
            let mut line = format!("{{\"pid\": {pid}");
            if let Some(parent) = parent {
                let _ = write!(line, ", \"parent\": {parent}");
            }
            let _ = write!(line, ", \"command\": {}", Value::from(mask::masked(&command)));
            if !environment.is_empty() {
                let _ = write!(line, ", \"environment\": {}", Value::from(environment));
            }
            if container {
                line.push_str(", \"container\": true");
            }
            line.push('}');
            self.processes.insert(pid, line);
            next = parent;
        }
    }

    /// The variables that were asked for; secrets only as far as they are set.
    fn environment(&self, folder: &Path) -> serde_json::Map<String, Value> {
        let mut out = serde_json::Map::new();
        for entry in strings(&folder.join("environ")) {
            let Some((name, value)) = entry.split_once('=') else {
                continue;
            };
            if let Some(variable) = self.variables.iter().find(|v| v.name == name) {
                let shown = if variable.value || value.is_empty() {
                    value
                } else {
                    mask::MASK
                };
                let shown: String = shown.chars().take(200).collect();
                out.insert(name.to_owned(), shown.into());
            }
        }
        out
    }

    /// One line a process and a socket, so that a place in it is one of them.
    fn document(&self, sockets: &[Listening], owners: &BTreeMap<u64, u32>) -> String {
        let socket = |s: &Listening| {
            let owner = owners.get(&s.inode).map(|pid| format!(", \"pid\": {pid}"));
            format!(
                "{{\"address\": \"{}\", \"port\": {}{}}}",
                s.address,
                s.port,
                owner.unwrap_or_default()
            )
        };
        let sockets: Vec<String> = sockets.iter().map(socket).collect();
        let unseen: Vec<String> = self
            .unseen
            .iter()
            .map(|u| Value::from(u.as_str()).to_string())
            .collect();
        let processes: Vec<String> = self.processes.values().cloned().collect();
        let list = |values: &[String]| {
            let lines: Vec<String> = values.iter().map(|v| format!("\n    {v}")).collect();
            format!("[{}\n  ]", lines.join(","))
        };
        format!(
            "{{\n  \"schema\": {{\"name\": \"wellhead-host\", \"version\": \"1.0-draft\"}},\n  \"unseen\": {},\n  \"processes\": {},\n  \"sockets\": {}\n}}\n",
            list(&unseen),
            list(&processes),
            list(&sockets)
        )
    }
}

/// `socket:[12345]`
fn socket_number(link: &Path) -> Option<u64> {
    let text = link.to_str()?;
    text.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// The parent in `PID (NAME) STATE PARENT …`, whose name may hold anything.
fn parent_of(stat: &[u8]) -> Option<u32> {
    let text = String::from_utf8_lossy(stat);
    let (_, after) = text.rsplit_once(')')?;
    after.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn is_container(cgroup: &[u8]) -> bool {
    let text = String::from_utf8_lossy(cgroup);
    ["docker", "kubepods", "libpod", "containerd", "crio"]
        .iter()
        .any(|c| text.contains(c))
}

/// Strings that end in a zero byte each.
fn strings(path: &Path) -> Vec<String> {
    let bytes = read(path, LARGEST_COMMAND).unwrap_or_default();
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(&bytes);
    if bytes.is_empty() {
        return Vec::new();
    }
    bytes
        .split(|b| *b == 0)
        .map(|s| String::from_utf8_lossy(s).into_owned())
        .collect()
}

/// The first bytes of a file whose length nobody knows before.
fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    file::plain(path)?.take(most).read_to_end(&mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_pretend_to_be_another_parent() {
        assert_eq!(parent_of(b"12 (a) S 99 (x) S 7 12 12"), Some(7));
        assert_eq!(parent_of(b"12 (a"), None);
        assert_eq!(socket_number(Path::new("socket:[12]")), Some(12));
        assert_eq!(socket_number(Path::new("pipe:[12]")), None);
    }
}
