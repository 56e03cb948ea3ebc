//! The only place that knows public hosts by name: users' files name them, and which of them are the real ones decides
//! what a finding says.

use crate::index::Address;

/// The simple interface of the Python Package Index.
pub(crate) const PYPI: &str = "https://pypi.org/simple";

/// Where channels of conda lie that are named without an address.
pub(crate) const CONDA: &str = "https://conda.anaconda.org";

/// The first of the channels that `defaults` stands for.
pub(crate) const CONDA_DEFAULTS: &str = "https://repo.anaconda.com/pkgs/main";

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
    PUBLIC.contains(&address.host.as_str())
}

/// Whether an index serves the wheels of a well-known project only.
pub(crate) fn is_project(address: &Address) -> bool {
    let rest = address.shown.split_once("://").map_or("", |(_, rest)| rest);
    let rest = format!("{}/", rest.trim_end_matches('/').to_ascii_lowercase());
    PROJECTS.iter().any(|p| rest.starts_with(p))
}
