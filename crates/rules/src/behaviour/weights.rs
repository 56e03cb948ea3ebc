//! What each thing that is seen in a package weighs.
//!
//! The weights are set by hand and checked with `benches/packages.py` on labelled packages; a verdict can be added up by
//! hand. None is negative: to add something harmful never makes a package look better.

/// Something that is seen in a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Term {
    /// It runs at every start of Python.
    AtStartup,
    /// It runs when the package is built or installed.
    AtInstall,
    /// It runs when the package is imported.
    AtImport,
    /// Code or a command that is decoded is run.
    RunsDecoded,
    /// Code or a command that is fetched is run.
    RunsFetched,
    /// A command fetches something and runs it, or hides what it runs.
    RunsFetchingCommand,
    /// All environment variables are sent.
    SendsEnvironment,
    /// Credentials, passwords, or what is typed or shown are sent.
    SendsCredentials,
    /// A secret variable is sent.
    SendsSecret,
    /// What stands in files is sent.
    SendsFile,
    /// Something is sent to an address that is hidden in data.
    HidesAddress,
    /// The name of the host or of its user is sent.
    SendsIdentity,
    /// What is looked up as a name carries what was read.
    NameCarriesData,
    /// A shell is opened to somebody else.
    OpensShell,
    /// Native memory is filled with what was decoded or fetched.
    FillsMemory,
    /// Something is put where it runs at every start.
    Persists,
    /// The same function decodes and runs code.
    NearDecoded,
    /// The same function fetches, and runs code.
    NearFetched,
    /// The same function fetches, writes a file and starts a program.
    FetchesThenRuns,
    /// The same function reads all environment variables and speaks to the network.
    NearEnvironment,
    /// The same function names credentials and speaks to the network.
    NearCredentials,
    /// The same function reads who the host is and speaks to the network.
    NearIdentity,
    /// Native memory is handled.
    HandlesMemory,
    /// Packages are installed.
    InstallsPackages,
    /// A program is started that does nothing but import another package.
    StartsOtherPackage,
    /// A program is started.
    StartsProgram,
    /// The network is spoken to.
    SpeaksToNetwork,
    /// The other side is one that anybody can have without a name.
    UnnamedHost,
    /// The code stands far to the right, out of sight.
    OutOfSight,
    /// It runs when one file of the package is imported.
    AtModule,
    /// An address that takes what anybody sends is told that it is there.
    TellsReceiver,
    /// The service is asked from which machines of a cloud get their credentials.
    AsksCloud,
    /// The module is data that nobody can read, which something else runs.
    RunsUnreadable,
}

/// The weight of each term, in tenths.
pub static WEIGHTS: &[(Term, &str, u32)] = &[
    (Term::AtStartup, "at-startup", 30),
    (Term::AtInstall, "at-install", 30),
    (Term::AtImport, "at-import", 20),
    (Term::RunsDecoded, "runs-decoded", 40),
    (Term::RunsFetched, "runs-fetched", 40),
    (Term::RunsFetchingCommand, "runs-fetching-command", 40),
    (Term::SendsEnvironment, "sends-environment", 40),
    (Term::SendsCredentials, "sends-credentials", 40),
    (Term::SendsSecret, "sends-secret", 5),
    (Term::SendsFile, "sends-file", 15),
    (Term::HidesAddress, "hides-address", 45),
    (Term::SendsIdentity, "sends-identity", 30),
    (Term::NameCarriesData, "name-carries-data", 40),
    (Term::OpensShell, "opens-shell", 40),
    (Term::FillsMemory, "fills-memory", 40),
    (Term::Persists, "persists", 20),
    (Term::NearDecoded, "near-decoded", 20),
    (Term::NearFetched, "near-fetched", 20),
    (Term::FetchesThenRuns, "fetches-then-runs", 20),
    (Term::NearEnvironment, "near-environment", 10),
    (Term::NearCredentials, "near-credentials", 10),
    (Term::NearIdentity, "near-identity", 15),
    (Term::HandlesMemory, "handles-memory", 10),
    (Term::InstallsPackages, "installs-packages", 5),
    (Term::StartsOtherPackage, "starts-other-package", 25),
    (Term::StartsProgram, "starts-program", 5),
    (Term::SpeaksToNetwork, "speaks-to-network", 10),
    (Term::UnnamedHost, "unnamed-host", 20),
    (Term::OutOfSight, "out-of-sight", 30),
    (Term::AtModule, "at-module", 15),
    (Term::TellsReceiver, "tells-receiver", 30),
    (Term::AsksCloud, "asks-cloud", 25),
    (Term::RunsUnreadable, "runs-unreadable", 30),
];

