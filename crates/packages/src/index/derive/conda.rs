//! conda asks channels in their order; only `strict` stops at the first that knows the name. `flexible`, its default, goes
//! on where no version there fits; `disabled` makes all channels one pool.
//!
//! A bare name is a channel of the alias, and `.condarc` may say that it is another server's.

use super::{Manager, Member, Passing, Pool, SourceCandidate, pip};
use crate::{
    index::{Address, ChannelPriority, IndexEntry, IndexSettings, conda::channel_address},
    manifest::{Manifest, ManifestKind},
    project::{Folders, ancestors, covers, folder},
};
use wellhead_core::{ArtifactPath, Component, Ecosystem, Location, Source};

pub(super) fn pools<'a>(folders: &Folders<'a>, out: &mut Vec<Pool<'a>>) {
    for (path, manifest) in &folders.project.files {
        let settings = &manifest.indexes;
        let conda = pip::has(settings, Manager::Conda);
        match manifest.kind {
            ManifestKind::CondaConfig => {
                let met = |(p, m): (&ArtifactPath, &Manifest)| {
                    m.kind != ManifestKind::CondaConfig
                        && pip::has(&m.indexes, Manager::Conda)
                        && covers(path, p)
                };
                if conda && !folders.project.files.iter().any(met) {
                    let mut pool = pool(folders, path, settings, None);
                    pool.alone = true;
                    out.push(pool);
                }
            }
            kind if conda && !kind.is_lock() && !kind.is_record() => {
                out.push(pool(folders, path, settings, Some(manifest)));
            }
            _ => {}
        }
    }
}

fn pool<'a>(
    folders: &Folders<'a>,
    path: &ArtifactPath,
    settings: &'a IndexSettings,
    manifest: Option<&'a Manifest>,
) -> Pool<'a> {
    let pixi = settings.installer == Some(Manager::Pixi);
    let manager = if pixi { Manager::Pixi } else { Manager::Conda };
    let configs = if pixi { Vec::new() } else { configs(folders, path) };
    let layers: Vec<&IndexSettings> = std::iter::once(settings).chain(configs.iter().copied()).collect();
    let priority = layers.iter().find_map(|s| s.channel_priority.as_ref());
    let how = match priority {
        Some((how, _)) => *how,
        None if pixi => ChannelPriority::Strict,
        None => ChannelPriority::Flexible,
    };
    let mut sources: Vec<SourceCandidate> = Vec::new();
    let mut known = std::collections::BTreeSet::new();
    for entry in channels(settings, &configs, pixi) {
        for address in resolve(&entry, &layers) {
            if known.insert(address.key()) {
                let mut source = SourceCandidate::of(&entry, sources.len());
                source.address = address;
                sources.push(source);
            }
        }
    }
    if how == ChannelPriority::Disabled {
        sources.iter_mut().for_each(|s| s.rank = 0);
    }
    let mut out = Pool::new(manager, path, sources);
    if how == ChannelPriority::Flexible {
        out.passing = Passing::NoVersionFits;
    }
    if how == ChannelPriority::Disabled {
        out.blame = priority.and_then(|(_, at): &(_, Option<Location>)| at.clone());
    }
    out.locked = folders.locked(path);
    out.members = manifest
        .map_or(&[][..], |m| &m.components)
        .iter()
        .filter(|c| c.ecosystem == Ecosystem::Conda)
        .map(|component| member(component, &layers))
        .collect();
    out
}

/// The configuration files that hold for a path, the nearest first.
fn configs<'a>(folders: &Folders<'a>, path: &ArtifactPath) -> Vec<&'a IndexSettings> {
    ancestors(folder(path))
        .flat_map(|here| folders.of(here, ManifestKind::CondaConfig))
        .filter(|(p, _)| *p != path)
        .map(|(_, m)| &m.indexes)
        .collect()
}

/// The channels of the file, then those of the configuration; `nodefaults` keeps Anaconda's own out.
fn channels(settings: &IndexSettings, configs: &[&IndexSettings], pixi: bool) -> Vec<IndexEntry> {
    let of = |s: &IndexSettings| -> Vec<IndexEntry> {
        // Options of a command go before the variables that hold for it.
        let (variables, own) = s
            .entries
            .split_at_checked(s.variables)
            .unwrap_or((&[], &s.entries));
        let entries = own.iter().chain(variables).chain(&s.inherited);
        entries.filter(|e| e.manager == Manager::Conda).cloned().collect()
    };
    let mut out = of(settings);
    let without = out.iter().any(|e| e.name.as_deref() == Some("nodefaults"));
    if !pixi {
        out.extend(configs.iter().flat_map(|s| of(s)));
    }
    out.retain(|e| {
        let name = e.name.as_deref();
        name != Some("nodefaults") && !(without && name == Some("defaults"))
    });
    out
}

/// The addresses of a channel under the configuration: `defaults` may be several.
fn resolve(entry: &IndexEntry, configs: &[&IndexSettings]) -> Vec<Address> {
    let name = entry.name.as_deref().filter(|n| !n.contains("://"));
    let Some(name) = name else {
        return vec![entry.address.clone()];
    };
    let alias = configs.iter().find_map(|s| s.channel_alias.as_deref());
    if name == "defaults" {
        let own: Vec<Address> = configs
            .iter()
            .flat_map(|s| &s.default_channels)
            .map(|c| channel_address(c, alias))
            .collect();
        return if own.is_empty() {
            vec![channel_address(name, None)]
        } else {
            own
        };
    }
    let mut custom = configs.iter().flat_map(|s| &s.custom_channels);
    // A name may have parts, and the first says whose it is.
    let first = name.split('/').next().unwrap_or(name);
    if let Some((_, base)) = custom.find(|(n, _)| n == first || n == name) {
        return vec![channel_address(name, Some(base))];
    }
    vec![channel_address(name, alias)]
}

/// `channel::package` names its channel.
fn member<'a>(component: &'a Component, configs: &[&IndexSettings]) -> Member<'a> {
    let Source::Registry { url: Some(channel) } = &component.source else {
        return Member {
            component,
            named: None,
        };
    };
    let entry = crate::index::conda::channel(channel, component.declared.clone());
    let named = resolve(&entry, configs)
        .into_iter()
        .map(|address| {
            let mut source = SourceCandidate::of(&entry, 0);
            source.address = address;
            source
        })
        .collect();
    Member {
        component,
        named: Some(named),
    }
}
