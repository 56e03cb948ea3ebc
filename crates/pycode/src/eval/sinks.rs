//! Which callables have an effect worth a record.
//!
//! A table of names and not of prefixes where a module does harmless things too: what is missing here is not seen, and
//! what is here without need makes two releases differ by nothing.

use crate::behaviour::SinkKind;

/// What a callable is good for, by its full name.
pub(super) fn kind_of(callee: &str) -> Option<SinkKind> {
    let callee = callee.strip_prefix("builtins.").unwrap_or(callee);
    execution(callee)
        .or_else(|| process(callee))
        .or_else(|| network(callee))
        .or_else(|| native(callee))
        .or_else(|| other(callee))
}

fn execution(callee: &str) -> Option<SinkKind> {
    matches!(
        callee,
        "exec"
            | "eval"
            | "execfile"
            | "types.FunctionType"
            | "types.LambdaType"
            | "types.CodeType"
            | "runpy.run_path"
            | "runpy.run_module"
            | "code.interact"
            | "code.InteractiveConsole().runcode"
            | "code.InteractiveConsole().runsource"
            | "code.InteractiveInterpreter().runcode"
            | "code.InteractiveInterpreter().runsource"
            | "code.InteractiveConsole().push"
            | "importlib.util.spec_from_file_location"
            | "importlib.machinery.SourceFileLoader"
            | "importlib.machinery.SourcelessFileLoader"
            | "importlib.machinery.ExtensionFileLoader"
            | "imp.load_source"
            | "imp.load_dynamic"
            | "imp.load_compiled"
            | "zipimport.zipimporter"
            | "timeit.timeit"
            | "cProfile.run"
    )
    .then_some(SinkKind::Execute)
}

fn process(callee: &str) -> Option<SinkKind> {
    let (module, name) = callee.rsplit_once('.')?;
    let starts = match module {
        "os" | "posix" | "nt" => {
            matches!(
                name,
                "system" | "popen" | "startfile" | "dup2" | "posix_spawn" | "posix_spawnp" | "forkpty"
            ) || name.starts_with("exec")
                || name.starts_with("spawn")
        }
        "subprocess" => matches!(
            name,
            "run" | "Popen" | "call" | "check_call" | "check_output" | "getoutput" | "getstatusoutput"
        ),
        "asyncio" | "asyncio.subprocess" => {
            matches!(name, "create_subprocess_exec" | "create_subprocess_shell")
        }
        "pty" => name == "spawn",
        "popen2" | "commands" => true,
        "pexpect" => matches!(name, "spawn" | "run"),
        "_posixsubprocess" => name == "fork_exec",
        "win32api" => matches!(name, "ShellExecute" | "WinExec"),
        "win32process" => name == "CreateProcess",
        "plumbum" | "sh" | "invoke" => name == "run",
        "asyncio.get_event_loop()" | "asyncio.get_running_loop()" => name.starts_with("subprocess_"),
        // The library of C, and what modules of Python start programs with themselves.
        "ctypes.CDLL()" | "ctypes.PyDLL()" | "ctypes.cdll.LoadLibrary()" | "ctypes.cdll.msvcrt" => {
            matches!(
                name,
                "system" | "popen" | "execl" | "execv" | "execve" | "execvp" | "_wsystem"
            )
        }
        "distutils.spawn" | "setuptools._distutils.spawn" => name == "spawn",
        "platform" => name == "popen",
        "multiprocessing.util" => name == "spawnv_passfds",
        "imaplib" => name == "IMAP4_stream",
        "pydoc" => matches!(
            name,
            "pipepager" | "tempfilepager" | "pipe_pager" | "tempfile_pager"
        ),
        "webbrowser" => matches!(name, "GenericBrowser" | "BackgroundBrowser"),
        "ctypes.windll.shell32" => name.starts_with("ShellExecute"),
        "ctypes.windll.kernel32" => matches!(name, "CreateProcessA" | "CreateProcessW" | "WinExec"),
        _ => false,
    };
    starts.then_some(SinkKind::Process)
}

