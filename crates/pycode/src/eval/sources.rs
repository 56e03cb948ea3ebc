//! Where things come from that do not belong into every call: names, paths and addresses.

use crate::behaviour::SourceKind;

/// What reading a name gives.
pub(super) fn of_name(path: &str) -> Option<SourceKind> {
    matches!(
        path,
        "os.environ" | "os.environb" | "posix.environ" | "nt.environ"
    )
    .then_some(SourceKind::BulkEnvironment)
}

/// What calling something gives, whatever its arguments are.
pub(super) fn of_call(path: &str) -> Option<SourceKind> {
    let (owner, name) = path.rsplit_once('.').unwrap_or(("", path));
    let identity = match owner {
        "platform" => matches!(
            name,
            "node" | "uname" | "platform" | "system" | "machine" | "release" | "version"
        ),
        "socket" => matches!(name, "gethostname" | "getfqdn" | "gethostbyname"),
        "getpass" => name == "getuser",
        "os" => matches!(name, "getlogin" | "uname" | "getuid"),
        "uuid" => name == "getnode",
        "psutil" => matches!(name, "users" | "net_if_addrs"),
        "getmac" => name.starts_with("get_mac"),
        "netifaces" => name == "ifaddresses",
        "wmi.WMI()" => name.starts_with("Win32_"),
        "pwd" => name == "getpwuid",
        "win32api" => matches!(name, "GetUserName" | "GetComputerName"),
        _ => false,
    };
    if identity {
        return Some(SourceKind::HostIdentity);
    }
    // What a server is asked to do was said by somebody else.
    if path.starts_with("flask.request.") || path.starts_with("bottle.request.") {
        return Some(SourceKind::Network);
    }
    match path {
        // The registry holds what programs remember, sessions and passwords among it.
        "winreg.QueryValueEx"
        | "winreg.QueryValue"
        | "winreg.EnumValue"
        | "_winreg.QueryValueEx"
        | "_winreg.EnumValue" => Some(SourceKind::File),
        "pyperclip.paste"
        | "pandas.read_clipboard"
        | "win32clipboard.GetClipboardData"
        | "clipboard.paste"
        | "tkinter.Tk().clipboard_get"
        | "PIL.ImageGrab.grabclipboard" => Some(SourceKind::Clipboard),
        "PIL.ImageGrab.grab"
        | "pyautogui.screenshot"
        | "mss.mss().grab"
        | "mss.mss().shot"
        | "pyscreenshot.grab" => Some(SourceKind::Screen),
        "pynput.keyboard.Listener"
        | "keyboard.read_key"
        | "keyboard.record"
        | "keyboard.get_typed_strings"
        | "keyboard.on_press"
        | "keyboard.hook" => Some(SourceKind::Keystrokes),
        "browser_cookie3.load"
        | "browser_cookie3.edge"
        | "browser_cookie3.opera"
        | "browser_cookie3.brave"
        | "browser_cookie3.chromium"
        | "rookiepy.load"
        | "rookiepy.chrome"
        | "browserhistory.get_browserhistory"
        | "browser_cookie3.chrome"
        | "browser_cookie3.firefox"
        | "browsercookie.chrome"
        | "win32crypt.CryptUnprotectData" => Some(SourceKind::BrowserStore),
        "pkgutil.get_data"
        | "importlib.resources.read_text"
        | "importlib.resources.read_binary"
        | "importlib.resources.files"
        | "importlib.resources.open_binary"
        | "importlib.resources.open_text"
        | "pkg_resources.resource_string"
        | "pkg_resources.resource_stream"
        | "pkg_resources.resource_filename" => Some(SourceKind::Resource),
        _ => None,
    }
}

/// Whether a callable decodes or decrypts, and by which name people know it.
pub(super) fn decoder(path: &str) -> Option<&'static str> {
    let (owner, name) = path.rsplit_once('.')?;
    Some(match owner {
        "base64" => match name {
            "b64decode" | "standard_b64decode" | "urlsafe_b64decode" | "decodebytes" | "decodestring" => {
                "base64"
            }
            "b32decode" | "b32hexdecode" => "base32",
            "b16decode" => "base16",
            "b85decode" | "a85decode" | "z85decode" => "base85",
            _ => return None,
        },
        "binascii" => match name {
            "a2b_base64" => "base64",
            "unhexlify" | "a2b_hex" => "hex",
            "a2b_uu" => "uu",
            _ => return None,
        },
        "bytes" | "bytearray" if name == "fromhex" => "hex",
        "zlib" | "gzip" | "bz2" | "lzma" if name == "decompress" => match owner {
            "zlib" => "zlib",
            "gzip" => "gzip",
            "bz2" => "bzip2",
            _ => "lzma",
        },
        "zlib.decompressobj()" if name == "decompress" => "zlib",
        "codecs" if name == "decode" => "codecs",
        "marshal" if name == "loads" => "marshal",
        "cryptography.fernet.Fernet()" if name == "decrypt" => "fernet",
        _ if name == "decrypt" => "cipher",
        _ => return None,
    })
}

