//! Which rules are asked.

use wellhead_core::{Level, Rule, RuleStatus};

/// What `--select`, `--ignore` and `--preview` say. Names are rule ids or measures.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these; all where empty.
    pub select: Vec<String>,
    /// Not these.
    pub ignore: Vec<String>,
    /// Also rules that are still tried out.
    pub preview: bool,
}

impl Selection {
    /// Whether a rule is asked, under a policy's levels.
    pub fn enables(&self, rule: &Rule, levels: &[(String, Level)]) -> bool {
        let named = |names: &[String]| names.iter().any(|n| n == rule.id || n == rule.measure.name());
        let allowed = levels
            .iter()
            .rev()
            .find(|(id, _)| id == rule.id)
            .map(|(_, level)| *level);
        allowed != Some(Level::Allow)
            && (self.select.is_empty() || named(&self.select))
            && !named(&self.ignore)
            && (self.preview || rule.status == RuleStatus::Stable || self.select.iter().any(|n| n == rule.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wellhead_rules::UNUSED_IGNORE as RULE;

    #[test]
    fn rules_are_selected_by_id_or_measure() {
        let names = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        for (select, ignore, enabled) in [
            (&[][..], &[][..], true),
            (&["unused-ignore"], &[], true),
            (&["integrity"], &[], true),
            (&["sources"], &[], false),
            (&[], &["integrity"], false),
            (&["integrity"], &["unused-ignore"], false),
        ] {
            let selection = Selection {
                select: names(select),
                ignore: names(ignore),
                preview: false,
            };
            assert_eq!(selection.enables(&RULE, &[]), enabled, "{select:?} {ignore:?}");
        }
        assert!(!Selection::default().enables(&RULE, &[("unused-ignore".to_owned(), Level::Allow)]));
    }
}
