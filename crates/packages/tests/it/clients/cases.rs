//! The configurations. `{i}` is the company's index, `{p}` the public one, `{links}` a page of links of the company,
//! `{closed}` an index of the company that wants a password.

use super::Taken::{self, Internal, Nothing, Public};
use wellhead_packages::index::Manager::{self, Pdm, Pip, Pipenv, Poetry, Uv};

/// One configuration and what the client made of it.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) client: Manager,
    pub(super) files: &'static [(&'static str, &'static str)],
    /// The command line, with variables in front; the name of the client alone for what makes a lock.
    pub(super) command: &'static str,
    pub(super) package: &'static str,
    /// The mode that the model knows by a name of its own.
    pub(super) variant: Option<&'static str>,
    pub(super) takes: Taken,
    /// Nothing on the company's index fits what is asked for.
    pub(super) unfit: bool,
    /// The client refuses where the model says only who could supply.
    pub(super) refuses: bool,
}

impl Case {
    fn split(&self) -> (Vec<&'static str>, Vec<&'static str>) {
        let assignment = |w: &&str| w.split_once('=').is_some_and(|(n, _)| !n.starts_with('-'));
        let words: Vec<&str> = self.command.split(' ').collect();
        let count = words.iter().take_while(|w| assignment(w)).count();
        (words[..count].to_vec(), words[count..].to_vec())
    }

    /// The words of the command.
    pub(super) fn words(&self) -> Vec<&'static str> {
        self.split().1
    }

    /// The variables in front of it.
    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        let pairs = self.split().0.into_iter().filter_map(|w| w.split_once('='));
        pairs.map(|(n, v)| (n, v.to_owned())).collect()
    }
}

/// pip of one environment, run in another.
pub(super) const PIP: &str = r#"
import glob, sys
sys.path += glob.glob(sys.argv.pop(1) + "/lib/python*/site-packages")
from pip._internal.cli.main import main
sys.exit(main())
"#;

/// Poetry with a stand-in for the public index, whose address is compiled into it.
pub(super) const POETRY: &str = r#"
import os, sys
import poetry.repositories.pypi_repository as module
from poetry.repositories.legacy_repository import LegacyRepository
class Stub(LegacyRepository):
    def __init__(self, *args, **options):
        super().__init__("PyPI", os.environ["STUB_PYPI"], config=options.get("config"), disable_cache=True)
module.PyPiRepository = Stub
from poetry.console.application import main
sys.exit(main())
"#;

const fn case(
    client: Manager,
    name: &'static str,
    command: &'static str,
    files: &'static [(&'static str, &'static str)],
    takes: Taken,
) -> Case {
    Case {
        name,
        client,
        files,
        command,
        package: "acme-core",
        variant: None,
        takes,
        unfit: false,
        refuses: false,
    }
}

const fn pip(name: &'static str, files: &'static [(&'static str, &'static str)], takes: Taken) -> Case {
    case(Pip, name, "pip install -r requirements.txt", files, takes)
}

const fn uv(name: &'static str, files: &'static [(&'static str, &'static str)], takes: Taken) -> Case {
    case(Uv, name, "uv lock", files, takes)
}

const fn refusing(mut case: Case) -> Case {
    case.refuses = true;
    case
}

const fn unfit(mut case: Case) -> Case {
    case.unfit = true;
    case
}

const fn of(package: &'static str, mut case: Case) -> Case {
    case.package = package;
    case
}

const fn variant(variant: &'static str, mut case: Case) -> Case {
    case.variant = Some(variant);
    case
}

macro_rules! uv_project {
    ($($more:literal),* $(,)?) => {
        &[("pyproject.toml", concat!(
            "[project]\nname='app'\nversion='0'\nrequires-python='>=3.11'\n", $($more, "\n"),*
        ))]
    };
}

macro_rules! poetry_project {
    ($wanted:literal, $($more:literal),* $(,)?) => {
        &[("pyproject.toml", concat!(
            "[tool.poetry]\nname='app'\nversion='0'\npackage-mode=false\n[tool.poetry.dependencies]\npython='^3.11'\nacme-core=",
            $wanted, "\n", $($more, "\n"),*
        ))]
    };
}

macro_rules! pipfile {
    ($($more:literal),* $(,)?) => {
        &[("Pipfile", concat!($($more, "\n"),*))]
    };
}

