//! Which edges of a graph lie on a cycle.
//!
//! Files include files and groups include groups, thousands of them in a hostile tree. Asking for each edge whether its
//! end leads back costs the square of that; the strongly connected parts say it for all edges in one walk (Tarjan), which
//! keeps its own stack.

use std::collections::BTreeMap;

/// The number of the strongly connected part that each name belongs to: an edge lies on a cycle exactly if both of its
/// ends have the same number. Edges to names that are no keys are left out.
pub(crate) fn parts<'a, T>(edges: &'a BTreeMap<&'a str, T>) -> BTreeMap<&'a str, usize>
where
    &'a T: IntoIterator<Item = &'a String>,
{
    let names: Vec<&str> = edges.keys().copied().collect();
    let place: BTreeMap<&str, usize> = names.iter().enumerate().map(|(i, n)| (*n, i)).collect();
    let next: Vec<Vec<usize>> = edges
        .values()
        .map(|targets| {
            targets
                .into_iter()
                .filter_map(|t| place.get(t.as_str()).copied())
                .collect()
        })
        .collect();
    let part = Walk::new(&next).run();
    names.into_iter().zip(part).collect()
}

struct Walk<'a> {
    next: &'a [Vec<usize>],
    /// When each was reached first, from 1 on.
    reached: Vec<usize>,
    /// The earliest that is known to be reachable from it and still open.
    low: Vec<usize>,
    part: Vec<Option<usize>>,
    open: Vec<usize>,
    clock: usize,
}

impl<'a> Walk<'a> {
    fn new(next: &'a [Vec<usize>]) -> Self {
        Self {
            next,
            reached: vec![0; next.len()],
            low: vec![0; next.len()],
            part: vec![None; next.len()],
            open: Vec::new(),
            clock: 0,
        }
    }

    fn run(mut self) -> Vec<usize> {
        for start in 0..self.next.len() {
            if self.reached.get(start) == Some(&0) {
                self.from(start);
            }
        }
        self.part.into_iter().map(Option::unwrap_or_default).collect()
    }

    fn enter(&mut self, node: usize) {
        self.clock = self.clock.saturating_add(1);
        for list in [&mut self.reached, &mut self.low] {
            if let Some(at) = list.get_mut(node) {
                *at = self.clock;
            }
        }
        self.open.push(node);
    }

    fn from(&mut self, start: usize) {
        self.enter(start);
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((node, edge)) = path.last_mut() {
            let (node, at) = (*node, *edge);
            *edge = at.saturating_add(1);
            match self.next.get(node).and_then(|targets| targets.get(at)) {
                Some(target) if self.reached.get(*target) == Some(&0) => {
                    self.enter(*target);
                    path.push((*target, 0));
                }
                Some(target) => {
                    if self.part.get(*target) == Some(&None) {
                        self.lower(node, self.reached.get(*target).copied());
                    }
                }
                None => {
                    path.pop();
                    if let Some((above, _)) = path.last() {
                        self.lower(*above, self.low.get(node).copied());
                    }
                    if self.low.get(node) == self.reached.get(node) {
                        self.close(node);
                    }
                }
            }
        }
    }

    fn lower(&mut self, node: usize, to: Option<usize>) {
        if let (Some(low), Some(to)) = (self.low.get_mut(node), to) {
            *low = to.min(*low);
        }
    }

    /// All that is open since `node` was reached is one part.
    fn close(&mut self, node: usize) {
        while let Some(top) = self.open.pop() {
            if let Some(part) = self.part.get_mut(top) {
                *part = Some(node);
            }
            if top == node {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn graph(edges: &[(u8, u8)]) -> BTreeMap<String, BTreeSet<String>> {
        let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (a, b) in edges {
            out.entry(a.to_string()).or_default().insert(b.to_string());
        }
        out
    }

    fn leads(all: &BTreeMap<String, BTreeSet<String>>, from: &str, to: &str) -> bool {
        let (mut seen, mut waiting) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(at) = waiting.pop() {
            if at == to {
                return true;
            }
            if seen.insert(at.clone()) {
                waiting.extend(all.get(&at).into_iter().flatten().cloned());
            }
        }
        false
    }

    #[test]
    fn a_long_chain_and_a_long_ring_take_one_walk() {
        let n = 100_000_u32;
        let name = |i: u32| format!("{:06}", i % n);
        let ring: BTreeMap<String, Vec<String>> = (0..n).map(|i| (name(i), vec![name(i + 1)])).collect();
        let ring: BTreeMap<&str, Vec<String>> = ring.iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
        let found: BTreeSet<usize> = parts(&ring).into_values().collect();
        assert_eq!(found.len(), 1);
    }

    proptest! {
        #[test]
        fn an_edge_lies_on_a_cycle_if_its_end_leads_back(edges in prop::collection::vec((0u8..8, 0u8..8), 0..20)) {
            let all = graph(&edges);
            let view: BTreeMap<&str, BTreeSet<String>> = all.iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
            let part = parts(&view);
            for (from, targets) in &all {
                for to in targets {
                    let same = part.get(from.as_str()) == part.get(to.as_str());
                    prop_assert_eq!(same, leads(&all, to, from), "{} {}", from, to);
                }
            }
        }
    }
}
