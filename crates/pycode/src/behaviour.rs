//! What a whole package does with what it gets hold of: calls that matter, and what flows into them.
//!
//! A [`Module`](crate::Module) says which calls one file makes; it takes a package to say that the environment read in
//! one file leaves through a request in another. The one decision: a call becomes a record whether anything flows into
//! it or not, so that two releases can be compared by their records, and only a record that has
//! [sources](SinkRecord::sources) speaks of a path. That two things stand in one file is never a record.

use crate::flow::Stage;
use std::{collections::BTreeSet, ops::Range};
use wellhead_core::{Budget, Outcome};

/// One file of a package.
#[derive(Clone, Copy, Debug)]
pub struct SourceFile<'a> {
    /// Its path in the package, with `/`: `torch/nn/modules.py`, `evil.pth`. From outside.
    pub path: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// What calls with an effect on the host or the network are good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SinkKind {
    /// Something is sent or asked for over the network.
    NetworkSend,
    /// A name is looked up, which sends the name.
    DnsName,
    /// A program is started.
    Process,
    /// Text or code objects are run as Python.
    Execute,
    /// Native memory is written, made executable or run.
    NativeMemory,
    /// A native library is loaded.
    NativeLoad,
    /// A file that the package wrote or fetched is made executable or run.
    WriteThenRun,
    /// Something is put where it runs at every start.
    Persistence,
    /// Objects are built from data that can run code.
    Deserialize,
}

impl SinkKind {
    /// The name in machine formats.
    pub fn name(self) -> &'static str {
        match self {
            Self::NetworkSend => "network-send",
            Self::DnsName => "dns-name",
            Self::Process => "process",
            Self::Execute => "execute",
            Self::NativeMemory => "native-memory",
            Self::NativeLoad => "native-load",
            Self::WriteThenRun => "write-then-run",
            Self::Persistence => "persistence",
            Self::Deserialize => "deserialize",
        }
    }

    /// What the call does, as the end of "`package` …".
    pub fn verb(self) -> &'static str {
        match self {
            Self::NetworkSend => "speaks to the network",
            Self::DnsName => "looks up a name",
            Self::Process => "starts a program",
            Self::Execute => "runs code",
            Self::NativeMemory => "writes native memory",
            Self::NativeLoad => "loads a native library",
            Self::WriteThenRun => "makes a file run that it wrote",
            Self::Persistence => "puts something where it runs at every start",
            Self::Deserialize => "builds objects from data that can run code",
        }
    }
}

/// Where a value comes from that does not belong into every call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// All environment variables at once.
    BulkEnvironment,
    /// A variable whose name says that it is secret.
    SecretVariable,
    /// A file that holds credentials.
    CredentialFile,
    /// The metadata service of a cloud.
    CloudMetadata,
    /// Who and where the host is: its name, user, address.
    HostIdentity,
    /// The clipboard.
    Clipboard,
    /// Passwords, cookies and history of a browser.
    BrowserStore,
    /// A wallet.
    Wallet,
    /// What is typed.
    Keystrokes,
    /// What the screen shows.
    Screen,
    /// What the network answered.
    Network,
    /// Decoded or decrypted from other data.
    Decoded,
    /// An address that is hidden in data, and only known once that was decoded.
    HiddenAddress,
    /// Another package, which is only imported so that it does what it does then.
    OtherPackage,
    /// A file that comes with the package.
    Resource,
    /// Any other file.
    File,
}