/// Whether a variable of the environment holds a secret.
pub(super) fn is_secret_variable(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    [
        "TOKEN",
        "SECRET",
        "PASSWORD",
        "PASSWD",
        "API_KEY",
        "APIKEY",
        "ACCESS_KEY",
        "PRIVATE_KEY",
        "CREDENTIAL",
        "_PAT",
    ]
    .iter()
    .any(|part| name.contains(part))
        || name.ends_with("_KEY")
        || name.ends_with("_AUTH")
}

const CREDENTIALS: &[&str] = &[
    ".aws/credentials",
    ".aws/config",
    ".ssh/",
    "id_rsa",
    "id_ed25519",
    ".git-credentials",
    ".netrc",
    "_netrc",
    ".npmrc",
    ".pypirc",
    ".docker/config.json",
    ".kube/config",
    ".config/gcloud",
    "application_default_credentials",
    ".azure/",
    "/etc/shadow",
    "/etc/passwd",
    "/var/run/secrets/kubernetes.io",
    ".vault-token",
    ".bash_history",
    ".zsh_history",
    ".gnupg",
    ".terraform.d/credentials",
    ".cache/huggingface/token",
    "rclone.conf",
    "tdata",
    "/proc/self/environ",
    ".pgpass",
    ".my.cnf",
];

const BROWSERS: &[&str] = &[
    "login data",
    "cookies.sqlite",
    "logins.json",
    "key4.db",
    "local state",
    "user data/default",
    "google/chrome/user data",
    "mozilla/firefox/profiles",
    "bravesoftware",
    "web data",
    "leveldb",
    "microsoft/edge/user data",
];

const WALLETS: &[&str] = &[
    "wallet.dat",
    "exodus.wallet",
    "electrum/wallets",
    "atomic/local storage",
    "metamask",
    "nkbihfbeogaeaoehlefnkodbefgpgknn",
    ".config/solana/id.json",
    "ethereum/keystore",
    "zcash",
    "bytecoin",
    "coinomi",
];

/// What a file of that path holds.
pub(super) fn of_file(path: &str) -> SourceKind {
    let path = path.replace('\\', "/").to_ascii_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| path.contains(part));
    if has(WALLETS) {
        SourceKind::Wallet
    } else if has(BROWSERS) {
        SourceKind::BrowserStore
    } else if has(CREDENTIALS) || path.ends_with("/.env") || path == ".env" || is_of_process(&path) {
        SourceKind::CredentialFile
    } else if path.contains(super::value::PACKAGE) {
        SourceKind::Resource
    } else {
        SourceKind::File
    }
}

/// Whether a file shows the memory or the variables of a running program.
fn is_of_process(path: &str) -> bool {
    path.contains("/proc/") && (path.ends_with("/mem") || path.ends_with("/environ"))
}

/// Commands that print what is secret, by the words that they begin with.
const TELLING: &[&str] = &[
    "kubectl get secret",
    "gh auth token",
    "gcloud auth print-access-token",
    "gcloud auth print-identity-token",
    "aws configure export-credentials",
    "aws configure get",
    "az account get-access-token",
    "security find-generic-password",
    "security dump-keychain",
];

/// Whether a file is a picture, a recording or a font, in which no code has a place.
pub(super) fn is_media(path: &str) -> bool {
    let ending = path.rsplit('.').next().unwrap_or_default();
    [
        "png", "jpg", "jpeg", "gif", "bmp", "ico", "webp", "tiff", "wav", "mp3", "flac", "ogg", "ttf", "otf",
        "woff", "woff2", "mp4",
    ]
    .iter()
    .any(|known| ending.eq_ignore_ascii_case(known))
}

/// Whether a callable gives what a picture or a recording shows or plays.
pub(super) fn reads_media(path: &str) -> bool {
    matches!(
        path,
        "wave.open"
            | "PIL.Image.open"
            | "imageio.imread"
            | "cv2.imread"
            | "numpy.fromfile"
            | "soundfile.read"
            | "stegano.lsb.reveal"
            | "stepic.decode"
    )
}

