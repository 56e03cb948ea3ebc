use super::*;

/// One letter a judgement: `a`llowed, `D`angerous, `u`nknown.
fn verdict(path: &str, usage: Usage) -> char {
    let (module, name) = path.split_once(' ').unwrap();
    match judge(module, name, usage) {
        Judgement::Allowed => 'a',
        Judgement::Dangerous(_) => 'D',
        Judgement::Unknown => 'u',
    }
}

#[test]
fn the_table_is_toml_of_the_shape_that_is_read() {
    let whole: toml::Table = TEXT.parse().unwrap();
    let fast = entries(TEXT);
    for (kind, allows) in [("allow", true), ("danger", false)] {
        let slow = whole[kind].as_array().unwrap();
        let fast: Vec<_> = fast.iter().filter(|e| e.allows == allows).collect();
        assert_eq!(slow.len(), fast.len());
        for (a, b) in slow.iter().zip(fast) {
            let a = a.as_table().unwrap();
            for key in ["modules", "names"] {
                let list: Vec<_> = a.get(key).map_or(Vec::new(), |l| {
                    l.as_array()
                        .unwrap()
                        .iter()
                        .map(|n| n.as_str().unwrap())
                        .collect()
                });
                assert_eq!(list, super::list(b.raw(key)), "{key}");
            }
            for key in ["may", "class", "does", "cve", "reason"] {
                assert_eq!(a.get(key).map_or("", |v| v.as_str().unwrap()), b.text(key));
            }
            let reason = if allows { "reason" } else { "does" };
            assert!(
                !b.text(reason).is_empty() && !b.text(reason).ends_with('.'),
                "{a:?}"
            );
            assert!(
                b.text("may")
                    .split_whitespace()
                    .all(|w| super::usage(w).is_some()),
                "{a:?}"
            );
        }
    }
}

#[test]
fn nothing_is_both_allowed_and_dangerous_by_name() {
    for (place, module) in TABLE.exact.iter().chain(&TABLE.below) {
        for name in TABLE.allowing(module).flat_map(|a| a.names.sorted()) {
            let known = matches!(
                (*place, *name),
                ("numpy", "memmap" | "vectorize") | ("torch", "compile") | ("torch._C", _)
            );
            let dangerous = TABLE.endangering(module).any(|(names, _)| names.contain(name));
            assert!(known || !dangerous, "{place} {name}");
        }
    }
}

#[test]
fn what_ordinary_models_need_is_allowed() {
    for (path, usage) in [
        ("collections OrderedDict", Usage::Call),
        ("torch._utils _rebuild_tensor_v2", Usage::Call),
        ("torch FloatStorage", Usage::Reference),
        ("torch.storage _load_from_bytes", Usage::Call),
        ("torch.nn.modules.linear Linear", Usage::New),
        ("torch.optim.adam Adam", Usage::State),
        ("numpy.core.multiarray _reconstruct", Usage::Call),
        ("numpy._core.multiarray scalar", Usage::Call),
        ("numpy ndarray", Usage::State),
        ("numpy memmap", Usage::Reference),
        ("numpy.random._pickle __randomstate_ctor", Usage::Call),
        ("numpy.random __RandomState_ctor", Usage::Call),
        ("pandas.api.typing DataFrameGroupBy", Usage::New),
        ("morfessor.baseline BaselineModel", Usage::State),
        ("morfessor.baseline ConstrNode", Usage::New),
        ("sklearn.ensemble._forest RandomForestClassifier", Usage::New),
        ("sklearn.tree._tree Tree", Usage::Call),
        ("sklearn.neighbors._kd_tree newObj", Usage::Call),
        ("scipy.sparse._csr csr_matrix", Usage::New),
        ("pandas.core.frame DataFrame", Usage::New),
        ("pandas._libs.internals _unpickle_block", Usage::Call),
        ("joblib.numpy_pickle NumpyArrayWrapper", Usage::State),
        ("transformers.training_args TrainingArguments", Usage::State),
        ("transformers.trainer_utils IntervalStrategy", Usage::Call),
        (
            "transformers.trainer_utils IntervalStrategy.STEPS",
            Usage::Reference,
        ),
        ("argparse Namespace", Usage::State),
        ("datetime datetime", Usage::Call),
        ("pathlib PosixPath", Usage::Call),
        ("builtins set", Usage::Call),
        ("builtins bytearray", Usage::Call),
        ("_codecs encode", Usage::Call),
        ("copyreg _reconstructor", Usage::Call),
        ("functools partial", Usage::Call),
        ("zoneinfo ZoneInfo._unpickle", Usage::Call),
        ("xgboost.core Booster", Usage::State),
        ("lightgbm.sklearn LGBMClassifier", Usage::New),
    ] {
        assert_eq!(verdict(path, usage), 'a', "{path} {usage:?}");
    }
}

