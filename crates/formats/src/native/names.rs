//! What a function of the system is for, by its name.
//!
//! Names, not behaviour: a library that imports `connect` can open connections and need not. What follows from it is
//! decided by the rules, which also know whether it happens while the library is loaded.

/// What native code can do by functions that it imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ability {
    /// Starts other programs.
    Process,
    /// Opens connections or asks for addresses.
    Network,
    /// Writes into the memory of other programs.
    Injection,
    /// Runs text or bytecode as Python.
    Python,
    /// Loads further libraries by name.
    Library,
    /// Reads keys, clipboard or screen.
    Spying,
    /// Opens stores of passwords and keys.
    Secrets,
    /// Writes what starts programs later: services, the registry.
    Persistence,
}

impl Ability {
    /// The name in machine formats.
    pub fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Network => "network",
            Self::Injection => "injection",
            Self::Python => "python",
            Self::Library => "library",
            Self::Spying => "spying",
            Self::Secrets => "secrets",
            Self::Persistence => "persistence",
        }
    }

    /// What it does, for sentences: "starts programs".
    pub fn does(self) -> &'static str {
        match self {
            Self::Process => "starts programs",
            Self::Network => "opens connections",
            Self::Injection => "writes into other programs",
            Self::Python => "runs text as Python",
            Self::Library => "loads libraries",
            Self::Spying => "reads keys, clipboard or screen",
            Self::Secrets => "opens stores of passwords",
            Self::Persistence => "registers what starts later",
        }
    }
}

/// Name, ability, and whether nothing has a use for it while it is loaded.
static NAMES: &[(&str, Ability, bool)] = &[
    ("system", Ability::Process, true),
    ("popen", Ability::Process, true),
    ("execl", Ability::Process, true),
    ("execle", Ability::Process, true),
    ("execlp", Ability::Process, true),
    ("execv", Ability::Process, true),
    ("execve", Ability::Process, true),
    ("execveat", Ability::Process, true),
    ("execvp", Ability::Process, true),
    ("execvpe", Ability::Process, true),
    ("fexecve", Ability::Process, true),
    ("posix_spawn", Ability::Process, true),
    ("posix_spawnp", Ability::Process, true),
    ("fork", Ability::Process, false),
    ("vfork", Ability::Process, false),
    ("_popen", Ability::Process, true),
    ("_wpopen", Ability::Process, true),
    ("_wsystem", Ability::Process, true),
    ("_execv", Ability::Process, true),
    ("_execvp", Ability::Process, true),
    ("_spawnl", Ability::Process, true),
    ("_spawnlp", Ability::Process, true),
    ("_spawnv", Ability::Process, true),
    ("_spawnvp", Ability::Process, true),
    ("_wspawnv", Ability::Process, true),
    ("CreateProcessA", Ability::Process, true),
    ("CreateProcessW", Ability::Process, true),
    ("CreateProcessAsUserA", Ability::Process, true),
    ("CreateProcessAsUserW", Ability::Process, true),
    ("CreateProcessWithLogonW", Ability::Process, true),
    ("CreateProcessWithTokenW", Ability::Process, true),
    ("NtCreateUserProcess", Ability::Process, true),
    ("ShellExecuteA", Ability::Process, true),
    ("ShellExecuteW", Ability::Process, true),
    ("ShellExecuteExA", Ability::Process, true),
    ("ShellExecuteExW", Ability::Process, true),
    ("WinExec", Ability::Process, true),
    ("OBJC_CLASS_$_NSTask", Ability::Process, false),
    ("accept", Ability::Network, false),
    ("bind", Ability::Network, false),
    ("connect", Ability::Network, true),
    ("curl_easy_perform", Ability::Network, true),
    ("getaddrinfo", Ability::Network, true),
    ("gethostbyname", Ability::Network, true),
    ("listen", Ability::Network, false),
    ("res_query", Ability::Network, true),
    ("recv", Ability::Network, false),
    ("send", Ability::Network, false),
    ("sendto", Ability::Network, false),
    ("socket", Ability::Network, false),
    ("DnsQuery_A", Ability::Network, true),
    ("DnsQuery_W", Ability::Network, true),
    ("GetAddrInfoW", Ability::Network, true),
    ("HttpSendRequestA", Ability::Network, true),
    ("HttpSendRequestW", Ability::Network, true),
    ("InternetConnectA", Ability::Network, true),
    ("InternetConnectW", Ability::Network, true),
    ("InternetOpenA", Ability::Network, true),
    ("InternetOpenW", Ability::Network, true),
    ("InternetOpenUrlA", Ability::Network, true),
    ("InternetOpenUrlW", Ability::Network, true),
    ("URLDownloadToFileA", Ability::Network, true),
    ("URLDownloadToFileW", Ability::Network, true),
    ("WSAConnect", Ability::Network, true),
    ("WSASocketA", Ability::Network, false),
    ("WSASocketW", Ability::Network, false),
    ("WinHttpConnect", Ability::Network, true),
    ("WinHttpOpen", Ability::Network, true),
    ("WinHttpSendRequest", Ability::Network, true),
    ("CreateRemoteThread", Ability::Injection, true),
    ("CreateRemoteThreadEx", Ability::Injection, true),
    ("NtCreateThreadEx", Ability::Injection, true),
    ("NtUnmapViewOfSection", Ability::Injection, true),
    ("NtWriteVirtualMemory", Ability::Injection, true),
    ("QueueUserAPC", Ability::Injection, true),
    ("SetThreadContext", Ability::Injection, true),
    ("VirtualAllocEx", Ability::Injection, true),
    ("WriteProcessMemory", Ability::Injection, true),
    ("mach_vm_write", Ability::Injection, true),
    ("process_vm_writev", Ability::Injection, true),
    ("ptrace", Ability::Injection, false),
    ("task_for_pid", Ability::Injection, false),
    ("PyMarshal_ReadObjectFromString", Ability::Python, true),
    ("PyRun_AnyFileExFlags", Ability::Python, true),
    ("PyRun_SimpleString", Ability::Python, true),
    ("PyRun_SimpleStringFlags", Ability::Python, true),
    ("PyRun_String", Ability::Python, true),
    ("PyRun_StringFlags", Ability::Python, true),
    ("Py_CompileString", Ability::Python, false),
    ("Py_CompileStringExFlags", Ability::Python, false),
    ("Py_CompileStringFlags", Ability::Python, false),
    ("dlopen", Ability::Library, false),
    ("LoadLibraryA", Ability::Library, false),
    ("LoadLibraryExA", Ability::Library, false),
    ("LoadLibraryExW", Ability::Library, false),
    ("LoadLibraryW", Ability::Library, false),
    ("memfd_create", Ability::Library, true),
    ("BitBlt", Ability::Spying, false),
    ("CGEventTapCreate", Ability::Spying, true),
    ("GetAsyncKeyState", Ability::Spying, true),
    ("GetClipboardData", Ability::Spying, false),
    ("RegisterRawInputDevices", Ability::Spying, true),
    ("SetWindowsHookExA", Ability::Spying, true),
    ("SetWindowsHookExW", Ability::Spying, true),
    ("XGrabKeyboard", Ability::Spying, true),
    ("CredEnumerateA", Ability::Secrets, true),
    ("CredEnumerateW", Ability::Secrets, true),
    ("CryptUnprotectData", Ability::Secrets, true),
    ("SecItemCopyMatching", Ability::Secrets, true),
    ("SecKeychainFindGenericPassword", Ability::Secrets, true),
    ("CreateServiceA", Ability::Persistence, true),
    ("CreateServiceW", Ability::Persistence, true),
    ("RegSetValueExA", Ability::Persistence, true),
    ("RegSetValueExW", Ability::Persistence, true),
];

