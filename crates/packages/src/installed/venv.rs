//! `pyvenv.cfg` and `python._pth`: which interpreter an environment belongs to and what else lies on its path.

/// A `pyvenv.cfg`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VenvConfig {
    /// The folder of the interpreter that it was made from.
    pub home: Option<String>,
    /// Whether the packages of that interpreter are on the path too.
    pub system_site_packages: bool,
    /// The version of Python, as far as it says.
    pub version: Option<String>,
}

/// Reads a `pyvenv.cfg`, as `site.venv` does: a key, `=`, a value, whatever the case of the key.
pub fn read_venv_config(text: &str) -> VenvConfig {
    let mut config = VenvConfig::default();
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let value = value.trim();
        match key.trim().to_lowercase().as_str() {
            "home" => config.home = Some(value.to_owned()),
            "include-system-site-packages" => {
                config.system_site_packages = value.eq_ignore_ascii_case("true");
            }
            // `venv`, then `virtualenv` and `uv`.
            "version" | "version_info" => {
                let number: String = value
                    .chars()
                    .take_while(|c| c.is_ascii_digit() || *c == '.')
                    .collect();
                config.version = Some(number.trim_end_matches('.').to_owned()).filter(|v| !v.is_empty());
            }
            _ => {}
        }
    }
    config
}

/// The lines of a `python._pth`, which replaces the whole path: those that name folders, and whether `site` runs.
pub fn read_path_file(text: &str) -> (Vec<String>, bool) {
    let mut site = false;
    let mut folders = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line == "import site" {
            site = true;
        } else {
            folders.push(line.to_owned());
        }
    }
    (folders, site)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_makers_of_environments_write_it_each_in_their_way() {
        let venv = read_venv_config(
            "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.7\nexecutable = /usr/bin/python3.11\n",
        );
        assert_eq!(venv.version.as_deref(), Some("3.11.7"));
        assert!(!venv.system_site_packages);
        let virtualenv = read_venv_config(
            "home=/usr\nimplementation = CPython\nversion_info = 3.12.1.final.0\nInclude-System-Site-Packages=TRUE\n",
        );
        assert_eq!(virtualenv.version.as_deref(), Some("3.12.1"));
        assert!(virtualenv.system_site_packages);
        let (folders, site) = read_path_file("python312.zip\n.\n# x\nimport site\n");
        assert_eq!((folders.len(), site), (2, true));
    }
}
