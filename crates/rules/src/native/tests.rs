use super::*;
use crate::{
    Subject,
    testing::{findings, told},
};
use wellhead_core::{Blob, Budget, Depth};
use wellhead_formats::{assemble::assemble, native};

fn judged(listing: &str) -> String {
    let blob = Blob::from_bytes(assemble("elf", listing).unwrap());
    let (native, _) = native::read(&blob, Depth::Headers, &mut Budget::default());
    told(&findings("a.so", Subject::Native(&native.unwrap())))
}

#[test]
fn a_library_may_import_what_it_does_not_run_at_once() {
    for (listing, expected) in [
        ("constructor\n  call execve\n", "native-code-at-load high"),
        ("module m\n  deep connect\n", "native-code-at-load high"),
        (
            "module m\n  call PyRun_SimpleString\n",
            "native-code-at-load medium",
        ),
        // The same function from two starts is one thing to look at, two abilities are two.
        (
            "constructor\n  call system\nmodule m\n  call execve\n",
            "native-code-at-load high",
        ),
        ("constructor\n  call malloc\nmodule m\n  call dlopen\n", ""),
        (
            "import execve\nimport connect\nconstructor\nmodule m\n  call socket\n",
            "",
        ),
    ] {
        assert_eq!(judged(listing), expected, "{listing}");
    }
}

fn source(names: &[&str], whole: bool) -> Arc<SourceNames> {
    Arc::new(SourceNames {
        artifact: ArtifactPath::parse("w.whl!/a.py"),
        names: names.iter().map(|n| (*n).to_owned()).collect(),
        whole,
    })
}

fn compiled(names: &[&str], unchecked: bool, source: Option<Arc<SourceNames>>) -> Carriers {
    Carriers {
        compiled: vec![Compiled {
            artifact: ArtifactPath::parse("w.whl!/__pycache__/a.cpython-311.pyc"),
            source,
            importable: false,
            unchecked,
            python: Some((3, 11)),
            names: names.iter().map(|n| (*n).to_owned()).collect(),
            calls: Vec::new(),
        }],
        ..Carriers::default()
    }
}

#[test]
fn compiled_code_uses_the_names_of_its_source() {
    let rule = "bytecode-not-of-source";
    for (names, of_source, unchecked, expected) in [
        (
            &["print", "os.path"][..],
            &["print", "os", "path"][..],
            true,
            String::new(),
        ),
        // Names of the compiler's own, and those of two low lines in a class.
        (
            &["__module__", "_Model__weights"],
            &["Model", "__weights"],
            true,
            String::new(),
        ),
        (&["print", "exec"], &["print"], true, format!("{rule} critical")),
        (&["print", "exec"], &["print"], false, format!("{rule} high")),
        (&["subprocess.run"], &["run"], false, format!("{rule} high")),
        (&["old_name"], &["new_name"], false, format!("{rule} medium")),
    ] {
        let carriers = compiled(names, unchecked, Some(source(of_source, true)));
        assert_eq!(
            told(&findings("w.whl", Subject::Carriers(&carriers))),
            expected,
            "{names:?}"
        );
    }
    // What was not wholly read accuses nobody.
    let carriers = compiled(&["exec"], true, Some(source(&[], false)));
    assert_eq!(told(&findings("w.whl", Subject::Carriers(&carriers))), "");
}

fn wheel(tag: &str, natives: Vec<CarriedNative>) -> Carriers {
    Carriers {
        wheel: Some(WheelTags {
            artifact: ArtifactPath::parse("w.whl!/w.dist-info/WHEEL"),
            pure: true,
            tags: vec![tag.to_owned()],
        }),
        natives,
        ..Carriers::default()
    }
}

fn carried(system: System, form: Form, abilities: &[Ability]) -> CarriedNative {
    CarriedNative {
        artifact: ArtifactPath::parse("w.whl!/w/x"),
        system,
        form,
        is_general: true,
        is_module: false,
        abilities: abilities.iter().map(|a| (*a, "f".to_owned())).collect(),
    }
}

