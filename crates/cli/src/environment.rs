//! What the program asks of the machine it runs on, asked once and handed on.

#![expect(
    clippy::disallowed_methods,
    reason = "the one place where the environment is read"
)]

use crate::{args::NetworkFlags, failure::Failure, release::PipSettings};
use std::{
    io::IsTerminal as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use wellhead_sources::{Network, NetworkOptions, Secret, Surroundings};

/// The terminal, the clock and the folders.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    /// Whether standard output is a terminal.
    pub(crate) stdout_is_terminal: bool,
    /// Whether standard error is one.
    pub(crate) stderr_is_terminal: bool,
    /// `NO_COLOR` is set.
    no_color: bool,
    /// `FORCE_COLOR` or `CLICOLOR_FORCE` is set.
    force_color: bool,
    /// Whether the locale can show box drawing characters.
    pub(crate) unicode: bool,
    /// Columns, where they are known.
    pub(crate) columns: Option<usize>,
    /// Where advisories are kept.
    pub(crate) data: Option<PathBuf>,
    /// Where results are kept that can be had again.
    pub(crate) cache: Option<PathBuf>,
    /// Where the hub's client keeps what it downloaded.
    pub(crate) hub_cache: Option<PathBuf>,
    /// The current folder.
    pub(crate) current: PathBuf,
    /// The day of the run, `2026-11-23`.
    pub(crate) today: String,
    /// What is set for the network.
    network: NetworkOptions,
    /// What says which Python is meant, and what it runs.
    pub(crate) surroundings: Surroundings,
    /// Where pip takes packages from.
    pub(crate) pip: PipSettings,
    /// With what the gateway proves to an identity provider that it is its client.
    pub(crate) oidc_secret: Option<Secret>,
}

impl Environment {
    pub(crate) fn of_process() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty() && v != "0");
        let text = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        // POSIX: LC_ALL beats LC_CTYPE beats LANG; with none of them, assume a modern terminal.
        let locale = text("LC_ALL")
            .or_else(|| text("LC_CTYPE"))
            .or_else(|| text("LANG"));
        let unicode = locale.is_none_or(|l| l.to_lowercase().replace('-', "").contains("utf8"))
            && text("TERM").as_deref() != Some("linux");
        let seconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        Self {
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
            no_color: std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()),
            force_color: set("FORCE_COLOR") || set("CLICOLOR_FORCE"),
            unicode,
            columns: text("COLUMNS")
                .and_then(|c| c.parse().ok())
                .or_else(terminal_columns),
            data: data_folder(text),
            cache: cache_folder(text),
            hub_cache: hub_cache(text),
            current: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            today: day(seconds),
            network: network(text),
            surroundings: surroundings(text),
            pip: PipSettings::of(&text),
            oidc_secret: text("WELLHEAD_OIDC_SECRET").map(Secret),
        }
    }

    /// The network, as the environment and the flags have it.
    pub(crate) fn network(&self, flags: &NetworkFlags) -> Result<Arc<Network>, Failure> {
        let mut options = self.network.clone();
        options.offline = flags.offline;
        if let Some(endpoint) = &flags.endpoint {
            options.hub = Some(endpoint.clone());
            options.store = Some(endpoint.clone());
        }
        Network::new(options).map_err(|why| Failure::new(why).hint("check `SSL_CERT_FILE`"))
    }

    /// Whether to colour, by the flag, then the environment, then the terminal.
    pub(crate) fn colour(&self, when: crate::args::When) -> bool {
        match when {
            crate::args::When::Always => true,
            crate::args::When::Never => false,
            crate::args::When::Auto if self.no_color => false,
            crate::args::When::Auto => self.force_color || self.stdout_is_terminal,
        }
    }

    /// Columns to fill: the terminal's, 80 in a pipe.
    pub(crate) fn width(&self) -> usize {
        self.columns.filter(|_| self.stdout_is_terminal).unwrap_or(80)
    }
}

