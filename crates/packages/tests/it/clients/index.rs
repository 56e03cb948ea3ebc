//! Two package indexes on loopback: one of a company, and one that stands for the public one, with higher versions of the
//! company's names planted in it.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

/// Writes wheels and pages; prints `index name digest` for each wheel.
const MAKE: &str = r#"
import base64, hashlib, os, sys, zipfile
root = sys.argv[1]
def wheel(index, name, version, build=""):
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    files = {
        f"{module}/__init__.py": f"SOURCE = '{index}'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n" + (f"Build: {build}\n" if build else "") + "Tag: py3-none-any\n",
    }
    digest = lambda text: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    rows = "".join(f"{path},sha256={digest(text)},{len(text)}\n" for path, text in files.items())
    files[f"{info}/RECORD"] = rows + f"{info}/RECORD,,\n"
    folder = os.path.join(root, index, "files")
    os.makedirs(folder, exist_ok=True)
    file = f"{module}-{version}{'-' + build if build else ''}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, file), "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
    return file, hashlib.sha256(open(os.path.join(folder, file), "rb").read()).hexdigest()
def page(index, name, wheels):
    for kind, folder, up in (("simple", name, "../../"), ("links", "", "../")):
        folder = os.path.join(root, index, kind, folder)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "index.html"), "a") as out:
            for file, digest in wheels:
                out.write(f'<a href="{up}files/{file}#sha256={digest}">{file}</a>\n')
    for file, digest in wheels:
        print(index, name, digest)
page("internal", "acme-core", [wheel("internal", "acme-core", "1.0")])
page("internal", "acme-local", [wheel("internal", "acme-local", "1.0+acme")])
page("internal", "acme-util", [wheel("internal", "acme-util", "1.0")])
page("public", "acme-core", [wheel("public", "acme-core", v) for v in ("1.99", "99.0")] + [wheel("public", "acme-core", "1.0", "99")])
page("public", "acme-local", [wheel("public", "acme-local", v) for v in ("1.0", "99.0")])
"#;

/// A wheel of one of the indexes.
pub(super) struct Wheel {
    pub(super) public: bool,
    pub(super) name: String,
    pub(super) sha256: String,
}

/// Both indexes, served for as long as the process lives.
pub(super) struct Indexes {
    pub(super) address: String,
    pub(super) wheels: Vec<Wheel>,
}

impl Indexes {
    pub(super) fn serve(python: &Path, root: &Path) -> Self {
        let output = Command::new(python)
            .args(["-c", MAKE])
            .arg(root)
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let wheels: Vec<Wheel> = text
            .lines()
            .map(|line| {
                let mut words = line.split(' ');
                let public = words.next() == Some("public");
                let mut next = || words.next().unwrap().to_owned();
                Wheel {
                    public,
                    name: next(),
                    sha256: next(),
                }
            })
            .collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let root: Arc<Path> = root.into();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let root = Arc::clone(&root);
                std::thread::spawn(move || answer(stream, &root));
            }
        });
        Self { address, wheels }
    }
}

/// One request: a file, the page of a folder, or nothing. `/closed/` wants a password.
fn answer(mut stream: TcpStream, root: &Path) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut request = String::new();
    reader.read_line(&mut request).ok()?;
    let mut line = String::new();
    while reader.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    let mut words = request.split(' ');
    let (verb, path) = (words.next()?, words.next()?);
    let path = path
        .split(['?', '#'])
        .next()?
        .replace("%2B", "+")
        .replace("%2b", "+");
    let (status, kind, body) = if path.starts_with("/closed/") {
        ("401 Unauthorized", "text/plain", Vec::new())
    } else {
        match fs::read(file(root, &path)) {
            Ok(body) if path.ends_with(".whl") => ("200 OK", "application/octet-stream", body),
            Ok(body) => ("200 OK", "text/html", body),
            Err(_) => ("404 Not Found", "text/plain", Vec::new()),
        }
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .ok()?;
    if verb != "HEAD" {
        stream.write_all(&body).ok()?;
    }
    stream.flush().ok()
}

fn file(root: &Path, path: &str) -> PathBuf {
    let file = root.join(path.trim_matches('/'));
    if file.is_dir() {
        file.join("index.html")
    } else {
        file
    }
}