#[test]
fn a_wheel_holds_native_code_of_its_platform_only() {
    let rule = "unexpected-native-code";
    let library = || carried(System::Linux, Form::Library, &[]);
    // Launchers that pip and setuptools copy beside scripts.
    let launcher = || carried(System::Windows, Form::Program, &[Ability::Process]);
    let program = || carried(System::Windows, Form::Program, &[Ability::Network]);
    let kernels = || CarriedNative {
        is_general: false,
        ..library()
    };
    let linux = "py3-none-manylinux_2_28_x86_64";
    for (tag, natives, expected) in [
        ("py3-none-any", vec![library()], format!("{rule} medium")),
        ("py3-none-any", vec![launcher()], String::new()),
        ("py3-none-any", vec![program()], format!("{rule} medium")),
        (linux, vec![library(), launcher()], String::new()),
        (linux, vec![program()], format!("{rule} medium")),
        ("py3-none-win_amd64", vec![kernels()], String::new()),
        (
            "py3-none-emscripten_3_1_46_wasm32",
            vec![library()],
            String::new(),
        ),
    ] {
        let carriers = wheel(tag, natives);
        assert_eq!(
            told(&findings("w.whl", Subject::Carriers(&carriers))),
            expected,
            "{tag}"
        );
    }
    // Selenium brings its manager for three systems in one wheel.
    let several = wheel(
        "py3-none-any",
        vec![program(), carried(System::MacOs, Form::Program, &[])],
    );
    let found = findings("w.whl", Subject::Carriers(&several));
    assert!(
        found.iter().all(|f| f.severity == wellhead_core::Severity::Low),
        "{}",
        told(&found)
    );
}

#[test]
fn a_source_distribution_holds_nothing_that_was_built() {
    let at = |path: &str, is_module| Carriers {
        is_source: true,
        natives: vec![CarriedNative {
            artifact: ArtifactPath::parse(path),
            is_module,
            ..carried(System::Linux, Form::Library, &[])
        }],
        ..Carriers::default()
    };
    for (path, is_module, expected) in [
        ("p.tar!/p-1/p/_fast.so", true, "unexpected-native-code medium"),
        ("p.tar!/p-1/p/libfast.so", false, "unexpected-native-code low"),
        ("p.tar!/p-1/tests/elf.so", true, ""),
    ] {
        let found = findings("p.tar", Subject::Carriers(&at(path, is_module)));
        assert_eq!(told(&found), expected, "{path}");
    }
}

#[test]
fn what_lies_behind_a_picture_matters_more_where_code_reads_it() {
    use wellhead_formats::{format::table, media::TailKind};
    let rule = "code-behind-media";
    for (kind, named, expected) in [
        (TailKind::Text, true, format!("{rule} high")),
        (TailKind::Dense, true, format!("{rule} high")),
        (TailKind::File(&table::ELF), false, format!("{rule} medium")),
        (TailKind::Text, false, format!("{rule} low")),
        // What tools that crop pictures leave behind.
        (TailKind::Dense, false, String::new()),
    ] {
        let carriers = Carriers {
            media: vec![CarriedMedia {
                artifact: ArtifactPath::parse("w.whl!/w/a.png"),
                tail: Tail {
                    offset: 100,
                    length: 500,
                    kind,
                },
                named_in: named.then(|| ArtifactPath::parse("w.whl!/w/a.py")),
            }],
            ..Carriers::default()
        };
        assert_eq!(
            told(&findings("w.whl", Subject::Carriers(&carriers))),
            expected,
            "{kind:?}"
        );
    }
}

#[test]
fn a_script_that_can_be_read_is_no_payload() {
    let rule = "started-script";
    for (is_obfuscated, secrets, expected) in [
        (false, vec![], format!("{rule} low")),
        (false, vec![".npmrc"], format!("{rule} low")),
        (true, vec![], format!("{rule} high")),
        (false, vec![".npmrc", ".aws/credentials"], format!("{rule} high")),
        (
            false,
            vec![".npmrc", "GITHUB_TOKEN", "NPM_TOKEN"],
            format!("{rule} high"),
        ),
        (
            false,
            vec![".npmrc", ".aws/credentials", ".ssh/id_"],
            format!("{rule} critical"),
        ),
    ] {
        let carriers = Carriers {
            scripts: vec![CarriedScript {
                artifact: ArtifactPath::parse("w.whl!/w/a.js"),
                size: 1 << 20,
                is_obfuscated,
                secrets,
                speaks: true,
                named_in: ArtifactPath::parse("w.whl!/w/a.py"),
            }],
            ..Carriers::default()
        };
        assert_eq!(told(&findings("w.whl", Subject::Carriers(&carriers))), expected);
    }
}
