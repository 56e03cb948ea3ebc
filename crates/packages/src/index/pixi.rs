//! Where pixi takes packages from: `channels`, `channel-priority`, `[pypi-options]`, in `pixi.toml` and `[tool.pixi]`.

use super::{
    Address, ChannelPriority, IndexEntry, IndexRole, IndexSettings, Manager, conda::channel, uv::strategy,
};
use wellhead_core::Location;
use wellhead_formats::text::Node;

/// Takes the settings of a manifest of pixi: its root table, `at` for places in it.
pub(crate) fn pixi_settings(
    root: &Node,
    at: &dyn Fn(std::ops::Range<usize>, &str) -> Location,
    settings: &mut IndexSettings,
) {
    settings.installer = Some(Manager::Pixi);
    let workspace = ["workspace", "project"].into_iter().find_map(|key| root.get(key));
    let features = root.get("feature").map(Node::entries).unwrap_or_default();
    // Channels of a feature go before those of the workspace.
    for table in features.iter().map(|e| &e.node).chain(workspace) {
        for item in table.get("channels").map(Node::items).unwrap_or_default() {
            let named = item
                .as_str()
                .or_else(|| item.get("channel").and_then(Node::as_str));
            if let Some(text) = named {
                let declared = at(item.span.clone(), "named here");
                settings.entries.push(channel(text, declared));
            }
        }
        if let Some(node) = table.get("channel-priority")
            && node.as_str() == Some("disabled")
        {
            let place = at(node.span.clone(), "");
            settings.channel_priority = Some((ChannelPriority::Disabled, Some(place)));
        }
    }
    let options = features.iter().map(|e| &e.node).chain(workspace).chain([root]);
    for table in options.filter_map(|t| t.get("pypi-options")) {
        pypi_options(table, at, settings);
    }
}

fn pypi_options(
    table: &Node,
    at: &dyn Fn(std::ops::Range<usize>, &str) -> Location,
    settings: &mut IndexSettings,
) {
    for (key, role) in [
        ("extra-index-urls", IndexRole::Extra),
        ("index-url", IndexRole::Default),
        ("find-links", IndexRole::FindLinks),
    ] {
        let Some(value) = table.get(key) else { continue };
        for node in std::iter::once(value).chain(value.items()) {
            let place = node.get("path").or_else(|| node.get("url"));
            if let Some(url) = node.as_str().or_else(|| place.and_then(Node::as_str)) {
                settings.entries.push(IndexEntry {
                    manager: Manager::Pixi,
                    role,
                    name: None,
                    address: Address::new(url),
                    declared: at(node.span.clone(), "named here"),
                });
            }
        }
    }
    if let Some(node) = table.get("index-strategy") {
        settings.pypi_strategy = Some((strategy(node.as_str()), at(node.span.clone(), "")));
    }
}
