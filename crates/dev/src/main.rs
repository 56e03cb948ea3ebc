//! `cargo run -p wellhead-dev -- examples|docs|schemas|fuzz|all [--check]`: writes what is derived, or says what is stale.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool of the repository, not the product: it prints what it did"
)]

use anyhow::{Result, bail};
use std::{path::Path, process::ExitCode};
use wellhead_dev::{
    corpus, fit,
    generated::{self, Kind},
    regions, seeds,
};

const USAGE: &str = "\
usage: wellhead-dev examples|docs|schemas|fuzz|all [--check]
       wellhead-dev seeds FOLDER
       wellhead-dev corpus FOLDER
       wellhead-dev fit FEATURES

  examples   the model files of examples/
  docs       docs/reference/ and the outputs that pages show
  schemas    docs/schema/
  fuzz       fuzz/Cargo.toml, from the files in fuzz/fuzz_targets/
  seeds      first inputs for fuzzing, a folder per target below FOLDER
  corpus     the cases of the comparison with other tools, below FOLDER
  fit        weights for the verdict on packages, from what `benches/packages.py --features` wrote
  --check    write nothing; exit 1 and name what is stale";

fn main() -> ExitCode {
    // Pages show what the program prints. It is linked in, so that there is nothing to be built and found first.
    if std::env::args().nth(1).as_deref() == Some(regions::AS_WELLHEAD) {
        let args = std::env::args_os().skip(2);
        return wellhead::run(std::iter::once("wellhead".into()).chain(args));
    }
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitCode> {
    let mut check = false;
    let mut what = None;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--check" => check = true,
            "-h" | "--help" => {
                println!("{USAGE}");
                return Ok(ExitCode::SUCCESS);
            }
            "seeds" => {
                let Some(folder) = args.next() else {
                    bail!("where to?\n{USAGE}");
                };
                let count = seeds::write(&generated::root(), Path::new(&folder))?;
                println!("{count} seeds in {folder}");
                return Ok(ExitCode::SUCCESS);
            }
            "corpus" => {
                let Some(folder) = args.next() else {
                    bail!("where to?\n{USAGE}");
                };
                let count = corpus::write(&generated::root(), Path::new(&folder))?;
                println!("{count} cases in {folder}");
                return Ok(ExitCode::SUCCESS);
            }
            "fit" => {
                let Some(file) = args.next() else {
                    bail!("from what?\n{USAGE}");
                };
                print!("{}", fit::of_file(Path::new(&file))?);
                return Ok(ExitCode::SUCCESS);
            }
            _ if what.is_none() && !arg.starts_with('-') => what = Some(arg),
            _ => bail!("unknown argument `{arg}`\n{USAGE}"),
        }
    }
    let kinds: Vec<Kind> = match what.as_deref() {
        Some("all") => Kind::ALL.to_vec(),
        Some(name) => match Kind::ALL.iter().find(|k| k.name() == name) {
            Some(kind) => vec![*kind],
            None => bail!("unknown kind `{name}`\n{USAGE}"),
        },
        None => bail!("what is to be made?\n{USAGE}"),
    };
    let root = generated::root();
    let program = std::env::current_exe()?;
    let mut stale = 0_usize;
    for kind in kinds {
        for change in generated::changes(&root, &program, kind)? {
            stale += 1;
            println!("{} {}", if check { "stale:" } else { "wrote" }, change.path);
            if !check {
                change.apply(&root)?;
            }
        }
    }
    if check && stale > 0 {
        eprintln!("hint: `cargo run -p wellhead-dev -- all` writes them");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
