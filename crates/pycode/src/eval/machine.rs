//! Follows what the files of a package do, without running them.

use super::sinks;
use crate::{
    behaviour::{Analysis, SinkRecord, SourceFile},
    module::{Argument, Module, Value},
    python::parse,
};
use std::collections::BTreeSet;
use wellhead_core::{Budget, Outcome};

/// Most records that are kept of a package.
const MOST: usize = 20_000;
/// The longest argument that is quoted, in characters.
const QUOTED: usize = 400;

pub(crate) fn analyse(files: &[SourceFile<'_>], budget: &mut Budget) -> Analysis {
    let mut analysis = Analysis {
        records: Vec::new(),
        layers: Vec::new(),
        outcome: Outcome::Analysed,
    };
    for file in files.iter().filter(|f| f.path.ends_with(".py")) {
        let module = parse(file.text, budget);
        let outcome = std::mem::replace(&mut analysis.outcome, Outcome::Analysed);
        analysis.outcome = outcome.and(module.outcome.clone());
        read(file.path, &module, &mut analysis);
    }
    analysis
}

fn read(path: &str, module: &Module, analysis: &mut Analysis) {
    let stages = module.flow.stages();
    for call in &module.calls {
        let known = call.callees.iter().find_map(|c| Some((c, sinks::kind_of(c)?)));
        let Some((callee, kind)) = known.filter(|_| analysis.records.len() < MOST) else {
            continue;
        };
        let positional = call.positional.iter().map(words);
        let keywords = call
            .keywords
            .iter()
            .map(|k| format!("{}={}", k.name, words(&k.argument)));
        analysis.records.push(SinkRecord {
            module: path.to_owned(),
            function: module
                .flow
                .scopes
                .get(call.place.scope)
                .map_or_else(String::new, |s| s.name.clone()),
            callee: callee.clone(),
            kind,
            arguments: positional.chain(keywords).collect(),
            sources: BTreeSet::new(),
            stage: Module::stage(call.place, &stages),
            layer: 0,
            range: call.range.clone(),
            hops: Vec::new(),
        });
    }
}

fn words(argument: &Argument) -> String {
    match &argument.value {
        Value::Text(text) => text.chars().take(QUOTED).collect(),
        Value::Int(n) => n.to_string(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::None => "None".to_owned(),
        _ => "…".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::sinks;
    use crate::{SinkKind, SourceFile, analyse_package};
    use wellhead_core::Budget;

    #[test]
    fn a_call_with_an_effect_is_a_record() {
        let files = [SourceFile {
            path: "a/b.py",
            text: "import os\ndef f(): os.system('id')\n",
        }];
        let analysis = analyse_package(&files, &mut Budget::default());
        let record = &analysis.records[0];
        assert_eq!((record.kind, record.function.as_str()), (SinkKind::Process, "f"));
        assert_eq!(record.arguments, ["id"]);
    }
}
