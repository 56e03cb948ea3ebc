//! `s3://bucket/prefix`: objects of a store that speaks S3.

use super::{
    Access, Found, Remote, decoded, encoded, entry,
    http::{Ask, Fault, Network},
    sign,
};
use crate::{Content, TargetError};
use std::sync::Arc;
use wellhead_core::code;

/// Most bytes of one page of a listing.
const ANSWER: u64 = 16 << 20;
/// Most objects below a prefix.
const OBJECTS: usize = 200_000;
/// Most pages of a listing.
const PAGES: usize = 1000;

/// Where the objects of a bucket are: below its name at a store of one's own, at a host of its own at the public one.
fn place(bucket: &str, network: &Network) -> String {
    match &network.options.store {
        Some(store) => format!("{}/{bucket}", store.trim_end_matches('/')),
        None => {
            let region = network.options.region.as_deref().unwrap_or("us-east-1");
            format!("https://{bucket}.s3.{region}.amazonaws.com")
        }
    }
}

pub(super) fn list(bucket: &str, prefix: &str, network: &Arc<Network>) -> Result<Found, TargetError> {
    let place = place(bucket, network);
    let failed = |fault: Fault| TargetError {
        hint: fault.hint.unwrap_or_else(|| {
            "check the name, `AWS_REGION`, `AWS_ENDPOINT_URL` and `AWS_ACCESS_KEY_ID`".to_owned()
        }),
        message: fault.words,
    };
    let mut entries = Vec::new();
    let mut more: Option<String> = None;
    for _ in 0..PAGES {
        let next = more.as_ref().map_or(String::new(), |token| {
            format!("continuation-token={}&", encoded(token, false))
        });
        let url = format!(
            "{place}/?{next}encoding-type=url&list-type=2&prefix={}",
            encoded(prefix, false)
        );
        let answer = network
            .get(&|| Ask {
                url: url.clone(),
                private: sign::headers(&network.options, &url),
                most: ANSWER,
                ..Ask::default()
            })
            .map_err(failed)?;
        if answer.status != 200 {
            let text = String::from_utf8_lossy(&answer.bytes);
            let why = inside(&text, "Code").map_or(String::new(), |c| format!(" ({})", code(c)));
            let mut fault = answer.refusal(&format!("the bucket {}{why}", code(bucket)));
            if network.options.keys.is_none() && matches!(answer.status, 401 | 403) {
                fault = fault.hint("set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`");
            }
            if matches!(answer.status, 301 | 307 | 400) {
                fault = fault.hint("set `AWS_REGION` to the region of the bucket");
            }
            return Err(failed(fault));
        }
        let text = String::from_utf8_lossy(&answer.bytes);
        for object in all(&text, "Contents") {
            if entries.len() >= OBJECTS {
                return Err(failed(Fault::new(format!(
                    "{} has more than {OBJECTS} objects",
                    code(bucket)
                ))));
            }
            entries.extend(taken(object, &place, prefix, network));
        }
        more = inside(&text, "NextContinuationToken").map(plain);
        if more.is_none() {
            entries.sort_by(|a: &crate::Entry, b| a.path.cmp(&b.path));
            if entries.is_empty() {
                return Err(failed(
                    Fault::new(format!(
                        "nothing in the bucket {} begins with {}",
                        code(bucket),
                        code(prefix)
                    ))
                    .hint("check the prefix: it is a folder or an object"),
                ));
            }
            return Ok(Found {
                target: format!("s3://{bucket}/{prefix}"),
                notes: Vec::new(),
                entries,
            });
        }
    }
    Err(failed(Fault::new("the listing of the bucket has no end")))
}

/// An object as an entry, if it lies below the prefix as below a folder.
fn taken(object: &str, place: &str, prefix: &str, network: &Arc<Network>) -> Option<crate::Entry> {
    let key = decoded(&plain(inside(object, "Key")?).replace('+', " "));
    let folder = prefix.trim_end_matches('/');
    let name = if folder.is_empty() {
        key.as_str()
    } else if key == folder {
        key.rsplit('/').next()?
    } else {
        key.strip_prefix(folder)?.strip_prefix('/')?
    };
    // What stands for a folder.
    if name.is_empty() || name.ends_with('/') {
        return None;
    }
    let content = match inside(object, "Size").and_then(|n| n.trim().parse().ok()) {
        Some(len) => Content::Remote(Remote {
            network: Arc::clone(network),
            url: format!("{place}/{}", encoded(&key, true)),
            access: Access::Bucket,
            len,
            claimed: None,
            etag: inside(object, "ETag").map(plain),
        }),
        None => Content::Unreadable {
            why: "the store does not say how long it is".to_owned(),
        },
    };
    Some(entry(name, content))
}

/// What stands between the first `<tag>` and its end.
fn inside<'a>(text: &'a str, tag: &str) -> Option<&'a str> {
    all(text, tag).next()
}

fn all<'a>(text: &'a str, tag: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&open)?;
        let (found, after) = after.split_once(&close)?;
        rest = after;
        Some(found)
    })
}

/// Text of an XML element.
fn plain(text: &str) -> String {
    text.replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}