/// From this sum on a complete path is blocked.
pub const BLOCK: u32 = 50;
/// From this sum on a package is an error to be reviewed.
pub(super) const HIGH: u32 = 55;
/// From this sum on a package is to be reviewed.
pub const REVIEW: u32 = 45;

impl Term {
    /// The name in machine formats.
    pub fn name(self) -> &'static str {
        self.row().map_or("", |(_, name, _)| *name)
    }

    /// What it weighs, in tenths.
    pub fn weight(self) -> u32 {
        self.row().map_or(0, |(_, _, weight)| *weight)
    }

    fn row(self) -> Option<&'static (Self, &'static str, u32)> {
        WEIGHTS.iter().find(|(term, _, _)| *term == self)
    }

    /// Whether it is a whole path from what is read, fetched or decoded to where it is run or sent.
    pub(super) fn is_path(self) -> bool {
        matches!(
            self,
            Self::RunsDecoded
                | Self::RunsFetched
                | Self::RunsFetchingCommand
                | Self::SendsEnvironment
                | Self::SendsCredentials
                | Self::SendsIdentity
                | Self::HidesAddress
                | Self::NameCarriesData
                | Self::OpensShell
                | Self::FillsMemory
                | Self::TellsReceiver
        )
    }

    /// What it does, as the end of "`package` …", the worst kinds first; nothing where it is only a circumstance.
    pub(super) fn harm(self) -> Option<&'static str> {
        Some(match self {
            Self::RunsDecoded => "runs code that is hidden in data",
            Self::RunsFetched => "runs code that it fetches from the network",
            Self::RunsFetchingCommand => {
                "starts a command that fetches and runs, or hides, what nobody has seen"
            }
            Self::OpensShell => "opens a shell to somebody else",
            Self::FillsMemory => "puts machine code into memory that is hidden in data",
            Self::SendsEnvironment => "sends all environment variables away",
            Self::SendsCredentials => "sends credentials away",
            Self::NameCarriesData => "smuggles what it reads out in the names that it looks up",
            Self::SendsIdentity => "tells somebody who and where the host is",
            Self::HidesAddress => "speaks to an address that is hidden in data",
            Self::TellsReceiver => "tells an address that anybody can set up that it is there",
            Self::AsksCloud => "asks for the credentials that a machine of a cloud has",
            Self::RunsUnreadable => "is a program in a form that nobody can read",
            Self::FetchesThenRuns => "fetches, writes and starts programs in one function",
            Self::NearDecoded => "decodes data where it runs code",
            Self::NearFetched => "speaks to the network where it runs code",
            Self::Persists => "puts something where it runs at every start",
            Self::NearCredentials => "names credentials where it speaks to the network",
            Self::NearEnvironment => "reads all environment variables where it speaks to the network",
            Self::NearIdentity => "reads who the host is where it speaks to the network",
            Self::HandlesMemory => "handles native memory",
            Self::SendsSecret => "sends a secret variable",
            Self::SendsFile => "sends what stands in files",
            Self::InstallsPackages => "installs packages",
            Self::StartsOtherPackage => "starts another package in a program of its own",
            Self::StartsProgram => "starts programs",
            Self::SpeaksToNetwork => "speaks to the network",
            Self::AtStartup
            | Self::AtInstall
            | Self::AtImport
            | Self::AtModule
            | Self::UnnamedHost
            | Self::OutOfSight => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_term_has_one_weight_and_one_name() {
        for (at, (term, name, _)) in WEIGHTS.iter().enumerate() {
            assert_eq!(*term as usize, at, "{name}");
            assert!(
                WEIGHTS.iter().filter(|(_, n, _)| n == name).count() == 1,
                "{name}"
            );
        }
        assert_eq!(Term::RunsUnreadable as usize + 1, WEIGHTS.len());
    }
}
