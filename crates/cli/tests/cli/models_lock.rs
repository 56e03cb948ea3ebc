//! The lock of models: made of what the code loads, from a hub or from a cache, and compared with what is on disk.

use super::{Project, Ran, ran, remote};
use std::path::Path;

const CODE: &str = "import sys, torch\nfrom transformers import AutoModel\nfrom datasets import load_dataset\n\
    from huggingface_hub import snapshot_download\nNAME = \"acme/tiny-safe\"\nAutoModel.from_pretrained(NAME)\n\
    AutoModel.from_pretrained(NAME, revision=\"v1\")\nload_dataset(\"acme/tiny-data\")\ntorch.load(\"w/m.pt\")\n\
    torch.load(sys.argv[1])\n";

fn with_hub(project: &Project, url: &str, args: &[&str]) -> Ran {
    let mut command = project.command(args);
    let output = command.env("HF_ENDPOINT", url).output().unwrap();
    ran(output, project.path())
}

fn read(project: &Project, path: &str) -> String {
    std::fs::read_to_string(project.path().join(path)).unwrap()
}

/// A repository in the layout of the hub's own cache; files are links into `blobs`, as the client makes them.
fn cached(cache: &Path, repository: &str, commit: &str, files: &[(&str, &str)]) {
    let home = cache.join(repository);
    std::fs::create_dir_all(home.join("blobs")).unwrap();
    std::fs::create_dir_all(home.join("refs")).unwrap();
    std::fs::write(home.join("refs/main"), commit).unwrap();
    for (i, (path, text)) in files.iter().enumerate() {
        let blob = home.join(format!("blobs/{commit}{i}"));
        std::fs::write(&blob, text).unwrap();
        let link = home.join("snapshots").join(commit).join(path);
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(&blob, &link).unwrap();
        #[cfg(not(unix))]
        std::fs::copy(&blob, &link).unwrap();
    }
}

#[test]
fn a_hub_says_which_bytes_the_code_loads() {
    for storage in ["plain", "cdn", "xet"] {
        let Some(hub) = remote::hub(&["--storage", storage]) else {
            return;
        };
        let project = Project::new(&[("train.py", CODE), ("w/m.pt", "weights"), (".gitignore", "w/\n")]);
        let ran = with_hub(&project, &hub.url, &["lock"]);
        assert_eq!(ran.code, 0, "{storage}: {}{}", ran.out, ran.err);
        let lock = read(&project, "models.lock");
        for held in [
            "name = \"acme/tiny-safe\"\nrevision = \"deff2d3ea5261e4716874b3b966839909b016a9e\"\nrequested = [\"main\"]",
            "requested = [\"v1\"]",
            "[[dataset]]\nname = \"acme/tiny-data\"",
            "{ path = \"model.safetensors\", size = 16496, sha256 = \"1bf1a46c5a5edaaf87563a6f4d18367d49022cb854c7fe481b942d728a97dd7e\" },",
            "{ path = \"config.json\", size = 66, sha256 = \"099bbea039f046b9ca205f407eaaf25064fafc50d2111077e0d03311de81f17a\" },",
            "[[file]]\npath = \"w/m.pt\"\nsize = 7\n",
            "[[unresolved]]\nplace = \"train.py:10\"\nby = \"torch.load\"\nwhy = \"the name is only known at run time\"",
        ] {
            assert!(lock.contains(held), "{storage}: {held}\n{lock}");
        }
        assert!(
            ran.out
                .contains("1 load is not covered by the lock:\n  train.py:10: torch.load"),
            "{}",
            ran.out
        );
        // The same question gives the same bytes, and asks nobody when nothing is new.
        let offline = project.run(&["lock", "--offline"]);
        assert_eq!(
            (offline.code, read(&project, "models.lock")),
            (0, lock),
            "{}",
            offline.err
        );
        assert_eq!(project.run(&["lock", "--check"]).code, 0);
        assert_eq!(project.run(&["lock", "--check", "--strict"]).code, 3);
    }
}

