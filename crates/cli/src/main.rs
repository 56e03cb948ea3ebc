//! The `wellhead` program.

fn main() -> std::process::ExitCode {
    wellhead::run(std::env::args_os())
}
