//! `wellhead explain` and `wellhead rules`.

use crate::{
    Exit,
    args::{Explain, Global, ListFormat, Rules},
    environment::Environment,
    failure::Failure,
    output,
};
use wellhead_report::explain::{ExplainOptions, RulesFormat, explain, rules_table};

fn options(global: &Global, environment: &Environment) -> ExplainOptions {
    ExplainOptions {
        colour: environment.colour(global.color),
        width: environment.width(),
    }
}

/// `wellhead explain RULE`.
pub(crate) fn run(args: &Explain, global: &Global, environment: &Environment) -> Result<Exit, Failure> {
    let rules = wellhead_rules::rules();
    let Some(rule) = rules.iter().copied().find(|r| r.id == args.rule) else {
        let failure = Failure::new(format!("there is no rule {}", wellhead_core::code(&args.rule)));
        let hint = wellhead_engine::did_you_mean(&args.rule, rules.iter().map(|r| r.id));
        return Err(failure.hint(hint.unwrap_or_else(|| "`wellhead rules` lists them".to_owned())));
    };
    let text = match args.format {
        ListFormat::Text => explain(rule, &rules, &options(global, environment)),
        ListFormat::Json => rules_table(&[rule], &RulesFormat::Json),
        ListFormat::Markdown => rule.page.to_owned(),
    };
    output::to_stdout(text.as_bytes())
}

/// `wellhead rules`.
pub(crate) fn list(args: &Rules, global: &Global, environment: &Environment) -> Result<Exit, Failure> {
    let mut rules = wellhead_rules::rules();
    rules.retain(|r| args.measure.is_none_or(|m| r.measure == m));
    let format = match args.format {
        ListFormat::Text => RulesFormat::Text(options(global, environment)),
        ListFormat::Json => RulesFormat::Json,
        ListFormat::Markdown => RulesFormat::Markdown,
    };
    output::to_stdout(rules_table(&rules, &format).as_bytes())
}