/// One of each family of the requirements and then some; a wildcard module stands for all its names.
#[test]
fn what_gives_an_attacker_power_is_dangerous() {
    for path in [
        "os system",
        "os.path exists",
        "posix system",
        "nt system",
        "subprocess Popen",
        "subprocess check_output",
        "_posixsubprocess fork_exec",
        "pty spawn",
        "commands getoutput",
        "multiprocessing.util spawnv_passfds",
        "asyncio.unix_events _UnixSubprocessTransport._start",
        "builtins eval",
        "builtins exec",
        "builtins compile",
        "builtins __import__",
        "builtins open",
        "builtins getattr",
        "builtins setattr",
        "builtins globals",
        "builtins vars",
        "builtins input",
        "builtins help",
        "builtins breakpoint",
        "builtins map",
        "builtins filter",
        "builtins memoryview",
        "builtins apply",
        "builtins execfile",
        "importlib import_module",
        "importlib._bootstrap _gcd_import",
        "importlib.util spec_from_file_location",
        "imp load_source",
        "zipimport zipimporter",
        "pkgutil resolve_name",
        "pydoc locate",
        "runpy run_path",
        "_frozen_importlib _gcd_import",
        "code InteractiveInterpreter.runcode",
        "codeop compile_command",
        "timeit timeit",
        "cProfile run",
        "profile run",
        "pdb run",
        "bdb Bdb.run",
        "trace Trace.run",
        "doctest debug_script",
        "idlelib.run Executive.runcode",
        "idlelib.pyshell ModifiedInterpreter.runcode",
        "lib2to3.pgen2.grammar Grammar.loads",
        "unittest main",
        "_interpreters run_string",
        "_xxsubinterpreters run_string",
        "pip main",
        "pip._internal main",
        "ensurepip _run_pip",
        "ensurepip bootstrap",
        "venv create",
        "uuid _get_command_stdout",
        "_osx_support _read_output",
        "_aix_support _read_cmd_output",
        "_pyrepl.pager pipe_pager",
        "imaplib IMAP4_stream",
        "test.support.script_helper run_python_until_end",
        "platform popen",
        "platform _syscmd_ver",
        "mailcap findmatch",
        "pipes Template",
        "webbrowser open",
        "antigravity geohash",
        "sysconfig _main",
        "distutils.spawn spawn",
        "setuptools._distutils.spawn spawn",
        "ctypes.util find_library",
        "ctypes CDLL",
        "_ctypes dlopen",
        "cffi FFI",
        "numpy.ctypeslib load_library",
        "torch.ops load_library",
        "torch.classes load_library",
        "xgboost.core _load_lib",
        "scipy LowLevelCallable",
        "operator attrgetter",
        "_operator methodcaller",
        "operator itemgetter",
        "operator call",
        "functools reduce",
        "functools cached_property",
        "types MethodType",
        "types DynamicClassAttribute",
        "string Formatter.get_field",
        "inspect getmembers",
        "gc get_objects",
        "sys _getframe",
        "sys modules",
        "weakref finalize",
        "atexit register",
        "signal signal",
        "contextlib ExitStack",
        "sched scheduler",
        "threading Timer",
        "unittest.mock _importer",
        "types CodeType",
        "types FunctionType",
        "marshal loads",
        "cloudpickle.cloudpickle _make_function",
        "cloudpickle.cloudpickle subimport",
        "dill._dill _create_function",
        "dill _import_module",
        "dill _load_type",
        "dill.dill _create_function",
        "dill._dill _eval_repr",
        "dill._dill _unmarshal",
        "dill._dill os.system",
        "dill._dill _create_array.__globals__",
        "dill.session load_session",
        "torch.fx.graph_module _exec_with_source",
        "torch.fx.graph_module reduce_graph_module",
        "torch.jit CompilationUnit",
        "torch.package PackageImporter",
        "itertools starmap",
        "itertools accumulate",
        "itertools takewhile",
        "itertools dropwhile",
        "itertools filterfalse",
        "itertools groupby",
        "statistics quantiles",
        "functools cmp_to_key",
        "enum _simple_enum",
        "logging Filterer.filter",
        "typing get_type_hints",
        "typing _eval_type",
        "typing ForwardRef._evaluate",
        "dataclasses _create_fn",
        "dataclasses make_dataclass",
        "collections namedtuple",
        "pickle loads",
        "_pickle loads",
        "_pickle Unpickler",
        "dill loads",
        "cloudpickle loads",
        "joblib load",
        "joblib.numpy_pickle load",
        "pandas read_pickle",
        "pandas.io.pickle read_pickle",
        "numpy load",
        "torch load",
        "torch.hub load",
        "torch.jit load",
        "torch.serialization load",
        "shelve open",
        "dbm open",
        "networkx read_gpickle",
        "mlflow.pyfunc load_model",
        "keras.models load_model",
        "spacy load",
        "nltk.data load",
        "yaml load",
        "pandas eval",
        "pandas.core.computation.eval eval",
        "numexpr evaluate",
        "sympy.core.sympify sympify",
        "sympy.parsing.sympy_parser parse_expr",
        "jinja2.environment Environment",
        "numpy.f2py.crackfortran getlincoef",
        "numpy.f2py.crackfortran _eval_length",
        "numpy.testing._private.utils runstring",
        "numpy.testing runstring",
        "torch.fx.experimental.symbolic_shapes ShapeEnv.evaluate_guards_expression",
        "torch._dynamo.guards GuardBuilder.get",
        "torch.utils.collect_env run",
        "torch.utils.bottleneck.__main__ run_cprofile",
        "torch.utils.bottleneck.__main__ run_autograd_prof",
        "torch.utils._config_module load_config",
        "torch._inductor.codecache compile_file",
        "torch._inductor.codecache PyCodeCache.load",
        "torch.jit.unsupported_tensor_ops execWrapper",
        "torch.utils.data.datapipes.utils.decoder basichandlers",
        "torch.utils.cpp_extension load_inline",
        "torch.distributed.run main",
        "torch.distributed.rpc rpc_sync",
        "torch.multiprocessing.spawn spawn",
        "torch.utils.model_zoo load_url",
        "torch.onnx export",
        "torch.testing._internal.common_utils run_tests",
        "transformers.dynamic_module_utils get_class_in_module",
        "transformers pipeline",
        "huggingface_hub snapshot_download",
        "hydra.utils instantiate",
        "hydra._internal.utils _locate",
        "mlflow.projects.backend.local _run_entry_point",
        "tensorflow.io.gfile GFile",
        "tensorflow.raw_ops ReadFile",
        "keras.utils get_file",
        "gunicorn.util import_app",
        "werkzeug.utils import_string",
        "django.utils.module_loading import_string",
        "pydantic.utils import_string",
        "IPython embed",
        "pytest main",
        "invoke run",
        "fabric Connection",
        "sh Command",
        "plumbum local",
        "pexpect spawn",
        "psutil Popen",
        "twisted.internet.utils getProcessOutput",
        "execnet makegateway",
        "io FileIO",
        "_io FileIO",
        "io open",
        "_io open",
        "codecs open",
        "tokenize open",
        "pathlib Path.write_text",
        "shutil rmtree",
        "tempfile mktemp",
        "zipfile ZipFile",
        "tarfile open",
        "sqlite3 connect",
        "logging FileHandler",
        "logging.config dictConfig",
        "numpy save",
        "numpy memmap",
        "numpy fromfile",
        "distutils.file_util write_file",
        "argparse FileType",
        "dotenv load_dotenv",
        "csv reader",
        "configparser ConfigParser.read",
        "linecache getlines",
        "fileinput input",
        "xml.etree.ElementTree parse",
        "socket create_connection",
        "_socket socket",
        "ssl get_server_certificate",
        "http.client HTTPConnection",
        "urllib.request urlopen",
        "requests get",
        "requests.api get",
        "httpx get",
        "aiohttp request",
        "ftplib FTP",
        "smtplib SMTP",
        "poplib POP3",
        "nntplib NNTP",
        "telnetlib Telnet",
        "xmlrpc.client ServerProxy",
        "boto3 client",
        "paramiko SSHClient",
        "pandas read_csv",
        "pandas.io.parsers.readers read_csv",
        "fsspec open",
        "smart_open open",
        "numpy.core _ufunc_reconstruct",
        "numpy vectorize",
        "code interact",
    ] {
        assert_eq!(verdict(path, Usage::Call), 'D', "{path}");
    }
}