#[test]
fn a_pinned_revision_stays_until_it_is_upgraded() {
    let Some(hub) = remote::hub(&[]) else { return };
    let project = Project::new(&[(
        "a.py",
        "from transformers import AutoModel\nAutoModel.from_pretrained('acme/tiny-safe')\n",
    )]);
    assert_eq!(with_hub(&project, &hub.url, &["lock"]).code, 0);
    let new = read(&project, "models.lock");
    // As if the lock had been made when `main` was the older commit, with a key of a later version.
    let old = new.replace(
        "deff2d3ea5261e4716874b3b966839909b016a9e",
        "dd839cf346439d8a088a6d206be65f73c3f06b9c",
    ) + "signers = [{ identity = \"a@acme.example\" }]\n";
    project.write("models.lock", old.as_bytes());
    assert_eq!(with_hub(&project, &hub.url, &["lock"]).code, 0);
    assert_eq!(read(&project, "models.lock"), old);
    assert_eq!(
        with_hub(&project, &hub.url, &["lock", "--check", "--upgrade"]).code,
        1
    );
    assert_eq!(read(&project, "models.lock"), old);
    assert_eq!(with_hub(&project, &hub.url, &["lock", "--upgrade"]).code, 0);
    assert_eq!(read(&project, "models.lock"), new);
}

