//! `https://host/model.pt`: one file of a web server.

use super::{
    Access, Found, Remote, decoded, entry,
    file::{WHOLE, content_range},
    http::{Ask, Fault, Network, without_query},
};
use crate::{Content, TargetError};
use std::sync::Arc;
use wellhead_core::{Blob, code};

/// What is asked for to learn the length; the first bytes are needed anyway, but from the file itself.
const FIRST: u64 = 0;

pub(super) fn list(url: &str, network: &Arc<Network>) -> Result<Found, TargetError> {
    let url = url.split('#').next().unwrap_or_default();
    let failed = |fault: Fault| TargetError {
        hint: fault
            .hint
            .unwrap_or_else(|| "check the address, the connection and the proxy".to_owned()),
        message: fault.words,
    };
    let answer = network
        .get(&|| Ask {
            url: url.to_owned(),
            range: Some((FIRST, FIRST)),
            most: WHOLE.saturating_add(1),
            ..Ask::default()
        })
        .map_err(failed)?;
    let shown = code(&without_query(url));
    let etag = answer.header("etag").map(str::to_owned);
    let content = match answer.status {
        206 => match content_range(&answer) {
            Some((_, _, Some(len))) => Content::Remote(Remote {
                network: Arc::clone(network),
                url: url.to_owned(),
                access: Access::Open,
                len,
                claimed: None,
                etag,
            }),
            _ => {
                return Err(failed(Fault::new(format!("{shown} does not say how long it is"))));
            }
        },
        // An empty file has no first byte.
        416 => Content::Blob(Blob::from_bytes(Vec::new())),
        200 if answer.bytes.len() as u64 <= WHOLE => Content::Blob(Blob::from_bytes(answer.bytes)),
        200 => {
            return Err(failed(
                Fault::new(format!(
                    "{shown} can only be had whole, and is larger than {WHOLE} bytes"
                ))
                .hint("download it and audit the file"),
            ));
        }
        _ => return Err(failed(answer.refusal(&shown))),
    };
    let name = without_query(url);
    let name = name.split_once("://").map_or("", |(_, rest)| rest);
    let name = decoded(name.split_once('/').map_or("", |(_, path)| path));
    let name = name.rsplit('/').find(|part| !part.is_empty()).unwrap_or("index");
    Ok(Found {
        target: without_query(url),
        notes: Vec::new(),
        entries: vec![entry(name, content)],
    })
}
