//! What code can do to its host, by the callables that do it.
//!
//! A capability is no accusation: most packages have some. It becomes one when a new version has it and the old one
//! had not, so the table aims at the ways that attacks take, not at completeness of the standard library.

use crate::hash::HashMap;
use std::{fmt, sync::LazyLock};

/// A kind of thing that code can do beyond computing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Runs code that it builds or receives.
    Execution,
    /// Starts other programs.
    Process,
    /// Speaks to the network.
    Network,
    /// Writes, moves or deletes files.
    FileWrite,
    /// Reads environment variables, where tokens lie.
    Environment,
    /// Names files that hold credentials.
    Credentials,
    /// Unpacks encoded or compressed data.
    Decode,
    /// Loads objects in a format that may run code.
    Deserialize,
    /// Imports what is only named at run time.
    DynamicImport,
    /// Calls native code.
    Native,
    /// Names files that run whenever a user or Python starts.
    Startup,
}

impl Capability {
    /// The name in machine formats.
    pub fn name(self) -> &'static str {
        match self {
            Self::Execution => "execution",
            Self::Process => "process",
            Self::Network => "network",
            Self::FileWrite => "file-write",
            Self::Environment => "environment",
            Self::Credentials => "credentials",
            Self::Decode => "decode",
            Self::Deserialize => "deserialize",
            Self::DynamicImport => "dynamic-import",
            Self::Native => "native",
            Self::Startup => "startup",
        }
    }

    /// What it does, as the end of "the new version …".
    pub fn verb(self) -> &'static str {
        match self {
            Self::Execution => "runs code that it builds itself",
            Self::Process => "starts other programs",
            Self::Network => "speaks to the network",
            Self::FileWrite => "writes files",
            Self::Environment => "reads environment variables",
            Self::Credentials => "names files that hold credentials",
            Self::Decode => "unpacks encoded data",
            Self::Deserialize => "loads objects that may run code",
            Self::DynamicImport => "imports what is only named at run time",
            Self::Native => "calls native code",
            Self::Startup => "names files that run at every start",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Callables by full name. A name that ends in `.` or `*` stands for everything that starts so.
const CALLS: &[(&str, Capability)] = &[
    ("exec", Capability::Execution),
    ("eval", Capability::Execution),
    ("compile", Capability::Execution),
    ("builtins.exec", Capability::Execution),
    ("builtins.eval", Capability::Execution),
    ("builtins.compile", Capability::Execution),
    ("runpy.", Capability::Execution),
    ("code.", Capability::Execution),
    ("types.FunctionType", Capability::Execution),
    ("types.CodeType", Capability::Execution),
    ("os.system", Capability::Process),
    ("posix.system", Capability::Process),
    ("nt.system", Capability::Process),
    ("os.popen", Capability::Process),
    ("os.exec*", Capability::Process),
    ("os.spawn*", Capability::Process),
    ("os.posix_spawn*", Capability::Process),
    ("os.startfile", Capability::Process),
    ("os.fork*", Capability::Process),
    ("subprocess.", Capability::Process),
    ("commands.", Capability::Process),
    ("pty.spawn", Capability::Process),
    ("_posixsubprocess.fork_exec", Capability::Process),
    ("pexpect.", Capability::Process),
    ("sh.", Capability::Process),
    ("asyncio.create_subprocess_*", Capability::Process),
    ("get_ipython().system", Capability::Process),
    ("socket.", Capability::Network),
    ("urllib.request.", Capability::Network),
    ("urllib2.", Capability::Network),
    ("urllib.urlopen", Capability::Network),
    ("urllib.urlretrieve", Capability::Network),
    ("urllib3.", Capability::Network),
    ("http.client.", Capability::Network),
    ("httplib.", Capability::Network),
    ("requests.", Capability::Network),
    ("httpx.", Capability::Network),
    ("aiohttp.", Capability::Network),
    ("websocket.", Capability::Network),
    ("websockets.", Capability::Network),
    ("ftplib.", Capability::Network),
    ("smtplib.", Capability::Network),
    ("telnetlib.", Capability::Network),
    ("paramiko.", Capability::Network),
    ("dns.resolver.", Capability::Network),
    ("xmlrpc.client.", Capability::Network),
    ("pycurl.", Capability::Network),
    ("asyncio.open_connection", Capability::Network),
    ("asyncio.start_server", Capability::Network),
    ("os.remove", Capability::FileWrite),
    ("os.unlink", Capability::FileWrite),
    ("os.rename", Capability::FileWrite),
    ("os.replace", Capability::FileWrite),
    ("os.rmdir", Capability::FileWrite),
    ("os.removedirs", Capability::FileWrite),
    ("os.chmod", Capability::FileWrite),
    ("os.symlink", Capability::FileWrite),
    ("os.truncate", Capability::FileWrite),
    ("os.write", Capability::FileWrite),
    ("shutil.copy*", Capability::FileWrite),
    ("shutil.move", Capability::FileWrite),
    ("shutil.rmtree", Capability::FileWrite),
    ("os.getenv", Capability::Environment),
    ("os.environ", Capability::Environment),
    ("os.environb", Capability::Environment),
    ("keyring.", Capability::Credentials),
    ("base64.b*decode", Capability::Decode),
    ("base64.a85decode", Capability::Decode),
    ("base64.decode*", Capability::Decode),
    ("base64.standard_b64decode", Capability::Decode),
    ("base64.urlsafe_b64decode", Capability::Decode),
    ("binascii.unhexlify", Capability::Decode),
    ("binascii.a2b_*", Capability::Decode),
    ("bytes.fromhex", Capability::Decode),
    ("bytearray.fromhex", Capability::Decode),
    ("codecs.decode", Capability::Decode),
    ("zlib.decompress*", Capability::Decode),
    ("bz2.decompress", Capability::Decode),
    ("lzma.decompress", Capability::Decode),
    ("gzip.decompress", Capability::Decode),
    ("marshal.load*", Capability::Decode),
    ("pickle.load*", Capability::Deserialize),
    ("pickle.Unpickler*", Capability::Deserialize),
    ("_pickle.load*", Capability::Deserialize),
    ("cPickle.load*", Capability::Deserialize),
    ("cloudpickle.load*", Capability::Deserialize),
    ("dill.load*", Capability::Deserialize),
    ("joblib.load", Capability::Deserialize),
    ("shelve.open", Capability::Deserialize),
    ("jsonpickle.decode", Capability::Deserialize),
    ("pandas.read_pickle", Capability::Deserialize),
    ("torch.load", Capability::Deserialize),
    ("__import__", Capability::DynamicImport),
    ("builtins.__import__", Capability::DynamicImport),
    ("importlib.import_module", Capability::DynamicImport),
    ("importlib.__import__", Capability::DynamicImport),
    ("importlib.util.", Capability::DynamicImport),
    ("importlib.machinery.", Capability::DynamicImport),
    ("imp.load_*", Capability::DynamicImport),
    ("pkgutil.get_loader", Capability::DynamicImport),
    ("zipimport.", Capability::DynamicImport),
    ("torch.ops.load_library", Capability::Native),
    ("torch.classes.load_library", Capability::Native),
    ("torch.utils.cpp_extension.load*", Capability::Native),
    ("ctypes.", Capability::Native),
    ("_ctypes.", Capability::Native),
    ("cffi.", Capability::Native),
    ("mmap.mmap", Capability::Native),
];

/// Methods that write whatever they are called on.
const METHODS: &[(&str, Capability)] = &[
    ("write_text", Capability::FileWrite),
    ("write_bytes", Capability::FileWrite),
    ("unlink", Capability::FileWrite),
];

/// Parts of paths where credentials lie.
const CREDENTIAL_FILES: &[&str] = &[
    ".ssh/",
    "id_rsa",
    "id_ed25519",
    ".aws/credentials",
    ".config/gcloud",
    ".azure/",
    ".kube/config",
    ".docker/config.json",
    ".git-credentials",
    ".netrc",
    ".pypirc",
    ".npmrc",
    ".cache/huggingface/token",
    ".huggingface/token",
    "/etc/shadow",
    "wallet.dat",
    "Login Data",
    "/proc/self/environ",
];

/// Ends of paths of files that run whenever a user logs in, or a program or Python starts.
const STARTUP_FILES: &[&str] = &[
    ".bashrc",
    ".bash_profile",
    ".zshrc",
    ".profile",
    ".xprofile",
    "authorized_keys",
    "sitecustomize.py",
    "usercustomize.py",
    ".git/hooks/",
    "/etc/cron",
    "/etc/ld.so.preload",
    "/etc/rc.local",
    "/var/spool/cron",
    ".config/autostart",
    ".config/systemd",
    "/etc/systemd/system",
    "Library/LaunchAgents",
    "Start Menu\\Programs\\Startup",
    "CurrentVersion\\Run",
];

/// Whether a string names a file that runs at every start.
pub(crate) fn names_startup(text: &str) -> bool {
    text.len() < 4096 && !text.contains('\n') && STARTUP_FILES.iter().any(|part| text.contains(part))
}

/// [`CALLS`] by the first part of their names, which is never a pattern.
static BY_FIRST: LazyLock<HashMap<&str, Vec<&(&str, Capability)>>> = LazyLock::new(|| {
    let mut out: HashMap<&str, Vec<_>> = HashMap::default();
    for entry in CALLS {
        out.entry(first_part(entry.0)).or_default().push(entry);
    }
    out
});

fn first_part(name: &str) -> &str {
    name.split_once('.').map_or(name, |(first, _)| first)
}

/// What calling `callee` can do.
pub(crate) fn of_call(callee: &str) -> Option<Capability> {
    let rows = BY_FIRST.get(first_part(callee)).map_or(&[][..], Vec::as_slice);
    let by_name = rows
        .iter()
        .find(|(pattern, _)| matches(pattern, callee))
        .map(|(_, c)| *c);
    by_name.or_else(|| of_call(by_detour(callee)?)).or_else(|| {
        let (_, method) = callee.rsplit_once('.')?;
        METHODS.iter().find(|(name, _)| *name == method).map(|(_, c)| *c)
    })
}

/// The part of a name after a detour through modules that import a dangerous one: `random._os.system`.
pub(crate) fn by_detour(callee: &str) -> Option<&str> {
    let mut found = None;
    let mut rest = callee;
    while let Some((_, after)) = rest.split_once('.') {
        rest = after;
        let rest = rest.strip_prefix('_').unwrap_or(rest);
        let counts = match rest.split_once('.') {
            Some(("os" | "posix" | "subprocess" | "builtins", _)) => true,
            // Arrays have an attribute of that name, which loads nothing.
            Some(("ctypes", next)) => ["CDLL", "cdll", "PyDLL", "windll"]
                .iter()
                .any(|n| next.starts_with(n)),
            _ => false,
        };
        if counts {
            found = Some(rest);
        }
    }
    found
}

/// Whether a string names a file of credentials.
pub(crate) fn names_credentials(text: &str) -> bool {
    text.len() < 4096 && CREDENTIAL_FILES.iter().any(|part| text.contains(part))
}

fn matches(pattern: &str, name: &str) -> bool {
    if pattern.ends_with('.') {
        return name.starts_with(pattern);
    }
    match pattern.split_once('*') {
        Some((start, end)) => {
            let rest = name.strip_prefix(start);
            rest.is_some_and(|rest| rest.ends_with(end) && !rest.contains('.'))
        }
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callables_have_their_capability_and_others_have_none() {
        let cases = [
            ("os.system", Some(Capability::Process)),
            ("os.execvp", Some(Capability::Process)),
            ("subprocess.run", Some(Capability::Process)),
            ("subprocess.Popen().communicate", Some(Capability::Process)),
            ("base64.b64decode", Some(Capability::Decode)),
            ("?.write_text", Some(Capability::FileWrite)),
            ("os.path.join", None),
            ("random._os.system", Some(Capability::Process)),
            ("torch.serialization.os.system", Some(Capability::Process)),
            ("?.builtins.exec", Some(Capability::Execution)),
            ("?.ctypes.CDLL", Some(Capability::Native)),
            ("?.ctypes.data_as", None),
            ("random._os.path.join", None),
            (".exec", None),
            ("model.eval", None),
            ("?.eval", None),
            ("re.compile", None),
            ("base64.b64encode", None),
        ];
        for (callee, expected) in cases {
            assert_eq!(of_call(callee), expected, "{callee}");
        }
    }
}