/// What the function of that name is for, and whether nothing has a use for it while it is loaded.
pub(super) fn ability(name: &str) -> Option<(Ability, bool)> {
    // `connect$UNIX2003` of macOS and `execve@GLIBC_2.2.5` of linkers are the same function; classes keep their names.
    let plain = if name.starts_with("OBJC_") {
        name
    } else {
        name.split(['$', '@']).next().unwrap_or(name)
    };
    NAMES
        .iter()
        .find(|(known, _, _)| *known == plain)
        .map(|(_, ability, sharp)| (*ability, *sharp))
}

/// Functions that the network library of Windows exports under these numbers.
pub(super) fn winsock(library: &str, ordinal: u16) -> Option<&'static str> {
    if !matches!(library, "ws2_32.dll" | "wsock32.dll") {
        return None;
    }
    Some(match ordinal {
        1 => "accept",
        2 => "bind",
        4 => "connect",
        13 => "listen",
        16 => "recv",
        19 => "send",
        20 => "sendto",
        23 => "socket",
        52 => "gethostbyname",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decorated_names_are_the_functions_they_decorate() {
        for (name, expected) in [
            ("execve", Some((Ability::Process, true))),
            ("execve@GLIBC_2.2.5", Some((Ability::Process, true))),
            ("connect$UNIX2003", Some((Ability::Network, true))),
            ("OBJC_CLASS_$_NSTask", Some((Ability::Process, false))),
            ("fork", Some((Ability::Process, false))),
            ("disconnect", None),
            ("", None),
        ] {
            assert_eq!(ability(name), expected, "{name}");
        }
        assert_eq!(winsock("ws2_32.dll", 4), Some("connect"));
        assert_eq!(winsock("kernel32.dll", 4), None);
    }
}