fn network(callee: &str) -> Option<SinkKind> {
    if matches!(
        callee,
        "socket.gethostbyname"
            | "socket.gethostbyname_ex"
            | "socket.getaddrinfo"
            | "socket.gethostbyaddr"
            | "dns.resolver.resolve"
            | "dns.resolver.query"
            | "dns.resolver.Resolver().resolve"
            | "dns.resolver.Resolver().query"
    ) {
        return Some(SinkKind::DnsName);
    }
    let (owner, name) = callee.rsplit_once('.')?;
    let verb = matches!(
        name,
        "get" | "post" | "put" | "patch" | "delete" | "head" | "options" | "request" | "stream" | "send"
    );
    let sends = match owner {
        "requests"
        | "requests.api"
        | "niquests"
        | "grequests"
        | "requests_html.HTMLSession()"
        | "requests_futures.sessions.FuturesSession()"
        | "requests_toolbelt.sessions.BaseUrlSession()"
        | "tls_client.Session()"
        | "curl_cffi.requests.Session()"
        | "curl_cffi.requests.AsyncSession()"
        | "aiohttp.client.ClientSession()"
        | "pip._vendor.requests"
        | "botocore.vendored.requests"
        | "httpx"
        | "requests.Session()"
        | "requests.session()"
        | "requests.sessions.Session()"
        | "httpx.Client()"
        | "httpx.AsyncClient()"
        | "aiohttp.ClientSession()"
        | "cloudscraper.create_scraper()"
        | "curl_cffi.requests" => verb,
        "aiohttp" => name == "request",
        "urllib.request" => matches!(name, "urlopen" | "urlretrieve" | "URLopener" | "Request"),
        // Names that no version of Python has are there all the same, and meant.
        _ if owner.starts_with("urllib") && matches!(name, "urlopen" | "urlretrieve") => true,
        "urllib2" => name == "Request",
        "urllib.request.build_opener()" | "urllib2.build_opener()" => name == "open",
        "urllib3" => name == "request",
        "urllib3.PoolManager()" => matches!(name, "request" | "urlopen" | "request_encode_body"),
        "http.client.HTTPConnection()"
        | "http.client.HTTPSConnection()"
        | "httplib.HTTPSConnection()"
        | "httplib.HTTPConnection()" => matches!(name, "request" | "send" | "putrequest"),
        "socket.socket()"
        | "socket.create_connection()"
        | "ssl.wrap_socket()"
        | "ssl.create_default_context().wrap_socket()" => {
            matches!(name, "connect" | "connect_ex" | "send" | "sendall" | "sendto")
        }
        "socket" => name == "create_connection",
        "smtplib.SMTP()" | "smtplib.SMTP_SSL()" => matches!(name, "sendmail" | "send_message"),
        "yagmail.SMTP()" => name == "send",
        "ftplib.FTP()" | "ftplib.FTP_TLS()" => name.starts_with("stor"),
        "paramiko.SSHClient().open_sftp()"
        | "paramiko.SFTPClient.from_transport()"
        | "pysftp.Connection()" => name.starts_with("put"),
        "httplib2.Http()" => name == "request",
        "pycurl.Curl()" => name == "perform",
        "asyncio" => name == "open_connection",
        "asyncio.StreamWriter()" => matches!(name, "write" | "writelines"),
        "xmlrpc.client" | "xmlrpclib" => name == "ServerProxy",
        "git.Repo" => name == "clone_from",
        "git.Git()" => name == "clone",
        "gdown" => name == "download",
        "socketio.Client()" | "socketio.AsyncClient()" => matches!(name, "connect" | "emit" | "send"),
        "dropbox.Dropbox()" | "dropbox.dropbox.Dropbox()" => name.starts_with("files_upload"),
        "websockets" | "websocket" => matches!(name, "connect" | "create_connection"),
        "websocket.WebSocket()" | "websocket.create_connection()" => name == "send",
        "paramiko.SSHClient()" => name == "connect",
        "webbrowser" => name.starts_with("open"),
        "wget" => name == "download",
        "discord_webhook.DiscordWebhook()" | "discord_webhook.AsyncDiscordWebhook()" => {
            matches!(name, "execute" | "add_file" | "add_embed")
        }
        "dhooks.Webhook()" | "dhooks_lite.Webhook()" | "dhook.Webhook()" => {
            matches!(name, "send" | "execute" | "modify")
        }
        _ if is_webhook(owner) => matches!(name, "send" | "execute"),
        "telegram.Bot()"
        | "telebot.TeleBot()"
        | "telebot.async_telebot.AsyncTeleBot()"
        | "aiogram.Bot()"
        | "pyrogram.Client()"
        | "telethon.TelegramClient()"
        | "telethon.sync.TelegramClient()" => name.starts_with("send_"),
        "slack_sdk.WebClient()" | "slack.WebClient()" => {
            matches!(name, "chat_postMessage" | "files_upload" | "files_upload_v2")
        }
        "slack_sdk.webhook.WebhookClient()" | "pymsteams.connectorcard()" => name.starts_with("send"),
        "boto3.client()" => matches!(name, "put_object" | "upload_file" | "upload_fileobj"),
        _ => false,
    };
    sends.then_some(SinkKind::NetworkSend)
}