pub(super) const CASES: &[Case] = &[
    pip(
        "`--extra-index-url` of the company",
        &[("requirements.txt", "--extra-index-url {i}\nacme-core\n")],
        Public,
    ),
    pip(
        "`--index-url` of the company",
        &[("requirements.txt", "--index-url {i}\nacme-core\n")],
        Internal,
    ),
    pip(
        "`--index-url` of the company, `--extra-index-url` public",
        &[(
            "requirements.txt",
            "--index-url {i}\n--extra-index-url {p}\nacme-core\n",
        )],
        Public,
    ),
    pip(
        "an exact pin without a hash: the public index has a build of it",
        &[("requirements.txt", "--extra-index-url {i}\nacme-core==1.0\n")],
        Public,
    ),
    pip(
        "an exact pin with a hash",
        &[(
            "requirements.txt",
            "--extra-index-url {i}\nacme-core==1.0 --hash=sha256:{hash acme-core}\n",
        )],
        Internal,
    ),
    pip(
        "an upper bound: the public index has a version below it",
        &[("requirements.txt", "--extra-index-url {i}\nacme-core<2\n")],
        Public,
    ),
    refusing(pip(
        "a hash on another package turns hash mode on",
        &[(
            "requirements.txt",
            "--extra-index-url {i}\nacme-core==1.0\nacme-util==1.0 --hash=sha256:{hash acme-util}\n",
        )],
        Nothing,
    )),
    refusing(pip(
        "`--require-hashes` and no hash",
        &[(
            "requirements.txt",
            "--require-hashes\n--extra-index-url {i}\nacme-core==1.0\n",
        )],
        Nothing,
    )),
    pip(
        "`--find-links` of the company",
        &[("requirements.txt", "--find-links {links}\nacme-core\n")],
        Public,
    ),
    pip(
        "`--find-links` of the company and `--no-index`",
        &[(
            "requirements.txt",
            "--no-index\n--find-links {links}\nacme-core\n",
        )],
        Internal,
    ),
    pip(
        "`--no-index` and an extra index after it",
        &[(
            "requirements.txt",
            "--no-index\n--find-links {links}\n--extra-index-url {p}\nacme-core\n",
        )],
        Internal,
    ),
    pip(
        "a public `--extra-index-url` above the company's `--index-url`, which drops it",
        &[(
            "requirements.txt",
            "--extra-index-url {p}\n--index-url {i}\nacme-core\n",
        )],
        Internal,
    ),
    pip(
        "the same with the `--index-url` in an included file",
        &[
            (
                "requirements.txt",
                "--extra-index-url {p}\n-r sub/requirements.txt\nacme-core\n",
            ),
            ("sub/requirements.txt", "-i {i}\n"),
        ],
        Internal,
    ),
    pip(
        "an included file that adds an index",
        &[
            ("requirements.txt", "-r sub/requirements.txt\nacme-core\n"),
            ("sub/requirements.txt", "--extra-index-url {i}\n"),
        ],
        Public,
    ),
    pip(
        "a constraint that pins",
        &[
            (
                "requirements.txt",
                "-c constraints.txt\n--extra-index-url {i}\nacme-core\n",
            ),
            ("constraints.txt", "acme-core==1.0\n"),
        ],
        Public,
    ),
    pip(
        "a direct address",
        &[(
            "requirements.txt",
            "--extra-index-url {i}\nacme-core @ {files}/acme_core-1.0-py3-none-any.whl\n",
        )],
        Internal,
    ),
    of(
        "acme-local",
        pip(
            "an exact local version",
            &[(
                "requirements.txt",
                "--extra-index-url {i}\nacme-local==1.0+acme\n",
            )],
            Internal,
        ),
    ),
    of(
        "acme-local",
        pip(
            "a public version that has a local one",
            &[("requirements.txt", "--extra-index-url {i}\nacme-local\n")],
            Public,
        ),
    ),
    pip(
        "`pip.conf` adds the company's index",
        &[
            ("pip.conf", "[global]\nextra-index-url = {i}\n"),
            ("requirements.txt", "acme-core\n"),
        ],
        Public,
    ),
    pip(
        "`pip.conf` names the company's index",
        &[
            ("pip.conf", "[global]\nindex-url = {i}\n"),
            ("requirements.txt", "acme-core\n"),
        ],
        Internal,
    ),
    pip(
        "`[install]` replaces the public extra index of `[global]`",
        &[
            (
                "pip.conf",
                "[global]\nindex-url = {i}\nextra-index-url = {p}\n[install]\nextra-index-url = {i}\n",
            ),
            ("requirements.txt", "acme-core\n"),
        ],
        Internal,
    ),
    pip(
        "`[download]` does not hold for `pip install`",
        &[
            (
                "pip.conf",
                "[global]\nindex-url = {i}\n[download]\nextra-index-url = {p}\n",
            ),
            ("requirements.txt", "acme-core\n"),
        ],
        Internal,
    ),
    variant(
        "pip download",
        case(
            Pip,
            "`[download]` holds for `pip download`",
            "pip download -r requirements.txt",
            &[
                (
                    "pip.conf",
                    "[global]\nindex-url = {i}\n[download]\nextra-index-url = {p}\n",
                ),
                ("requirements.txt", "acme-core\n"),
            ],
            Public,
        ),
    ),
    pip(
        "a requirements file's `--index-url` drops the extra index of `pip.conf`",
        &[
            ("pip.conf", "[global]\nextra-index-url = {p}\n"),
            ("requirements.txt", "--index-url {i}\nacme-core\n"),
        ],
        Internal,
    ),
    case(
        Pip,
        "`PIP_EXTRA_INDEX_URL` replaces that of `pip.conf`",
        "PIP_EXTRA_INDEX_URL={i} pip install acme-core",
        &[("pip.conf", "[global]\nindex-url = {i}\nextra-index-url = {p}\n")],
        Internal,
    ),
    case(
        Pip,
        "`--extra-index-url` of the command adds to that of `pip.conf`",
        "pip install --extra-index-url {i} acme-core",
        &[("pip.conf", "[global]\nindex-url = {i}\nextra-index-url = {p}\n")],
        Public,
    ),
    case(
        Pip,
        "`PIP_INDEX_URL`",
        "PIP_INDEX_URL={i} pip install acme-core",
        &[],
        Internal,
    ),
    case(
        Pip,
        "`PIP_INDEX_URL` under `--index-url` of the command",
        "PIP_INDEX_URL={p} pip install -i {i} acme-core",
        &[],
        Internal,
    ),
    case(
        Pip,
        "`PIP_FIND_LINKS`",
        "PIP_FIND_LINKS={links} pip install acme-core",
        &[],
        Public,
    ),
    case(
        Pip,
        "`PIP_NO_INDEX` and a page of links",
        "PIP_NO_INDEX=1 pip install --find-links {links} acme-core",
        &[],
        Internal,
    ),
    case(
        Pip,
        "`--index-url` of the command under that of the file",
        "pip install --index-url {p} -r requirements.txt",
        &[("requirements.txt", "--index-url {i}\nacme-core\n")],
        Internal,
    ),
    case(
        Pip,
        "`--extra-index-url` of the command with a requirements file's packages",
        "pip install --extra-index-url {i} -r requirements.txt",
        &[("requirements.txt", "acme-core\n")],
        Public,
    ),
    uv(
        "the company's index beside the default",
        uv_project!(
            "dependencies=['acme-core']",
            "[[tool.uv.index]]\nname='i'\nurl='{i}'"
        ),
        Internal,
    ),
    uv(
        "`unsafe-best-match`",
        uv_project!(
            "dependencies=['acme-core']",
            "[tool.uv]\nindex-strategy='unsafe-best-match'\n[[tool.uv.index]]\nname='i'\nurl='{i}'"
        ),
        Public,
    ),
    uv(
        "`unsafe-best-match` and an exact pin: of equal versions the order decides",
        uv_project!(
            "dependencies=['acme-core==1.0']",
            "[tool.uv]\nindex-strategy='unsafe-best-match'\n[[tool.uv.index]]\nname='i'\nurl='{i}'"
        ),
        Internal,
    ),
    uv(
        "`unsafe-best-match` and an exact pin, the company's index last",
        uv_project!(
            "dependencies=['acme-core==1.0']",
            "[tool.uv]\nindex-strategy='unsafe-best-match'\n[[tool.uv.index]]\nname='i'\nurl='{i}'\ndefault=true\n[[tool.uv.index]]\nname='p'\nurl='{p}'"
        ),
        Public,
    ),
    uv(
        "`unsafe-first-match`",
        uv_project!(
            "dependencies=['acme-core']",
            "[tool.uv]\nindex-strategy='unsafe-first-match'\n[[tool.uv.index]]\nname='i'\nurl='{i}'"
        ),
        Internal,
    ),
    unfit(uv(
        "`unsafe-first-match` where no version fits",
        uv_project!(
            "dependencies=['acme-core>=2']",
            "[tool.uv]\nindex-strategy='unsafe-first-match'\n[[tool.uv.index]]\nname='i'\nurl='{i}'"
        ),
        Public,
    )),
    refusing(uv(
        "`first-index` where no version fits",
        uv_project!(
            "dependencies=['acme-core>=2']",
            "[[tool.uv.index]]\nname='i'\nurl='{i}'"
        ),
        Nothing,
    )),
    uv(
        "the public index named before the company's",
        uv_project!(
            "dependencies=['acme-core']",
            "[[tool.uv.index]]\nname='p'\nurl='{p}'\n[[tool.uv.index]]\nname='i'\nurl='{i}'"
        ),
        Public,
    ),
    uv(
        "the company's index as `default` beside a public one",
        uv_project!(
            "dependencies=['acme-core']",
            "[[tool.uv.index]]\nname='i'\nurl='{i}'\ndefault=true\n[[tool.uv.index]]\nname='p'\nurl='{p}'"
        ),
        Public,
    ),
    uv(
        "the company's index as `default`",
        uv_project!(
            "dependencies=['acme-core']",
            "[[tool.uv.index]]\nname='i'\nurl='{i}'\ndefault=true"
        ),
        Internal,
    ),
    uv(
        "an `explicit` index that the package names",
        uv_project!(
            "dependencies=['acme-core']",
            "[tool.uv]\nindex-strategy='unsafe-best-match'\n[[tool.uv.index]]\nname='i'\nurl='{i}'\nexplicit=true\n[tool.uv.sources]\nacme-core={index='i'}"
        ),
        Internal,
    ),
    uv(
        "an `explicit` index that the package does not name",
        uv_project!(
            "dependencies=['acme-core']",
            "[[tool.uv.index]]\nname='i'\nurl='{i}'\nexplicit=true"
        ),
        Public,
    ),
    case(
        Uv,
        "`uv pip`, and an index that is named for another platform only",
        "uv pip install -r pyproject.toml",
        uv_project!(
            "dependencies=['acme-core']",
            "[tool.uv]\nindex-strategy='unsafe-best-match'\n[[tool.uv.index]]\nname='i'\nurl='{i}'\n[tool.uv.sources]\nacme-core={index='i', marker=\"sys_platform=='win32'\"}"
        ),
        Public,
    ),
    uv(
        "`extra-index-url` of the company",
        uv_project!("dependencies=['acme-core']", "[tool.uv]\nextra-index-url=['{i}']"),
        Internal,
    ),
    uv(
        "`extra-index-url` public, `index-url` of the company",
        uv_project!(
            "dependencies=['acme-core']",
            "[tool.uv]\nindex-url='{i}'\nextra-index-url=['{p}']"
        ),
        Public,
    ),
    uv(
        "`index` before `extra-index-url`",
        uv_project!(
            "dependencies=['acme-core']",
            "[tool.uv]\nextra-index-url=['{p}']\n[[tool.uv.index]]\nname='i'\nurl='{i}'"
        ),
        Internal,
    ),
    uv(
        "`find-links` of the company",
        uv_project!("dependencies=['acme-core']", "[tool.uv]\nfind-links=['{links}']"),
        Public,
    ),
    uv(
        "`find-links` of the company and `no-index`",
        uv_project!(
            "dependencies=['acme-core']",
            "[tool.uv]\nno-index=true\nfind-links=['{links}']"
        ),
        Internal,
    ),
    uv(
        "a page of links of the company as an index (`format = \"flat\"`)",
        uv_project!(
            "dependencies=['acme-core']",
            "[[tool.uv.index]]\nname='i'\nurl='{links}'\nformat='flat'"
        ),
        Internal,
    ),
    uv(
        "a direct address in `tool.uv.sources`",
        uv_project!(
            "dependencies=['acme-core']",
            "[tool.uv]\nindex-strategy='unsafe-best-match'\n[tool.uv.sources]\nacme-core={url='{files}/acme_core-1.0-py3-none-any.whl'}\n[[tool.uv.index]]\nname='i'\nurl='{i}'"
        ),
        Internal,
    ),
    uv(
        "`uv.toml` takes the place of `[tool.uv]`",
        &[
            (
                "pyproject.toml",
                "[project]\nname='app'\nversion='0'\nrequires-python='>=3.11'\ndependencies=['acme-core']\n[tool.uv]\nindex-strategy='unsafe-best-match'\n",
            ),
            ("uv.toml", "[[index]]\nname='i'\nurl='{i}'\n"),
        ],
        Internal,
    ),
    uv(
        "`[tool.uv.pip]` does not hold for `uv lock`",
        uv_project!(
            "dependencies=['acme-core']",
            "[[tool.uv.index]]\nname='i'\nurl='{i}'\n[tool.uv.pip]\nindex-strategy='unsafe-best-match'"
        ),
        Internal,
    ),
    variant(
        "uv pip",
        case(
            Uv,
            "`[tool.uv.pip]` holds for `uv pip`",
            "uv pip install -r pyproject.toml",
            uv_project!(
                "dependencies=['acme-core']",
                "[[tool.uv.index]]\nname='i'\nurl='{i}'\n[tool.uv.pip]\nindex-strategy='unsafe-best-match'"
            ),
            Public,
        ),
    ),
    refusing(uv(
        "an index of the company that wants a password, before the default",
        uv_project!(
            "dependencies=['acme-core']",
            "[[tool.uv.index]]\nname='c'\nurl='{closed}'\n[[tool.uv.index]]\nname='i'\nurl='{i}'"
        ),
        Nothing,
    )),
    case(
        Uv,
        "`UV_INDEX`",
        "UV_INDEX={i} uv pip install acme-core",
        &[],
        Internal,
    ),
    case(
        Uv,
        "`UV_EXTRA_INDEX_URL` under `UV_INDEX_STRATEGY=unsafe-best-match`",
        "UV_EXTRA_INDEX_URL={i} UV_INDEX_STRATEGY=unsafe-best-match uv pip install acme-core",
        &[],
        Public,
    ),
    case(
        Uv,
        "`UV_DEFAULT_INDEX`",
        "UV_DEFAULT_INDEX={i} uv pip install acme-core",
        &[],
        Internal,
    ),
    case(
        Uv,
        "`UV_INDEX_URL` of the company, `UV_EXTRA_INDEX_URL` public",
        "UV_INDEX_URL={i} UV_EXTRA_INDEX_URL={p} uv pip install acme-core",
        &[],
        Public,
    ),
    case(
        Uv,
        "`UV_FIND_LINKS`",
        "UV_FIND_LINKS={links} uv pip install acme-core",
        &[],
        Public,
    ),
    case(
        Uv,
        "`UV_NO_INDEX`, which is no variable of uv, and a page of links",
        "UV_NO_INDEX=1 uv pip install --find-links {links} acme-core",
        &[],
        Public,
    ),
    case(
        Uv,
        "`--index` public, `--default-index` of the company",
        "uv pip install --index {p} --default-index {i} acme-core",
        &[],
        Public,
    ),
    case(
        Uv,
        "`PIP_EXTRA_INDEX_URL` is not uv's",
        "PIP_EXTRA_INDEX_URL={i} uv pip install acme-core",
        &[],
        Public,
    ),
    case(
        Uv,
        "`uv pip` with a requirements file that adds the company's index",
        "uv pip install -r requirements.txt --index-strategy first-index",
        &[("requirements.txt", "--extra-index-url {i}\nacme-core\n")],
        Internal,
    ),
    case(
        Uv,
        "`uv pip` with a requirements file of two indexes, the public one extra",
        "uv pip install -r requirements.txt --index-strategy first-index",
        &[(
            "requirements.txt",
            "--index-url {i}\n--extra-index-url {p}\nacme-core\n",
        )],
        Public,
    ),
    case(
        Uv,
        "`uv pip` with a hash under `unsafe-best-match`",
        "uv pip install --index-strategy unsafe-best-match -r requirements.txt",
        &[(
            "requirements.txt",
            "--extra-index-url {i}\nacme-core==1.0 --hash=sha256:{hash acme-core}\n",
        )],
        Internal,
    ),
    case(
        Uv,
        "`uv pip` with a hash on another package",
        "uv pip install --index-strategy unsafe-best-match -r requirements.txt",
        &[(
            "requirements.txt",
            "--extra-index-url {i}\nacme-core<2\nacme-util==1.0 --hash=sha256:{hash acme-util}\n",
        )],
        Public,
    ),
    case(
        Poetry,
        "a `supplemental` source of the company",
        "poetry",
        poetry_project!(
            "'*'",
            "[[tool.poetry.source]]\nname='i'\nurl='{i}'\npriority='supplemental'"
        ),
        Public,
    ),
    case(
        Poetry,
        "a `supplemental` source and an exact version",
        "poetry",
        poetry_project!(
            "'1.0'",
            "[[tool.poetry.source]]\nname='i'\nurl='{i}'\npriority='supplemental'"
        ),
        Public,
    ),
    case(
        Poetry,
        "a primary source of the company",
        "poetry",
        poetry_project!("'*'", "[[tool.poetry.source]]\nname='i'\nurl='{i}'"),
        Internal,
    ),
    case(
        Poetry,
        "two primary sources, the company's first",
        "poetry",
        poetry_project!(
            "'*'",
            "[[tool.poetry.source]]\nname='i'\nurl='{i}'\n[[tool.poetry.source]]\nname='PyPI'"
        ),
        Public,
    ),
    case(
        Poetry,
        "two primary sources, the public one first",
        "poetry",
        poetry_project!(
            "'*'",
            "[[tool.poetry.source]]\nname='PyPI'\n[[tool.poetry.source]]\nname='i'\nurl='{i}'"
        ),
        Public,
    ),
    case(
        Poetry,
        "the public index as `supplemental`",
        "poetry",
        poetry_project!(
            "'*'",
            "[[tool.poetry.source]]\nname='i'\nurl='{i}'\n[[tool.poetry.source]]\nname='PyPI'\npriority='supplemental'"
        ),
        Internal,
    ),
    unfit(case(
        Poetry,
        "the public index as `supplemental` where no version fits",
        "poetry",
        poetry_project!(
            "'>=2'",
            "[[tool.poetry.source]]\nname='i'\nurl='{i}'\n[[tool.poetry.source]]\nname='PyPI'\npriority='supplemental'"
        ),
        Public,
    )),
    case(
        Poetry,
        "an `explicit` source that the package names",
        "poetry",
        poetry_project!(
            "{version='*', source='i'}",
            "[[tool.poetry.source]]\nname='i'\nurl='{i}'\npriority='explicit'"
        ),
        Internal,
    ),
    case(
        Poetry,
        "an `explicit` source that the package does not name",
        "poetry",
        poetry_project!(
            "'*'",
            "[[tool.poetry.source]]\nname='i'\nurl='{i}'\npriority='explicit'"
        ),
        Public,
    ),
    case(
        Poetry,
        "two primary sources and a package that names one",
        "poetry",
        poetry_project!(
            "{version='*', source='i'}",
            "[[tool.poetry.source]]\nname='i'\nurl='{i}'\n[[tool.poetry.source]]\nname='PyPI'"
        ),
        Internal,
    ),
    case(
        Poetry,
        "two primary sources and an exact version: of equal versions the order decides",
        "poetry",
        poetry_project!(
            "'1.0'",
            "[[tool.poetry.source]]\nname='i'\nurl='{i}'\n[[tool.poetry.source]]\nname='PyPI'"
        ),
        Internal,
    ),
    case(
        Poetry,
        "two primary sources and an exact version, the company's last",
        "poetry",
        poetry_project!(
            "'1.0'",
            "[[tool.poetry.source]]\nname='PyPI'\n[[tool.poetry.source]]\nname='i'\nurl='{i}'"
        ),
        Public,
    ),
    case(
        Pdm,
        "a source of the company",
        "pdm",
        uv_project!(
            "dependencies=['acme-core']",
            "[[tool.pdm.source]]\nname='i'\nurl='{i}'"
        ),
        Public,
    ),
    case(
        Pdm,
        "an exact version",
        "pdm",
        uv_project!(
            "dependencies=['acme-core==1.0']",
            "[[tool.pdm.source]]\nname='i'\nurl='{i}'"
        ),
        Public,
    ),
    case(
        Pdm,
        "`respect-source-order` without the public index named",
        "pdm",
        uv_project!(
            "dependencies=['acme-core']",
            "[tool.pdm.resolution]\nrespect-source-order=true\n[[tool.pdm.source]]\nname='i'\nurl='{i}'"
        ),
        Public,
    ),
    case(
        Pdm,
        "`respect-source-order`, the company's before `pypi`",
        "pdm",
        uv_project!(
            "dependencies=['acme-core']",
            "[tool.pdm.resolution]\nrespect-source-order=true\n[[tool.pdm.source]]\nname='i'\nurl='{i}'\n[[tool.pdm.source]]\nname='pypi'\nurl='{p}'"
        ),
        Internal,
    ),
    unfit(case(
        Pdm,
        "the same where no version fits",
        "pdm",
        uv_project!(
            "dependencies=['acme-core>=2']",
            "[tool.pdm.resolution]\nrespect-source-order=true\n[[tool.pdm.source]]\nname='i'\nurl='{i}'\n[[tool.pdm.source]]\nname='pypi'\nurl='{p}'"
        ),
        Public,
    )),
    case(
        Pdm,
        "the company's index in the place of `pypi`",
        "pdm",
        uv_project!(
            "dependencies=['acme-core']",
            "[[tool.pdm.source]]\nname='pypi'\nurl='{i}'"
        ),
        Internal,
    ),
    case(
        Pdm,
        "`include_packages` of the company's source",
        "pdm",
        uv_project!(
            "dependencies=['acme-core']",
            "[[tool.pdm.source]]\nname='i'\nurl='{i}'\ninclude_packages=['acme-*']"
        ),
        Internal,
    ),
    case(
        Pdm,
        "`include_packages` that does not name the package",
        "pdm",
        uv_project!(
            "dependencies=['acme-core']",
            "[[tool.pdm.source]]\nname='i'\nurl='{i}'\ninclude_packages=['other-*']"
        ),
        Public,
    ),
    case(
        Pdm,
        "`exclude_packages` of the public one",
        "pdm",
        uv_project!(
            "dependencies=['acme-core']",
            "[[tool.pdm.source]]\nname='pypi'\nurl='{p}'\nexclude_packages=['acme-*']\n[[tool.pdm.source]]\nname='i'\nurl='{i}'"
        ),
        Internal,
    ),
    case(
        Pdm,
        "a page of links of the company",
        "pdm",
        uv_project!(
            "dependencies=['acme-core']",
            "[[tool.pdm.source]]\nname='l'\nurl='{links}'\ntype='find_links'"
        ),
        Public,
    ),
    case(
        Pipenv,
        "the company's source second, and named",
        "pipenv",
        pipfile!(
            "[[source]]\nname='pypi'\nurl='{p}'\nverify_ssl=true",
            "[[source]]\nname='i'\nurl='{i}'\nverify_ssl=true",
            "[packages]\nacme-core={version='*', index='i'}"
        ),
        Internal,
    ),
    case(
        Pipenv,
        "the company's source second, and not named",
        "pipenv",
        pipfile!(
            "[[source]]\nname='pypi'\nurl='{p}'\nverify_ssl=true",
            "[[source]]\nname='i'\nurl='{i}'\nverify_ssl=true",
            "[packages]\nacme-core='*'"
        ),
        Public,
    ),
    case(
        Pipenv,
        "the company's source first",
        "pipenv",
        pipfile!(
            "[[source]]\nname='i'\nurl='{i}'\nverify_ssl=true",
            "[[source]]\nname='pypi'\nurl='{p}'\nverify_ssl=true",
            "[packages]\nacme-core='*'"
        ),
        Internal,
    ),
    case(
        Pipenv,
        "`install_search_all_sources`, the company's first",
        "pipenv",
        pipfile!(
            "[[source]]\nname='i'\nurl='{i}'\nverify_ssl=true",
            "[[source]]\nname='pypi'\nurl='{p}'\nverify_ssl=true",
            "[packages]\nacme-core='*'",
            "[pipenv]\ninstall_search_all_sources=true"
        ),
        Internal,
    ),
];
