//! Patches of Kustomize: strategic merges, and the operations of RFC 6902. A patched value keeps the place of its patch.

use wellhead_formats::text::{Entry, Node, Value};

/// How deep patches are followed.
const DEEPEST: usize = 64;

/// The keys by which items of lists are the same item.
const KEYS: [&str; 6] = ["name", "containerPort", "mountPath", "port", "host", "key"];

/// Joins a patch into an object, as Kubernetes joins its own kinds.
pub(super) fn strategic(base: &mut Node, patch: &Node, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    let deeper = depth.saturating_add(1);
    if directive(patch) == Some("replace") {
        *base = patch.clone();
        remove(base, "$patch");
        return;
    }
    match (&mut base.value, &patch.value) {
        (Value::Table(entries), Value::Table(changes)) => {
            for change in changes.iter().filter(|e| !e.key.starts_with('$')) {
                if change.node.value == Value::Null || directive(&change.node) == Some("delete") {
                    entries.retain(|e| e.key != change.key);
                    continue;
                }
                match entries.iter_mut().rev().find(|e| e.key == change.key) {
                    Some(entry) => strategic(&mut entry.node, &change.node, deeper),
                    None => entries.push(change.clone()),
                }
            }
        }
        (Value::Array(items), Value::Array(changes)) if changes.iter().any(|n| !n.entries().is_empty()) => {
            list(items, changes, deeper);
        }
        _ => *base = patch.clone(),
    }
}

fn directive(node: &Node) -> Option<&str> {
    node.get("$patch").and_then(Node::as_str)
}

fn remove(node: &mut Node, key: &str) {
    if let Value::Table(entries) = &mut node.value {
        entries.retain(|e| e.key != key);
    }
}

fn list(items: &mut Vec<Node>, changes: &[Node], depth: usize) {
    for change in changes {
        let key = KEYS.iter().find_map(|k| Some((*k, change.get(k)?.as_text()?)));
        let same = |n: &Node| key.is_some_and(|(k, value)| n.get(k).and_then(Node::as_text) == Some(value));
        match (items.iter().position(same), directive(change)) {
            (Some(i), Some("delete")) => {
                items.remove(i);
            }
            (None, Some("delete")) => {}
            (Some(i), _) => {
                if let Some(item) = items.get_mut(i) {
                    strategic(item, change, depth);
                }
            }
            // What is new stands first.
            (None, _) => items.push(change.clone()),
        }
    }
}

/// Does one operation of a JSON patch; what points nowhere changes nothing.
pub(super) fn operation(root: &mut Node, operation: &Node) {
    let text = |key: &str| operation.get(key).and_then(Node::as_text);
    let (Some(op), Some(path)) = (text("op"), text("path")) else {
        return;
    };
    let parts: Vec<String> = path
        .trim_start_matches('/')
        .split('/')
        .map(|p| p.replace("~1", "/").replace("~0", "~"))
        .collect();
    let Some((last, above)) = parts.split_last() else {
        return;
    };
    let mut at = root;
    for part in above.iter().take(DEEPEST) {
        let next = match &mut at.value {
            Value::Table(entries) => entries
                .iter_mut()
                .rev()
                .find(|e| e.key == *part)
                .map(|e| &mut e.node),
            Value::Array(items) => part.parse::<usize>().ok().and_then(|i| items.get_mut(i)),
            _ => None,
        };
        let Some(next) = next else { return };
        at = next;
    }
    let value = operation.get("value").cloned();
    match (&mut at.value, op, value) {
        (Value::Table(entries), "remove", _) => entries.retain(|e| e.key != *last),
        (Value::Table(entries), "add" | "replace", Some(value)) => {
            let span = operation.span.clone();
            entries.retain(|e| e.key != *last);
            entries.push(Entry {
                key: last.clone(),
                key_span: span.start..value.span.start.max(span.start),
                node: value,
            });
        }
        (Value::Array(items), "remove", _) => {
            if let Some(i) = last.parse::<usize>().ok().filter(|i| *i < items.len()) {
                items.remove(i);
            }
        }
        (Value::Array(items), "replace", Some(value)) => {
            if let Some(item) = last.parse::<usize>().ok().and_then(|i| items.get_mut(i)) {
                *item = value;
            }
        }
        (Value::Array(items), "add", Some(value)) => {
            let at = if last == "-" {
                items.len()
            } else {
                last.parse().unwrap_or(items.len())
            };
            items.insert(at.min(items.len()), value);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wellhead_core::Budget;
    use wellhead_formats::text::yaml;

    fn read(text: &str) -> Node {
        yaml(text, &mut Budget::default()).unwrap()
    }

    fn shown(node: &Node) -> String {
        match &node.value {
            Value::Table(entries) => {
                let rows: Vec<_> = entries
                    .iter()
                    .map(|e| format!("{}:{}", e.key, shown(&e.node)))
                    .collect();
                format!("{{{}}}", rows.join(","))
            }
            Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(",")),
            _ => node.as_text().unwrap_or("null").to_owned(),
        }
    }

    #[test]
    fn lists_are_joined_by_their_keys() {
        let table = [
            ("a: {b: 1, c: 2}", "a: {b: 3, c: null, d: 4}", "{a:{b:3,d:4}}"),
            (
                "c: [{name: a, x: 1}, {name: b}]",
                "c: [{name: a, y: 2}, {name: n}]",
                "{c:[{name:a,x:1,y:2},{name:b},{name:n}]}",
            ),
            (
                "c: [{name: a}, {name: b}]",
                "c: [{name: a, $patch: delete}]",
                "{c:[{name:b}]}",
            ),
            ("args: [a, b]", "args: [c]", "{args:[c]}"),
            ("s: {a: 1}", "s: {$patch: replace, b: 2}", "{s:{b:2}}"),
        ];
        for (base, patch, expected) in table {
            let mut node = read(base);
            strategic(&mut node, &read(patch), 0);
            assert_eq!(shown(&node), expected, "{patch}");
        }
    }

    #[test]
    fn operations_point_into_tables_and_lists() {
        let table = [
            ("{op: replace, path: /a/b, value: x}", "{a:{b:x},l:[1,2]}"),
            ("{op: add, path: /l/-, value: 3}", "{a:{b:1},l:[1,2,3]}"),
            ("{op: add, path: /l/0, value: 0}", "{a:{b:1},l:[0,1,2]}"),
            ("{op: remove, path: /l/1}", "{a:{b:1},l:[1]}"),
            ("{op: add, path: /a/x~1y, value: z}", "{a:{b:1,x/y:z},l:[1,2]}"),
            ("{op: remove, path: /no/where}", "{a:{b:1},l:[1,2]}"),
            ("{op: remove, path: /l/99}", "{a:{b:1},l:[1,2]}"),
        ];
        for (op, expected) in table {
            let mut node = read("a: {b: 1}\nl: [1, 2]\n");
            operation(&mut node, &read(op));
            assert_eq!(shown(&node), expected, "{op}");
        }
    }
}
