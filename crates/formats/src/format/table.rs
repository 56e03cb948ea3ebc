//! The table of formats. One entry per format; order is of no meaning.

use super::{
    Family::{Archive, Data, Executable, Media, Model, Package, Source, Text, Unknown},
    Format,
    Support::{Inert, Opened, Unread},
};

/// The text of a page that lies in the folder of the reader.
macro_rules! page {
    () => {
        None
    };
    ($page:literal) => {
        Some(include_str!(concat!("../", $page)))
    };
}

macro_rules! formats {
    ($($id:ident = $name:literal, $title:literal, $family:ident, $support:ident, $runs:literal,
       [$($ext:literal),*], [$($file:literal),*], $about:literal $(, page $page:literal)?;)+) => {
        $(
            #[doc = $about]
            pub static $id: Format = Format {
                name: $name,
                title: $title,
                family: $family,
                extensions: &[$($ext),*],
                names: &[$($file),*],
                runs_code_on_load: $runs,
                support: $support,
                about: $about,
                page: page!($($page)?),
            };
        )+
        /// All formats.
        pub static FORMATS: &[&Format] = &[$(&$id),+];
    };
}

formats! {
    // Models.
    PICKLE = "pickle", "Python pickle", Model, Opened, true, ["pkl", "pickle", "p", "pck", "joblib", "dill"], [],
        "Python's own object format. Whatever unpickles it runs the callables that it names.", page "pickle/page.md";
    TORCH_LEGACY = "torch-legacy", "PyTorch checkpoint of the old layout", Model, Opened, true, [], [],
        "Several pickles in a row, then raw tensors. `torch.load` unpickles them.", page "pickle/torch_legacy.md";
    TORCH_ZIP = "torch-zip", "PyTorch checkpoint", Model, Opened, true, ["pt", "pth", "ckpt"], [],
        "A zip archive of `data.pkl` and raw tensors. `torch.load` unpickles `data.pkl`.", page "zip/torch.md";
    TORCHSCRIPT = "torchscript", "TorchScript module", Model, Opened, true, ["ptl"], [],
        "A zip archive of pickles, raw tensors and Python-like code. `torch.jit.load` runs the code.", page "torchscript/page.md";
    TORCHSCRIPT_CODE = "torchscript-code", "TorchScript code", Source, Opened, false, [], [],
        "What looks like Python and is compiled when a TorchScript module is loaded. Its operators compute, but for a few.";
    TORCH_EXPORT = "torch-export", "exported PyTorch program", Model, Opened, true, ["pt2"], [],
        "A zip archive of a graph as JSON, weights, and sometimes native code that was compiled ahead of time.", page "torchscript/exported.md";
    TORCH_EXPORT_GRAPH = "torch-export-graph", "graph of an exported PyTorch program", Source, Opened, false, [], [],
        "Nodes whose targets are operators, or callables that PyTorch looks up by their names.";
    TORCH_PACKAGE = "torch-package", "PyTorch package", Model, Opened, true, [], [],
        "A zip archive of Python sources and pickles. `torch.package` imports the sources.", page "zip/torch_package.md";
    TORCH_TAR = "torch-tar", "PyTorch checkpoint of the tar layout", Model, Opened, true, [], [],
        "A tar archive of pickles and raw tensors, as PyTorch 0.1 wrote it. `torch.load` still unpickles it.", page "tar/torch_tar.md";
    SAFETENSORS = "safetensors", "safetensors file", Model, Opened, false, ["safetensors"], [],
        "A JSON header and raw tensors. Loading it runs nothing.", page "safetensors/page.md";
    NPY = "npy", "NumPy array", Model, Opened, false, ["npy"], [],
        "One array. Arrays of Python objects hold a pickle, which `numpy.load` runs with `allow_pickle=True`.", page "npy/page.md";
    NPZ = "npz", "NumPy archive", Model, Opened, false, ["npz"], [],
        "A zip archive of arrays. Arrays of Python objects hold pickles.", page "npy/npz.md";
    SKOPS = "skops", "skops model", Model, Opened, true, ["skops"], [],
        "A zip archive of a JSON schema and arrays. Loading it calls the types that the schema names and the user trusts.", page "skops.md";
    SKOPS_SCHEMA = "skops-schema", "schema of a skops model", Source, Opened, false, [], [],
        "A tree of nodes that name a class and the loader that makes it.";
    OPENVINO = "openvino", "OpenVINO model", Model, Opened, false, [], [],
        "A graph as XML; its weights lie beside it. Layers of other sets than its own need a library.", page "xml/openvino.md";
    KERAS = "keras", "Keras model", Model, Opened, true, ["keras"], [],
        "A zip archive of a JSON configuration and weights. The configuration names classes that loading creates.", page "keras/archive.md";
    TORCH_MAR = "torch-mar", "TorchServe archive", Model, Opened, true, ["mar"], [],
        "A zip archive of a model and the Python handler that TorchServe runs.", page "zip/mar.md";
    NEMO = "nemo", "NeMo model", Model, Opened, true, ["nemo"], [],
        "A tar archive of a configuration, which names classes that loading creates, and a PyTorch checkpoint.", page "tar/nemo.md";
    HDF5 = "hdf5", "HDF5 file", Model, Opened, true, ["h5", "hdf5", "he5"], [],
        "Arrays and attributes. Keras keeps models in it whose layers may hold code.", page "hdf5/page.md";
    ONNX = "onnx", "ONNX model", Model, Opened, false, ["onnx"], [],
        "A graph as a protocol buffer. It may name files beside it and operators of native libraries.", page "onnx/page.md";
    ONNX_TENSOR = "onnx-tensor", "ONNX tensor", Model, Opened, false, [], [],
        "A tensor of ONNX, or a sequence of them, as a protocol buffer. It may name a file that holds its numbers.", page "onnx/tensor.md";
    SAVED_MODEL = "saved-model", "TensorFlow SavedModel", Model, Opened, true, [], ["saved_model.pb"],
        "A graph as a protocol buffer. Its operators may read and write files.", page "tensorflow/page.md";
    KERAS_CONFIG = "keras-config", "Keras configuration", Model, Opened, true, [], [],
        "A tree of layers as JSON. Loading it imports and calls the classes that it names, and makes functions of the code in it.", page "keras/page.md";
    PROTOBUF = "protobuf", "protocol buffer", Model, Opened, false, ["pb"], [],
        "A message of none of the kinds that wellhead knows. Its fields are listed.", page "protobuf/page.md";
    TFLITE = "tflite", "TensorFlow Lite model", Model, Opened, false, ["tflite"], [],
        "A graph as a FlatBuffer. It may name operators that the application registers, and TensorFlow's own.", page "flatbuffer/tflite.md";
    EXECUTORCH = "executorch", "ExecuTorch program", Model, Opened, false, ["pte"], [],
        "A graph as a FlatBuffer for devices. It may name operators and delegates that the application registers.", page "flatbuffer/executorch.md";
    CATBOOST = "catboost", "CatBoost model", Model, Opened, false, ["cbm"], [],
        "Trees as a FlatBuffer. Applying them runs nothing.", page "flatbuffer/catboost.md";
    TENSORFLOW_GRAPH = "tensorflow-graph", "TensorFlow graph", Model, Opened, true, ["meta"], [],
        "A graph as a protocol buffer, frozen or beside a checkpoint. Its operators may read and write files.", page "tensorflow/graph.md";
    TENSORFLOW_CHECKPOINT = "tensorflow-checkpoint", "index of a TensorFlow checkpoint", Model, Opened, false, ["index"], [],
        "Names and places of the weights in the files beside it. Loading it runs nothing.", page "tensorflow/checkpoint.md";
    KERAS_METADATA = "keras-metadata", "Keras metadata of a SavedModel", Model, Opened, true, [], ["keras_metadata.pb"],
        "The configuration of a Keras model as JSON in a protocol buffer. It names classes that loading creates.", page "tensorflow/keras_metadata.md";
    CORE_ML = "coreml", "Core ML model", Model, Opened, false, ["mlmodel"], [],
        "Layers or a program as a protocol buffer. It may name layers that the application has to bring along.", page "coreml.md";
    CAFFE = "caffe", "Caffe model", Model, Opened, true, ["caffemodel"], [],
        "Layers as a protocol buffer. A layer may name a Python class that loading imports.", page "caffe.md";
    PADDLE = "paddle", "PaddlePaddle program", Model, Opened, true, ["pdmodel"], [],
        "Operators as a protocol buffer. Some call Python or touch files.", page "paddle.md";
    SENTENCEPIECE = "sentencepiece", "SentencePiece vocabulary", Model, Inert, false, ["spm"], [],
        "Pieces of words with scores, as a protocol buffer. Loading it runs nothing.", page "protobuf/sentencepiece.md";
    GGUF = "gguf", "GGUF model", Model, Opened, false, ["gguf"], [],
        "Quantised tensors and metadata, among it chat templates that runtimes evaluate.", page "gguf/page.md";
    GGML = "ggml", "GGML model", Model, Opened, false, ["ggml"], [],
        "Quantised tensors of older llama.cpp.", page "gguf/ggml.md";
    MSGPACK = "msgpack", "MessagePack data", Model, Opened, false, ["msgpack"], [],
        "Flax checkpoints are MessagePack with extension types.", page "msgpack.md";
    XGBOOST_UBJ = "ubjson", "UBJSON model", Model, Opened, false, ["ubj"], [],
        "XGBoost models as binary JSON.", page "ubjson.md";
    R_DATA = "r-data", "R data file", Model, Opened, true, ["rds", "rda", "rdata"], [],
        "Serialised R objects. Promises in it run when they are used.", page "r_data/page.md";
    TORCH7 = "torch7", "Torch7 model", Model, Opened, true, ["t7"], [],
        "Serialised Lua objects, functions among them.", page "torch7.md";
    LIGHTGBM = "lightgbm", "LightGBM model", Model, Opened, false, [], [],
        "Trees as text. Applying them runs nothing.", page "small/lightgbm.md";
    XGBOOST_JSON = "xgboost-json", "XGBoost model as JSON", Model, Opened, false, [], [],
        "Trees as JSON. Applying them runs nothing.", page "json_models/xgboost.md";
    XGBOOST_BINARY = "xgboost-binary", "XGBoost model of the old binary form", Model, Opened, false, [], [],
        "Trees as numbers. Applying them runs nothing.", page "small/xgboost.md";
    FASTTEXT = "fasttext", "fastText model", Model, Opened, false, ["ftz"], [],
        "A dictionary and matrices. Reading it runs nothing.", page "small/fasttext.md";
    WORD2VEC = "word2vec", "word2vec vectors", Model, Opened, false, [], [],
        "Words and their numbers. Reading it runs nothing.", page "small/word2vec.md";
    MXNET = "mxnet", "MXNet arrays", Model, Opened, false, [], [],
        "Arrays of an MXNet model. Reading them runs nothing; the graph beside them names operators.", page "mxnet.md";
    MXNET_SYMBOL = "mxnet-symbol", "MXNet graph", Model, Opened, false, [], [],
        "A graph as JSON. It may name operators that the application registers, or addresses.", page "json_models/mxnet.md";
    TENSORRT = "tensorrt", "TensorRT engine", Model, Opened, true, ["engine", "trt"], [],
        "Compiled code for a graphics processor, and native libraries of plugins. Loading it runs it.", page "small/tensorrt.md";
    RKNN = "rknn", "RKNN model", Model, Opened, false, ["rknn"], [],
        "Commands for a Rockchip neural processor.", page "small/rknn.md";
    CNTK = "cntk", "CNTK model", Model, Unread, false, ["dnn"], [],
        "A network of Microsoft's toolkit, version 1.";
    ZARR_METADATA = "zarr-metadata", "metadata of a Zarr array", Model, Opened, false, [], [],
        "JSON that says which codecs the chunks of an array go through. One codec unpickles.", page "json_models/zarr.md";
    TENSORSTORE_SPEC = "tensorstore-spec", "metadata of a TensorStore or Orbax checkpoint", Model, Opened, false, [], [],
        "JSON that says where arrays are: files, buckets, addresses.", page "json_models/tensorstore.md";
    OCDBT = "ocdbt", "OCDBT database", Data, Inert, false, ["ocdbt"], [],
        "Keys and values of a TensorStore checkpoint. Reading it runs nothing.";

    // Containers.
    ZIP = "zip", "zip archive", Archive, Opened, false, ["zip"], [],
        "Members, a directory at the end, and a header before each member that may say something else.";
    TAR = "tar", "tar archive", Archive, Opened, false, ["tar"], [],
        "Members one after another, with links, devices and owners.";
    GZIP = "gzip", "gzip stream", Archive, Opened, false, ["gz", "tgz"], [],
        "One compressed artifact.";
    ZLIB = "zlib", "zlib stream", Archive, Opened, false, ["z", "zlib"], [],
        "One compressed artifact. joblib writes pickles this way.";
    BZIP2 = "bzip2", "bzip2 stream", Archive, Opened, false, ["bz2", "tbz2"], [],
        "One compressed artifact. joblib reads pickles from it.";
    XZ = "xz", "XZ stream", Archive, Opened, false, ["xz", "txz"], [],
        "One compressed artifact. joblib reads pickles from it.";
    LZMA = "lzma", "LZMA stream", Archive, Opened, false, ["lzma"], [],
        "One compressed artifact. joblib reads pickles from it.";
    ZSTD = "zstd", "Zstandard stream", Archive, Opened, false, ["zst", "tzst", "zstd"], [],
        "One compressed artifact.";
    LZ4 = "lz4", "LZ4 stream", Archive, Opened, false, ["lz4"], [],
        "One compressed artifact. joblib reads pickles from it.";
    SEVEN_ZIP = "7z", "7z archive", Archive, Opened, false, ["7z"], [],
        "Members compressed together. Malicious models have been hidden in it.", page "sevenz/page.md";
    RAR = "rar", "RAR archive", Archive, Opened, false, ["rar"], [],
        "Members compressed by a method of its own. Names are read, and members that are stored as they are.";
    CAB = "cab", "cabinet archive", Archive, Opened, false, ["cab"], [],
        "Members compressed together.";
    AR = "ar", "Unix archive", Archive, Opened, false, ["a", "deb"], [],
        "Object files, or a Debian package.";
    SQUASHFS = "squashfs", "SquashFS image", Archive, Unread, false, ["squashfs", "sqfs"], [],
        "A file system in a file.";

    // Packages.
    WHEEL = "wheel", "Python wheel", Package, Opened, false, ["whl"], [],
        "A zip archive of what an installer copies. Its modules run when they are imported.";
    EGG = "egg", "Python egg", Package, Opened, false, ["egg"], [],
        "A zip archive of modules that run when they are imported.";
    SDIST = "sdist", "Python source distribution", Package, Opened, true, [], [],
        "A tar.gz archive whose build script runs at installation.";
    JAR = "jar", "Java archive", Package, Opened, false, ["jar", "war"], [],
        "A zip archive of classes.";

    // Data.
    PARQUET = "parquet", "Parquet table", Data, Inert, false, ["parquet"], [],
        "A table by columns. Reading it runs nothing.";
    ARROW = "arrow", "Arrow table", Data, Inert, false, ["arrow", "feather"], [],
        "A table by columns. Reading it runs nothing.";
    CSV = "csv", "CSV table", Data, Opened, false, ["csv", "tsv"], [],
        "A table as text.";
    SQLITE = "sqlite", "SQLite database", Data, Inert, false, ["sqlite", "sqlite3", "db"], [],
        "Tables in one file. Opening it runs nothing.";
    MATLAB = "matlab", "MATLAB data file", Data, Inert, false, ["mat"], [],
        "Arrays. Reading it runs nothing.";
    NETCDF = "netcdf", "NetCDF file", Data, Inert, false, ["nc"], [],
        "Arrays. Reading it runs nothing.";
    FITS = "fits", "FITS file", Data, Inert, false, ["fits"], [],
        "Pictures and tables of astronomers. Reading it runs nothing.";
    TFRECORD = "tfrecord", "TFRecord file", Data, Inert, false, ["tfrecord"], [],
        "Records one after another. Reading it runs nothing.";

    // Sources.
    PYTHON = "python", "Python source", Source, Opened, false, ["py", "pyi", "pyw"], [],
        "A module. Importing it runs it.";
    PYTHON_BYTECODE = "python-bytecode", "Python bytecode file", Executable, Opened, true, ["pyc", "pyo"], [],
        "A compiled module. Importing it runs it.", page "marshal/page.md";
    NOTEBOOK = "notebook", "Jupyter notebook", Source, Opened, false, ["ipynb"], [],
        "Cells of code and their outputs as JSON.";
    SHELL = "shell", "shell script", Source, Opened, false, ["sh", "bash", "zsh"], [],
        "Commands of a Unix shell.";
    SCRIPT = "script", "script", Source, Opened, false, ["js", "ts", "rb", "pl", "ps1", "bat", "cmd", "lua", "r", "jl"], [],
        "Program text of another language.";
    NATIVE_SOURCE = "native-source", "source of a native program", Source, Opened, false,
        ["c", "h", "cc", "cpp", "hpp", "cu", "cuh", "rs", "go", "java", "cs", "swift", "pyx", "pxd"], [],
        "Program text that a compiler reads.";

    // Text.
    JSON = "json", "JSON file", Text, Opened, false, ["json", "jsonl"], ["uv.lock.json"],
        "Structured text.";
    TOML = "toml", "TOML file", Text, Opened, false, ["toml"], ["uv.lock", "poetry.lock", "pdm.lock", "cargo.lock", "pipfile"],
        "Structured text.";
    YAML = "yaml", "YAML file", Text, Opened, false, ["yaml", "yml"], ["mlmodel", "conda.lock"],
        "Structured text. Unsafe loaders create the objects that tags name.";
    XML = "xml", "XML file", Text, Opened, false, ["xml", "pmml", "svg"], [],
        "Structured text.";
    REQUIREMENTS = "requirements", "pip requirements", Text, Opened, false, [], ["requirements.txt", "constraints.txt"],
        "What pip is to install, and from where.";
    DOCKERFILE = "dockerfile", "Dockerfile", Text, Opened, false, ["dockerfile", "containerfile"], ["dockerfile", "containerfile"],
        "How a container image is built.";
    TERRAFORM = "terraform", "Terraform configuration", Text, Opened, false, ["tf", "tfvars", "hcl"], [],
        "Infrastructure as text.";
    TENSORFLOW_TEXT = "pbtxt", "message as text", Text, Opened, false, ["pbtxt"], [],
        "TensorFlow reads graphs from it as from the binary form; others keep settings in it.";
    CAFFE_TEXT = "prototxt", "Caffe network", Text, Opened, true, ["prototxt"], [],
        "Layers as text. A layer may name a Python class that loading imports.";
    JINJA = "jinja", "Jinja template", Text, Opened, false, ["jinja", "jinja2", "j2"], [],
        "A template that runtimes evaluate.", page "jinja/page.md";
    MARKDOWN = "markdown", "Markdown file", Text, Opened, false, ["md", "markdown", "rst"], [],
        "Prose.";
    HTML = "html", "HTML page", Text, Opened, false, ["html", "htm", "css"], [],
        "A page.";
    INI = "ini", "INI file", Text, Opened, false, ["ini", "cfg", "conf", "properties", "env"], [],
        "Settings as text.";
    PYTHON_PATH = "python-path", "Python path file", Text, Opened, true, [], [],
        "Directories to import from. Lines that begin with `import` run whenever Python starts in that environment.";
    PLAIN_TEXT = "text", "text file", Text, Opened, false, ["txt", "text", "log"], ["license", "readme", "notice", "changelog"],
        "Text without a structure that wellhead knows.";
    LFS_POINTER = "lfs-pointer", "Git LFS pointer", Text, Unread, false, [], [],
        "Three lines that stand for a large file; the file itself is not here.";

    // For people.
    PNG = "png", "PNG picture", Media, Inert, false, ["png"], [], "A picture.";
    JPEG = "jpeg", "JPEG picture", Media, Inert, false, ["jpg", "jpeg"], [], "A picture.";
    GIF = "gif", "GIF picture", Media, Inert, false, ["gif"], [], "A picture.";
    BMP = "bmp", "BMP picture", Media, Inert, false, ["bmp"], [], "A picture.";
    TIFF = "tiff", "TIFF picture", Media, Inert, false, ["tif", "tiff"], [], "A picture.";
    WEBP = "webp", "WebP picture", Media, Inert, false, ["webp"], [], "A picture.";
    ICO = "ico", "icon", Media, Inert, false, ["ico", "icns"], [], "A small picture.";
    WAV = "wav", "WAV recording", Media, Inert, false, ["wav"], [], "A recording.";
    FLAC = "flac", "FLAC recording", Media, Inert, false, ["flac"], [], "A recording.";
    OGG = "ogg", "Ogg recording", Media, Inert, false, ["ogg", "oga", "opus"], [], "A recording.";
    MP3 = "mp3", "MP3 recording", Media, Inert, false, ["mp3"], [], "A recording.";
    MP4 = "mp4", "MP4 film", Media, Inert, false, ["mp4", "m4a", "mov", "heic", "avif"], [], "A film or recording.";
    AVI = "avi", "AVI film", Media, Inert, false, ["avi"], [], "A film.";
    MATROSKA = "matroska", "Matroska film", Media, Inert, false, ["mkv", "webm"], [], "A film.";
    FONT = "font", "font", Media, Inert, false, ["ttf", "otf", "woff", "woff2", "ttc"], [], "Letters.";
    PDF = "pdf", "PDF document", Media, Inert, false, ["pdf"], [], "A document for people.";
    OFFICE = "office", "office document", Media, Opened, false,
        ["docx", "xlsx", "pptx", "odt", "ods", "odp", "epub", "docm", "xlsm"], [],
        "A zip archive of XML and pictures for people.";

    // Native code.
    ELF = "elf", "ELF program or library", Executable, Opened, true, ["so", "elf", "o", "ko"], [],
        "Native code of Linux. Loading it runs it.";
    PE = "pe", "Windows program or library", Executable, Opened, true, ["exe", "dll", "pyd", "sys", "scr", "cpl"], [],
        "Native code of Windows. Loading it runs it.";
    MACH_O = "mach-o", "Mach-O program or library", Executable, Opened, true, ["dylib", "bundle"], [],
        "Native code of macOS. Loading it runs it.";
    JAVA_CLASS = "java-class", "Java class", Executable, Unread, true, ["class"], [],
        "Code of the Java machine.";
    DEX = "dex", "Dalvik code", Executable, Unread, true, ["dex"], [],
        "Code of Android.";
    WASM = "wasm", "WebAssembly module", Executable, Unread, true, ["wasm"], [],
        "Code of the WebAssembly machine.";
    APE = "ape", "program for several systems", Executable, Unread, true, ["llamafile", "com"], [],
        "One file that starts on Linux, Windows and macOS; llamafile is one that carries a model.";

    RAW_TENSOR = "raw-tensor", "raw tensor", Model, Inert, false, [], [],
        "Numbers without a header, as PyTorch stores them beside `data.pkl`.";
    EMPTY = "empty", "empty file", Unknown, Inert, false, [], [], "No bytes.";
    UNKNOWN = "unknown", "file of unknown format", Unknown, Unread, false, [], [],
        "None of the formats that wellhead knows.";
}
