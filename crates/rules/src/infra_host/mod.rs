//! What listens on a machine: who reaches it, and whether that was meant.

mod listens_wider_than_told;
mod open_listener;

use crate::{Check, Registered};
use wellhead_core::{Location, Sink, code};
use wellhead_infra::{HostDocument, Listener};

pub(crate) static RULES: &[Registered] = &[
    Registered {
        rule: &listens_wider_than_told::LISTENS_WIDER_THAN_TOLD,
        check: Check::Host(listens_wider_than_told::check),
    },
    Registered {
        rule: &open_listener::OPEN_LISTENER,
        check: Check::Host(open_listener::check),
    },
];

/// How many sockets of one process are shown.
const MOST_SHOWN: usize = 8;

/// The sockets that others reach and the process that holds them, with the one that it serves for.
fn place(document: &HostDocument, listener: &Listener<'_>, sink: &Sink) -> Location {
    let text = &document.text;
    let mut sockets = listener
        .wide
        .iter()
        .take(MOST_SHOWN)
        .map(|s| (s.span.clone(), s.place()));
    let mut place = match sockets.next() {
        Some((span, says)) => sink.text(text, span, format!("listens on {says}")),
        None => sink.whole(""),
    };
    for (span, says) in sockets {
        place = sink.and(place, text, span, format!("and on {says}"));
    }
    let by = if listener.process.pid == listener.starter.pid {
        "the process"
    } else {
        "serves for the process above it"
    };
    let by = if listener.process.container {
        format!("{by}, in a container that shares the machine's network")
    } else {
        by.to_owned()
    };
    // What was said of where to listen is shown in its line.
    let inside = |t: &std::ops::Range<usize>| listener.process.span.contains(&t.start);
    if !listener.told.as_ref().is_some_and(inside) {
        place = sink.and(place, text, listener.process.span.clone(), by);
    }
    if listener.process.pid != listener.starter.pid {
        place = sink.and(place, text, listener.starter.span.clone(), "was started as this");
    }
    place
}

/// What it is called: the product, else the program.
fn name(listener: &Listener<'_>) -> String {
    match listener.product {
        Some(product) => product.name.to_owned(),
        None => {
            let words = &listener.starter.command.words;
            // `python -m http.server` is not called `python`.
            let module = words
                .iter()
                .position(|w| w.text == "-m")
                .and_then(|at| words.get(at.saturating_add(1)));
            module.map_or_else(|| code(listener.starter.command.program()), |m| code(&m.text))
        }
    }
}

/// What has to be known of any finding here.
const FIREWALL: &str = "a firewall in front of this machine is not seen from here";

#[cfg(test)]
mod tests;