/// Whether an address is that of a cloud's metadata service.
pub(super) fn is_metadata_service(address: &str) -> bool {
    [
        "169.254.169.254",
        "metadata.google.internal",
        "169.254.170.2",
        "100.100.100.200",
        "fd00:ec2::254",
    ]
    .iter()
    .any(|host| address.contains(host))
}

/// Whether what is written there runs at every start.
pub(super) fn is_persistent(path: &str) -> bool {
    let path = path.replace('\\', "/").to_ascii_lowercase();
    [
        "/.bashrc",
        "/.zshrc",
        "/.profile",
        "/.bash_profile",
        "/.zprofile",
        "/etc/rc.local",
        "/etc/cron",
        "/var/spool/cron",
        "library/launchagents",
        "library/launchdaemons",
        "/etc/systemd/system",
        ".config/systemd/user",
        ".config/autostart",
        "/etc/init.d",
        "start menu/programs/startup",
        "currentversion/run",
        "/.ssh/authorized_keys",
        "sitecustomize.py",
        "usercustomize.py",
        "/.config/fish/config.fish",
        "start menu/programs/start-up",
    ]
    .iter()
    .any(|part| path.contains(part))
        || path.ends_with(".pth")
        || path.ends_with(".py") && (path.contains("site-packages/") || path.contains("dist-packages/"))
}

/// Whether a command sets up something that runs later by itself.
pub(super) fn schedules(command: &str) -> bool {
    let command = command.to_ascii_lowercase();
    [
        "crontab",
        "schtasks",
        "systemctl enable",
        "systemctl --user enable",
        "launchctl load",
        "reg add",
        "/currentversion/run",
    ]
    .iter()
    .any(|part| command.contains(part))
        && !command.contains("crontab -l")
}

/// Whether what a command prints says who and where the host is.
pub(super) fn tells_host(command: &str) -> bool {
    let mut words = command.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words.any(|word| {
        matches!(
            word,
            "whoami" | "hostname" | "uname" | "ipconfig" | "ifconfig" | "systeminfo" | "wmic"
        )
    })
}

/// What a command of a shell gets hold of and prints.
pub(super) fn of_command(command: &str) -> Option<SourceKind> {
    let first = command.split_ascii_whitespace().next().unwrap_or_default();
    if matches!(first, "env" | "printenv" | "set" | "export") && !command.contains('=') {
        return Some(SourceKind::BulkEnvironment);
    }
    if TELLING.iter().any(|words| command.starts_with(words)) {
        return Some(SourceKind::CredentialFile);
    }
    if matches!(
        first,
        "cat" | "type" | "head" | "tail" | "base64" | "tar" | "zip" | "find" | "grep"
    ) {
        let kind = of_file(command);
        if !matches!(kind, SourceKind::File | SourceKind::Resource) {
            return Some(kind);
        }
    }
    tells_host(command).then_some(SourceKind::HostIdentity)
}

/// What a command of a shell sends away, or fetches and runs, all by itself.
pub(super) fn within_command(command: &str) -> Vec<SourceKind> {
    let lower = command.to_ascii_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    let mut out = Vec::new();
    let speaks = has(&[
        "curl ",
        "wget ",
        "nslookup ",
        "dig ",
        "invoke-webrequest",
        "iwr ",
        "downloadstring",
        "downloadfile",
        "certutil",
        "bitsadmin",
        "invoke-restmethod",
        "irm ",
        "start-bitstransfer",
        "nc ",
        "ncat ",
        "/dev/tcp/",
    ]);
    if !speaks {
        return out;
    }
    // What is fetched and run is told by how the command is built, and only a way into the network is one by its name.
    if has(&["/dev/tcp/"]) {
        out.push(SourceKind::Network);
    }
    if has(&[
        "$(env",
        "`env`",
        "env |",
        "env|",
        "printenv",
        "/proc/self/environ",
    ]) {
        out.push(SourceKind::BulkEnvironment);
    }
    if has(&[
        "$(whoami",
        "`whoami`",
        "$(hostname",
        "`hostname`",
        "$(id",
        "`id`",
        "$(uname",
        "$hostname",
        "$user",
        "%username%",
        "%computername%",
        "whoami",
        "$env:username",
        "$env:computername",
    ]) {
        out.push(SourceKind::HostIdentity);
    }
    match of_file(&lower) {
        SourceKind::File | SourceKind::Resource => {}
        kind => out.push(kind),
    }
    out
}