#[test]
fn a_name_that_cannot_be_locked_is_said_and_fails() {
    let code = "from transformers import AutoModel\nAutoModel.from_pretrained('acme/none')\n";
    let project = Project::new(&[("a.py", code)]);
    let ran = project.run(&["lock", "--offline"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert_eq!(
        ran.err,
        "error: not locked: `acme/none`: the cache on this machine has no `main`\n"
    );
    assert!(read(&project, "models.lock").contains("name = \"acme/none\"\nwhy = "));
    assert_eq!(project.run(&["lock", "--check"]).code, 1);
    let Some(hub) = remote::hub(&[]) else { return };
    let ran = with_hub(&project, &hub.url, &["lock"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err
            .contains("not locked: `acme/none`: the hub has no `acme/none`"),
        "{}",
        ran.err
    );
}

const COMMIT: &str = "5d0f2e8a7f1a2e0b9c1c3e4b5a6978877665544a";
const REPOSITORY: &str = "hub/models--acme--bert";

/// A project whose one model lies in a cache, and its lock.
fn locked() -> Project {
    let code = "from transformers import AutoModel\nAutoModel.from_pretrained('acme/bert')\n";
    let project = Project::new(&[("a.py", code), (".gitignore", "hub/\nm/\n")]);
    let files = [("config.json", "{}"), ("model.safetensors", "weights")];
    cached(&project.path().join("hub"), "models--acme--bert", COMMIT, &files);
    let ran = project.run(&["lock", "--offline", "--cache", "hub"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(
        ran.err.contains("is taken from the cache on this machine"),
        "{}",
        ran.err
    );
    assert!(read(&project, "models.lock").contains("listed-by = \"cache\""));
    project
}

/// What a verification says of each file: `state: path`.
fn verified(project: &Project, args: &[&str]) -> (i32, Vec<String>) {
    let mut all = vec![
        "verify",
        "--format",
        "json",
        "--cache",
        "hub",
        "--lock",
        "models.lock",
    ];
    all.extend(args);
    let ran = project.run(&all);
    let report: serde_json::Value =
        serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}{}", ran.out, ran.err));
    let rows = report["checked"].as_array().unwrap().iter();
    let said = rows.flat_map(|row| row["problems"].as_array().unwrap()).map(|p| {
        let path = p["path"].as_str().unwrap();
        format!("{}: {path}", p["state"].as_str().unwrap())
    });
    (ran.code, said.collect())
}

#[test]
fn a_cache_is_compared_byte_by_byte() {
    let snapshot = format!("{REPOSITORY}/snapshots/{COMMIT}");
    let project = locked();
    assert_eq!(verified(&project, &[]), (0, vec![]));
    for path in ["hub", REPOSITORY, &snapshot, "."] {
        assert_eq!(verified(&project, &[path]), (0, vec![]), "{path}");
    }

    let project = locked();
    project.write(&format!("{REPOSITORY}/blobs/{COMMIT}1"), b"WEIGHTS");
    assert_eq!(
        verified(&project, &[]),
        (1, vec!["changed: model.safetensors".to_owned()])
    );
    assert_eq!(verified(&project, &[&snapshot]).0, 1);

    let project = locked();
    project.write(&format!("{snapshot}/modeling.py"), b"import os\n");
    assert_eq!(
        verified(&project, &[]),
        (1, vec!["extra: modeling.py".to_owned()])
    );

    let project = locked();
    std::fs::write(project.path().join(REPOSITORY).join("refs/main"), "6".repeat(40)).unwrap();
    assert_eq!(verified(&project, &[]), (1, vec!["other-revision: ".to_owned()]));

    let project = locked();
    let other = project.path().join(REPOSITORY).join("snapshots");
    std::fs::rename(other.join(COMMIT), other.join("6".repeat(40))).unwrap();
    assert_eq!(verified(&project, &[]).0, 1);
    let moved = format!("{REPOSITORY}/snapshots/{}", "6".repeat(40));
    assert_eq!(
        verified(&project, &[&moved]),
        (1, vec!["other-revision: ".to_owned()])
    );

    let project = locked();
    std::fs::remove_dir_all(project.path().join("hub")).unwrap();
    assert_eq!(verified(&project, &[]), (1, vec!["unknown: ".to_owned()]));
}

#[cfg(unix)]
#[test]
fn a_link_that_leaves_the_cache_is_not_followed() {
    let project = locked();
    let link = project
        .path()
        .join(format!("{REPOSITORY}/snapshots/{COMMIT}/config.json"));
    project.write("elsewhere.json", b"{}");
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(project.path().join("elsewhere.json"), &link).unwrap();
    assert_eq!(
        verified(&project, &[]),
        (1, vec!["unreadable: config.json".to_owned()])
    );
}

#[test]
fn a_folder_that_a_model_was_downloaded_into_is_compared_too() {
    let project = locked();
    let put = |name: &str, text: &str| project.write(&format!("m/{name}"), text.as_bytes());
    put("config.json", "{}");
    put(
        ".cache/huggingface/download/config.json.metadata",
        &format!("{COMMIT}\netag\n0\n"),
    );
    let missing = vec!["missing: model.safetensors".to_owned()];
    assert_eq!(verified(&project, &["m"]), (1, missing));
    assert_eq!(verified(&project, &["m", "--partial"]), (0, vec![]));
    put("model.safetensors", "weights");
    assert_eq!(verified(&project, &["m"]), (0, vec![]));
    assert_eq!(verified(&project, &["acme/bert=m"]), (0, vec![]));
    assert_eq!(verified(&project, &["m/model.safetensors"]), (0, vec![]));
    assert_eq!(
        verified(&project, &["acme/other=m"]),
        (1, vec!["unknown: ".to_owned()])
    );
    put(
        ".cache/huggingface/download/config.json.metadata",
        &"6".repeat(40),
    );
    assert_eq!(
        verified(&project, &["m"]),
        (1, vec!["other-revision: ".to_owned()])
    );
    put(".cache/huggingface/payload.py", "");
    assert_eq!(verified(&project, &["m"]).0, 1);
    put("model.safetensors", "other");
    assert_eq!(
        verified(&project, &["m/model.safetensors"]),
        (1, vec!["changed: model.safetensors".to_owned()])
    );
}

#[test]
fn local_files_are_compared_and_a_verification_needs_a_lock() {
    let project = Project::new(&[
        ("a.py", "import torch\ntorch.load('w/m.pt')\n"),
        ("w/m.pt", "weights"),
    ]);
    assert_eq!(project.run(&["lock", "--offline"]).code, 0);
    assert_eq!(verified(&project, &[]), (0, vec![]));
    assert_eq!(verified(&project, &["w"]), (0, vec![]));
    assert_eq!(project.run(&["lock", "--check"]).code, 0);
    project.write("w/m.pt", b"WEIGHTS");
    assert_eq!(verified(&project, &[]), (1, vec!["changed: w/m.pt".to_owned()]));
    assert_eq!(
        verified(&project, &["w/m.pt"]),
        (1, vec!["changed: m.pt".to_owned()])
    );
    assert_eq!(project.run(&["lock", "--check"]).code, 1);

    let ran = project.run(&["verify"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.starts_with("error: there is nothing to verify against\n"),
        "{}",
        ran.err
    );
    let ran = project.run(&["verify", "--lock", "none.lock"]);
    assert_eq!(
        (ran.code, ran.err.lines().next()),
        (2, Some("error: there is no lock `none.lock`"))
    );
    project.write("models.lock", b"version = 1\n[[model]]\nname = 1\n");
    let ran = project.run(&["verify", "--lock"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("proves nothing: `name` is no text"),
        "{}",
        ran.err
    );
}

#[test]
fn an_audit_compares_loads_with_the_lock() {
    let project = locked();
    let told = |project: &Project| {
        let report = project.json(&[]);
        let findings = report["findings"].as_array().unwrap().clone();
        let mut said: Vec<String> = findings
            .iter()
            .filter(|f| f["rule"] == "unlocked-model")
            .map(|f| f["message"].as_str().unwrap().to_owned())
            .collect();
        said.sort();
        let note = findings.iter().any(|f| f["properties"]["locked"] == COMMIT);
        (said, note)
    };
    assert_eq!(told(&project), (vec![], true));
    project.write(
        "b.py",
        b"from transformers import AutoModel\nAutoModel.from_pretrained('acme/new')\n\
          AutoModel.from_pretrained('acme/bert', revision='v2')\n",
    );
    let expected = [
        "the model `acme/bert` is loaded at `v2`, and `models.lock` holds it only at another revision",
        "the model `acme/new` is loaded, and `models.lock` does not hold it",
    ];
    assert_eq!(told(&project), (expected.map(str::to_owned).to_vec(), true));
    project.write("models.lock", b"version = 2\n");
    let (said, _) = told(&project);
    let expected = "the lock of models proves nothing, since it cannot be read: version 2 of the format, and this program reads 1";
    assert_eq!(said, [expected]);
}

#[test]
fn recipes_and_the_programs_in_them_load_too() {
    let Some(hub) = remote::hub(&[]) else { return };
    let project = Project::new(&[
        (
            "Dockerfile",
            "FROM python:3.11\nRUN apt-get update && hf download evil/backdoor\n\
             RUN python -c \"from huggingface_hub import snapshot_download as s; s('acme/tiny-pickle')\"\n",
        ),
        (
            "a.py",
            "import torch\nfrom huggingface_hub import hf_hub_download\n\
             hf_hub_download(repo_id='acme/tiny-data', filename='none.csv', repo_type='dataset')\n\
             hf_hub_download('acme/room', 'app.py', repo_type='space')\n\
             torch.hub.load_state_dict_from_url('https://files.example/x.pth')\n",
        ),
    ]);
    let ran = with_hub(&project, &hub.url, &["lock"]);
    let lock = read(&project, "models.lock");
    for held in [
        "[[model]]\nname = \"evil/backdoor\"\n",
        "[[model]]\nname = \"acme/tiny-pickle\"\n",
        "[[dataset]]\nname = \"acme/tiny-data\"\n",
        "loaded-by = [\"Dockerfile\"]",
        "name = \"acme/room\"\nwhy = \"a space of the hub, and the lock holds models and data sets\"",
        "name = \"https://files.example/x.pth\"\nwhy = \"the library fetches it from a place of its own\"",
    ] {
        assert!(lock.contains(held), "{held}\n{lock}\n{}", ran.err);
    }
    assert_eq!(
        ran.err
            .lines()
            .filter(|l| l.starts_with("error"))
            .collect::<Vec<_>>(),
        ["error: not locked: `acme/tiny-data@ee17560c8b77` has no file `none.csv`, which `a.py:3` loads"]
    );
}

#[test]
fn what_the_client_keeps_beside_its_download_is_no_extra_file() {
    let commit = "d".repeat(40);
    let cache = tempfile::tempdir().unwrap();
    cached(cache.path(), "models--acme--m", &commit, &[("config.json", "{}")]);
    let code = "from transformers import AutoModel\nAutoModel.from_pretrained('acme/m')\n";
    let project = Project::new(&[("a.py", code), ("dl/config.json", "{}")]);
    let cache = cache.path().to_str().unwrap();
    let ran = project.run(&["lock", "--offline", "--cache", cache]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let tree = format!("dl/.cache/huggingface/trees/{commit}.json");
    project.write(&tree, b"{}");
    project.write("dl/.cache/huggingface/download/config.json.lock", b"");
    assert_eq!(
        project.run(&["verify", "--lock=models.lock", "acme/m=dl"]).code,
        0
    );
    project.write("dl/.cache/huggingface/trees/evil.json", b"{}");
    project.write("dl/.cache/huggingface/trees/x.py", b"1");
    let ran = project.run(&["verify", "--lock=models.lock", "acme/m=dl"]);
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.out.matches("the lock does not hold it").count(),
        2,
        "{}",
        ran.out
    );
}