/// A harmless module is a way to a dangerous one when names may have dots.
#[test]
fn dotted_names_are_refused() {
    for (path, is) in [
        ("builtins eval.__call__", 'D'),
        ("random _os.system", 'D'),
        ("torch.serialization pickle.loads", 'D'),
        ("collections OrderedDict.__init__.__globals__", 'D'),
        ("copyreg __newobj__.__globals__", 'D'),
        ("numpy.core._internal ctypes.CDLL", 'D'),
        ("sklearn.utils os.system", 'D'),
        ("sklearn.base warnings.sys.modules", 'D'),
        ("torch._utils importlib.import_module", 'D'),
        ("logging os.popen", 'D'),
        ("datetime sys.modules", 'D'),
        ("decimal Decimal.from_float", 'u'),
        ("sklearn.base BaseEstimator.get_params", 'u'),
    ] {
        assert_eq!(verdict(path, Usage::Call), is, "{path}");
    }
}

#[test]
fn nothing_is_known_of_the_rest() {
    for (path, usage) in [
        ("__main__ Model", Usage::New),
        ("modeling_x Layer", Usage::New),
        ("models.yolo Model", Usage::Reference),
        ("builtins len", Usage::Call),
        ("dill._dill _load_type", Usage::Call),
        ("dill._dill _create_array", Usage::Call),
        ("numpy.core.fromnumeric mean", Usage::Call),
        ("torch.nn.functional relu", Usage::Call),
        ("? ?", Usage::Call),
        ("sklearn.utils helper", Usage::Call),
        (" ", Usage::Reference),
    ] {
        assert_eq!(verdict(path, usage), 'u', "{path}");
    }
}

#[test]
fn the_table_is_read_in_less_than_a_millisecond_when_optimised() {
    let start = std::time::Instant::now();
    let table = Table::parse(TEXT);
    let limit = if cfg!(debug_assertions) { 100 } else { 2 };
    assert!(start.elapsed().as_millis() < limit);
    assert!(table.danger.len() > 20);
}

/// What `_create_array` of dill is handed is called by it.
#[test]
fn what_a_maker_of_arrays_is_handed_is_judged() {
    let said: Vec<_> = crate::pickle::tests::findings(
        "PROTO 2\nGLOBAL 'dill._dill _create_array'\nGLOBAL 'os system'\nBINUNICODE 'x'\nTUPLE1\nTUPLE2\nREDUCE\nSTOP",
    )
    .iter()
    .map(|f| f.severity.name())
    .collect();
    assert!(said.contains(&"critical") && said.contains(&"high"), "{said:?}");
}