/// Whether something is made from the address of a webhook of Discord, by whichever of its libraries.
fn is_webhook(owner: &str) -> bool {
    let Some(made) = owner.strip_suffix("()") else {
        return false;
    };
    let maker = made
        .strip_suffix(".from_url")
        .or_else(|| made.strip_suffix(".partial"));
    maker.is_some_and(|m| m.ends_with("Webhook"))
}

fn native(callee: &str) -> Option<SinkKind> {
    let name = callee.rsplit('.').next()?;
    let memory = matches!(
        name,
        "VirtualAlloc"
            | "VirtualAllocEx"
            | "VirtualProtect"
            | "VirtualProtectEx"
            | "RtlMoveMemory"
            | "memmove"
            | "WriteProcessMemory"
            | "CreateRemoteThread"
            | "CreateThread"
            | "NtWriteVirtualMemory"
            | "NtCreateThreadEx"
            | "QueueUserAPC"
            | "HeapCreate"
            | "mprotect"
            | "memfd_create"
            | "EnumSystemLocalesA"
    );
    if memory && (callee.starts_with("ctypes.") || callee.starts_with("win32") || callee == "os.memfd_create")
    {
        return Some(SinkKind::NativeMemory);
    }
    matches!(
        callee,
        "ctypes.CDLL"
            | "ctypes.PyDLL"
            | "ctypes.WinDLL"
            | "ctypes.OleDLL"
            | "ctypes.cdll.LoadLibrary"
            | "ctypes.windll.LoadLibrary"
            | "ctypes.pydll.LoadLibrary"
            | "_ctypes.dlopen"
            | "cffi.FFI().dlopen"
    )
    .then_some(SinkKind::NativeLoad)
}

fn other(callee: &str) -> Option<SinkKind> {
    if matches!(
        callee,
        "winreg.SetValueEx"
            | "winreg.SetValue"
            | "_winreg.SetValueEx"
            | "winreg.CreateKeyEx"
            | "crontab.CronTab().write"
            | "win32com.client.Dispatch().CreateShortCut"
            | "win32com.client.Dispatch().CreateShortcut"
            | "winshell.CreateShortcut"
    ) {
        return Some(SinkKind::Persistence);
    }
    matches!(
        callee,
        "pickle.loads"
            | "pickle.load"
            | "_pickle.loads"
            | "_pickle.load"
            | "cPickle.loads"
            | "cPickle.load"
            | "pickle.Unpickler"
            | "dill.loads"
            | "dill.load"
            | "cloudpickle.loads"
            | "cloudpickle.load"
            | "marshal.loads"
            | "marshal.load"
            | "shelve.open"
            | "joblib.load"
            | "jsonpickle.decode"
            | "yaml.unsafe_load"
    )
    .then_some(SinkKind::Deserialize)
}