/// The variables that the usual clients of hubs and stores read.
fn network(text: impl Fn(&str) -> Option<String>) -> NetworkOptions {
    let first = |names: &[&str]| names.iter().find_map(|n| text(n));
    NetworkOptions {
        hub: text("HF_ENDPOINT"),
        token: first(&["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]).map(Secret),
        store: first(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]),
        region: first(&["AWS_REGION", "AWS_DEFAULT_REGION"]),
        keys: text("AWS_ACCESS_KEY_ID")
            .zip(text("AWS_SECRET_ACCESS_KEY"))
            .map(|(key, secret)| (key, Secret(secret), text("AWS_SESSION_TOKEN").map(Secret))),
        certificates: text("SSL_CERT_FILE").map(PathBuf::from),
        ..NetworkOptions::default()
    }
}

/// The variables that name an environment of Python, and those that change what Python runs.
fn surroundings(text: impl Fn(&str) -> Option<String>) -> Surroundings {
    let folder = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    let told = [
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "PYTHONHOME",
        "PYTHONUSERBASE",
        "PYTHONBREAKPOINT",
        "PYTHON_PRESITE",
        "PYTHONPLATLIBDIR",
    ];
    Surroundings {
        virtual_env: folder("VIRTUAL_ENV"),
        conda_prefix: folder("CONDA_PREFIX"),
        path: std::env::var_os("PATH"),
        pyenv_version: text("PYENV_VERSION"),
        variables: told
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), text(name)?)))
            .collect(),
        current: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
    }
}

fn terminal_columns() -> Option<usize> {
    let (terminal_size::Width(columns), _) = terminal_size::terminal_size()?;
    Some(usize::from(columns))
}

/// `$WELLHEAD_DATA_DIR`, else the platform's folder for data of applications.
fn data_folder(text: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let names = ["WELLHEAD_DATA_DIR", "XDG_DATA_HOME"];
    folder(text, names, "Library/Application Support", ".local/share")
}

/// `$WELLHEAD_CACHE_DIR`, else the platform's folder for what can be made again.
fn cache_folder(text: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let names = ["WELLHEAD_CACHE_DIR", "XDG_CACHE_HOME"];
    folder(text, names, "Library/Caches", ".cache")
}

/// A folder of ours: what our own variable says, else one below what the platform's does, else below the user's home.
fn folder(
    text: impl Fn(&str) -> Option<String>,
    [own, xdg]: [&str; 2],
    macos: &str,
    unix: &str,
) -> Option<PathBuf> {
    if let Some(own) = text(own) {
        return Some(own.into());
    }
    let home = || text("HOME").map(PathBuf::from);
    let base = if cfg!(windows) {
        text("LOCALAPPDATA").map(PathBuf::from)
    } else if let Some(xdg) = text(xdg).filter(|x| Path::new(x).is_absolute()) {
        Some(xdg.into())
    } else if cfg!(target_os = "macos") {
        home().map(|h| h.join(macos))
    } else {
        home().map(|h| h.join(unix))
    };
    base.map(|b| b.join("wellhead"))
}

/// As `huggingface_hub` finds it: the folder itself, else below its home, else below the user's cache.
fn hub_cache(text: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let own = text("HF_HUB_CACHE").or_else(|| text("HUGGINGFACE_HUB_CACHE"));
    if let Some(own) = own {
        return Some(own.into());
    }
    if let Some(home) = text("HF_HOME") {
        return Some(PathBuf::from(home).join("hub"));
    }
    let cache = text("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| {
        let home = text("HOME").or_else(|| text("USERPROFILE"))?;
        Some(PathBuf::from(home).join(".cache"))
    })?;
    Some(cache.join("huggingface/hub"))
}

/// The day of a time in seconds since 1970, in the proleptic Gregorian calendar (UTC).
fn day(seconds: u64) -> String {
    // Days are counted from 0000-03-01, so that the leap day is the last of its year: H. Hinnant, "chrono-Compatible
    // Low-Level Date Algorithms", civil_from_days.
    let days = seconds / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_795_392_000, "2026-11-23"),
            (4_107_542_399, "2100-02-28"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(day(seconds), expected);
        }
    }

    #[test]
    fn the_data_folder_follows_the_variables() {
        let with = |pairs: &'static [(&str, &str)]| {
            data_folder(move |name| {
                pairs
                    .iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, v)| (*v).to_owned())
            })
        };
        assert_eq!(
            with(&[("WELLHEAD_DATA_DIR", "/d"), ("HOME", "/h")]),
            Some("/d".into())
        );
        #[cfg(target_os = "linux")]
        {
            assert_eq!(
                with(&[("XDG_DATA_HOME", "/x"), ("HOME", "/h")]),
                Some("/x/wellhead".into())
            );
            assert_eq!(
                with(&[("XDG_DATA_HOME", "rel"), ("HOME", "/h")]),
                Some("/h/.local/share/wellhead".into())
            );
        }
        assert_eq!(with(&[]), None);
    }
}
