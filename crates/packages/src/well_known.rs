//! The only place that knows public hosts by name: users' files name them, and which of them are the real ones decides
//! what a finding says.

use crate::index::Address;

/// The simple interface of the Python Package Index.
pub(crate) const PYPI: &str = "https://pypi.org/simple";

/// The server that bare names of conda's channels belong to.
pub(crate) const CONDA: &str = "https://conda.anaconda.org";

/// What the channel `defaults` stands for.
pub(crate) const CONDA_DEFAULTS: &str = "https://repo.anaconda.com/pkgs/main";

/// Servers of conda channels, where each channel has an owner.
const CHANNELS: &[&str] = &[
    "conda.anaconda.org",
    "repo.anaconda.com",
    "repo.prefix.dev",
    "prefix.dev",
];

/// Channels to which everybody can propose packages, on any of those servers and on mirrors of them.
const OPEN_CHANNELS: &[&str] = &["conda-forge", "bioconda"];

/// Where OSV publishes its records, a folder per ecosystem.
pub const ADVISORIES: &str = "https://storage.googleapis.com/osv-vulnerabilities";

/// Where CISA publishes its catalogue of exploited vulnerabilities.
pub const EXPLOITED: &str =
    "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json";

/// Where FIRST publishes the estimates of how likely an attack is.
pub const SCORES: &str = "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz";

/// Hosts that serve the Python Package Index, or all of its names.
const PUBLIC: &[&str] = &[
    "pypi.org",
    "pypi.python.org",
    "files.pythonhosted.org",
    "pypi.tuna.tsinghua.edu.cn",
    "mirrors.tuna.tsinghua.edu.cn",
    "mirrors.aliyun.com",
    "mirrors.cloud.tencent.com",
    "mirrors.ustc.edu.cn",
    "pypi.mirrors.ustc.edu.cn",
    "mirrors.bfsu.edu.cn",
    "repo.huaweicloud.com",
    "pypi.doubanio.com",
    "pypi.douban.com",
];

/// Hosts, with the beginning of the path where many share the host, that serve only wheels of the projects that own
/// them. An attacker would have to own the project itself, or a name that it left free on the public index.
pub(crate) const PROJECTS: &[&str] = &[
    "download.pytorch.org/",
    "download-r2.pytorch.org/",
    "data.pyg.org/",
    "pypi.nvidia.com/",
    "pypi.ngc.nvidia.com/",
    "wheels.vllm.ai/",
    "flashinfer.ai/",
    "storage.googleapis.com/jax-releases/",
    "storage.googleapis.com/libtpu-releases/",
    "download.openmmlab.com/",
    "pypi.anaconda.org/scientific-python-nightly-wheels/",
    "pypi.anaconda.org/rapidsai-wheels-nightly/",
    "abetlen.github.io/llama-cpp-python/",
    "huggingface.github.io/",
];

/// Whether an index serves the names of the Python Package Index, so that everybody can publish there.
pub(crate) fn is_public(address: &Address) -> bool {
    if CHANNELS.contains(&address.host.as_str()) {
        let name = address.shown.trim_end_matches('/').rsplit('/').next();
        return name.is_some_and(|name| OPEN_CHANNELS.contains(&name));
    }
    PUBLIC.contains(&address.host.as_str())
}

/// Whether an index serves what its well-known owner publishes only.
pub(crate) fn is_project(address: &Address) -> bool {
    if CHANNELS.contains(&address.host.as_str()) {
        return !is_public(address);
    }
    let rest = address.shown.split_once("://").map_or("", |(_, rest)| rest);
    let rest = format!("{}/", rest.trim_end_matches('/').to_ascii_lowercase());
    PROJECTS.iter().any(|p| rest.starts_with(p))
}

/// The host of the files of the public index.
pub(crate) const PYPI_FILES: &str = "files.pythonhosted.org";

/// Hosts of the public index itself: the index, its old name, and the files.
pub(crate) const PYPI_HOSTS: &[&str] = &["pypi.org", "pypi.python.org", PYPI_FILES];

/// Hosts whose channels are known by their names alone.
pub(crate) const CHANNEL_HOSTS: &[&str] = &["conda.anaconda.org", "repo.anaconda.com", "anaconda.org"];

/// Hosts of the model hub that names without a host belong to.
pub(crate) const HUB_HOSTS: &[&str] = &["huggingface.co", "hf.co", "www.huggingface.co"];

/// The registry of images without a host.
pub(crate) const IMAGE_HOST: &str = "docker.io";

/// Its other names.
pub(crate) const IMAGE_HOSTS: &[&str] = &["docker.io", "index.docker.io", "registry-1.docker.io"];
