//! The installed record against the one inside the wheel, which whoever changed the environment could not change.

use super::{Gather, join};
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use wellhead_core::{Blob, Budget, DigestAlgorithm, Outcome};
use wellhead_packages::installed::{
    RecordDrift, compare_records, index_links, is_wheel_of, read_record, wheel_record, wheel_tags,
};
use wellhead_rules::environment::{RecordState, WheelDrift};
use wellhead_sources::Wheels;

use crate::{artifact::FileResult, facts::Fact};

/// Largest text that an installer leaves and that is read.
const MAX_TEXT: usize = 256 << 20;

impl Gather<'_, '_> {
    pub(super) fn wheels(&mut self, others: &[FileResult]) {
        let Some(wheels) = &self.options.wheels else {
            return;
        };
        let locked = locked(others);
        let names = wheels.names();
        let this = &*self;
        let compared: Vec<Option<Result<WheelDrift, String>>> = this
            .installed
            .par_iter()
            .map(|one| {
                let has = matches!(one.facts.record, RecordState::Read) && !one.conda;
                // What did not come from an index has no wheel there.
                let from_index = one.facts.direct_url.is_none();
                (has && from_index).then(|| this.wheel(one, wheels, &names, &locked))
            })
            .collect();
        for (at, outcome) in compared.into_iter().enumerate() {
            let Some(one) = self.installed.get_mut(at) else {
                continue;
            };
            match outcome {
                Some(Ok(drift)) => one.facts.wheel = Some(drift),
                Some(Err(why)) => {
                    let artifact = one.facts.info.clone();
                    let why = format!("its record could not be compared with that of its wheel: {why}");
                    self.cover(artifact, Outcome::Partly { why });
                }
                None => {}
            }
        }
    }

    fn wheel(
        &self,
        one: &super::Installed,
        wheels: &Wheels,
        names: &[String],
        locked: &BTreeMap<String, BTreeSet<String>>,
    ) -> Result<WheelDrift, String> {
        let mut budget = Budget::new(self.options.limits.clone(), Arc::clone(&self.options.cancelled));
        let text = |name: &str| -> Option<String> {
            let bytes = self.prefix.text(&join(&one.folder, name), MAX_TEXT)?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        let tags = text("WHEEL").map(|t| wheel_tags(&t)).unwrap_or_default();
        let version = one.facts.version.clone().unwrap_or_default();
        let fits = |file: &str| is_wheel_of(file, &one.facts.name, &version, &tags);
        let wanted = locked.get(&one.facts.name);
        let missing = || "no wheel of its version and tags is there".to_owned();
        let (file, blob) = match wheels.page(&one.facts.name)? {
            Some(page) => {
                let links = index_links(&page);
                let mut links = links.iter().filter(|(file, ..)| fits(file));
                let stated = |digest: &Option<String>| match (wanted, digest) {
                    (Some(wanted), Some(digest)) => wanted.contains(&digest.to_ascii_lowercase()),
                    _ => true,
                };
                let (file, url, _) =
                    links
                        .find(|(_, _, digest)| stated(digest))
                        .ok_or_else(|| match wanted {
                            Some(_) => {
                                "no wheel of its version and tags that the lock admits is there".to_owned()
                            }
                            None => missing(),
                        })?;
                (file.clone(), wheels.open(&one.facts.name, url)?)
            }
            None => {
                let file = names.iter().find(|file| fits(file)).ok_or_else(missing)?;
                (file.clone(), wheels.open(&one.facts.name, file)?)
            }
        };
        // A wheel at hand costs nothing to measure against the lock.
        if let (Wheels::Folder(_), Some(wanted)) = (wheels, wanted) {
            let digest = digest(&blob, &mut budget)?;
            if !wanted.contains(&digest) {
                return Err(format!(
                    "{} is not the wheel that is locked",
                    wellhead_core::code(&file)
                ));
            }
        }
        let theirs = read_record(&wheel_record(&blob, &mut budget)?, &mut budget);
        let ours = read_record(&text("RECORD").unwrap_or_default(), &mut budget);
        if let Some(why) = theirs.outcome.why().or_else(|| ours.outcome.why()) {
            return Err(why.to_owned());
        }
        let RecordDrift {
            changed,
            removed,
            added,
        } = compare_records(&theirs, &ours);
        Ok(WheelDrift {
            wheel: file,
            changed,
            removed,
            added,
        })
    }
}

fn digest(blob: &Blob, budget: &mut Budget) -> Result<String, String> {
    crate::digest::sha256(blob, budget).ok_or_else(|| "it could not be read".to_owned())
}

/// The digests that locks of the same run admit for each package.
fn locked(others: &[FileResult]) -> BTreeMap<String, BTreeSet<String>> {
    let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for fact in others.iter().flat_map(|r| &r.facts) {
        let Fact::Manifest(_, manifest) = fact else {
            continue;
        };
        for component in &manifest.components {
            let digests = component
                .hashes
                .iter()
                .filter(|d| d.algorithm == DigestAlgorithm::Sha256);
            let digests: Vec<String> = digests.map(|d| d.hex.to_ascii_lowercase()).collect();
            if !digests.is_empty() {
                out.entry(component.name.clone()).or_default().extend(digests);
            }
        }
    }
    out
}