impl SourceKind {
    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::BulkEnvironment,
        Self::SecretVariable,
        Self::CredentialFile,
        Self::CloudMetadata,
        Self::HostIdentity,
        Self::Clipboard,
        Self::BrowserStore,
        Self::Wallet,
        Self::Keystrokes,
        Self::Screen,
        Self::Network,
        Self::Decoded,
        Self::HiddenAddress,
        Self::OtherPackage,
        Self::Resource,
        Self::File,
    ];

    /// The name in machine formats.
    pub fn name(self) -> &'static str {
        match self {
            Self::BulkEnvironment => "bulk-environment",
            Self::SecretVariable => "secret-variable",
            Self::CredentialFile => "credential-file",
            Self::CloudMetadata => "cloud-metadata",
            Self::HostIdentity => "host-identity",
            Self::Clipboard => "clipboard",
            Self::BrowserStore => "browser-store",
            Self::Wallet => "wallet",
            Self::Keystrokes => "keystrokes",
            Self::Screen => "screen",
            Self::Network => "network",
            Self::Decoded => "decoded",
            Self::HiddenAddress => "hidden-address",
            Self::OtherPackage => "other-package",
            Self::Resource => "resource",
            Self::File => "file",
        }
    }

    /// What it is, in words.
    pub fn noun(self) -> &'static str {
        match self {
            Self::BulkEnvironment => "all environment variables",
            Self::SecretVariable => "a secret environment variable",
            Self::CredentialFile => "a file of credentials",
            Self::CloudMetadata => "the cloud's metadata service",
            Self::HostIdentity => "the identity of the host",
            Self::Clipboard => "the clipboard",
            Self::BrowserStore => "the store of a browser",
            Self::Wallet => "a wallet",
            Self::Keystrokes => "keystrokes",
            Self::Screen => "the screen",
            Self::Network => "the network",
            Self::Decoded => "decoded data",
            Self::HiddenAddress => "an address that is hidden in data",
            Self::OtherPackage => "another package",
            Self::Resource => "a file of the package",
            Self::File => "a file",
        }
    }
}

/// One step of the way from a source to a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The file, by its path in the package.
    pub module: String,
    /// Where in the text of the file; in a decoded layer, the place that runs it.
    pub range: Range<usize>,
    /// What happens there, such as the name that is read or the function that is entered. From outside.
    pub what: String,
}

/// A call with an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkRecord {
    /// The file, by its path in the package.
    pub module: String,
    /// The function it stands in, `Class.method`; empty for the module itself.
    pub function: String,
    /// What is called, by its full name: `requests.post`, `exec`. From outside.
    pub callee: String,
    /// What the call is good for.
    pub kind: SinkKind,
    /// The arguments as far as they are known, `name=` before keywords, `…` for what is not known. From outside.
    pub arguments: Vec<String>,
    /// What flows into it.
    pub sources: BTreeSet<SourceKind>,
    /// When it happens, if nobody but Python touches the package.
    pub stage: Stage,
    /// How many times something was decoded before this code was there; 0 is the file itself.
    pub layer: u8,
    /// Where in the text of the file; in a decoded layer, the place that runs it.
    pub range: Range<usize>,
    /// The way from the sources to here.
    pub hops: Vec<Hop>,
    /// The files whose run, or whose functions, make it happen at that stage, as far as they are kept.
    pub starters: Vec<String>,
}

/// What a decoded text is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// Python.
    Python,
    /// A shell of Unix or of Windows.
    Shell,
    /// PowerShell.
    PowerShell,
    /// JavaScript.
    JavaScript,
    /// Anything else.
    Other,
}

/// A text that only exists once something was decoded, put together or unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The file it comes out of.
    pub module: String,
    /// How many layers lie round it; the first is 1.
    pub number: u8,
    /// How it was hidden: `base64, zlib`.
    pub by: String,
    /// The text. From outside.
    pub text: String,
    /// Its language.
    pub language: Language,
    /// The place in the file that runs it.
    pub range: Range<usize>,
}

/// What a package does.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// Calls with an effect, by file and place.
    pub records: Vec<SinkRecord>,
    /// What was decoded on the way.
    pub layers: Vec<Layer>,
    /// Whether all of it was understood.
    pub outcome: Outcome,
}

/// Follows what a package does, file by file and from file to file. Nothing is executed.
///
/// Python files and the import lines of `.pth` files are read; others are passed over. What is not known stays
/// unknown, and what the budget does not reach is said in the outcome.
pub fn analyse_package(files: &[SourceFile<'_>], budget: &mut Budget) -> Analysis {
    crate::eval::analyse(files, budget)
}

#[cfg(test)]
#[path = "behaviour_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "behaviour_paths_tests.rs"]
mod paths_tests;

#[cfg(test)]
#[path = "behaviour_cost_tests.rs"]
mod cost_tests;
