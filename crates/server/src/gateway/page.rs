//! The page on which people sign in: one file, nothing from elsewhere, no script.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::header::HeaderValue;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

const STYLE: &str = "\
:root{color-scheme:light dark;--line:light-dark(#c9ced6,#454b55);--bad:light-dark(#a4161a,#ff8f8f)}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;display:grid;place-items:center;font:16px/1.5 system-ui,sans-serif;\
background:light-dark(#f4f5f7,#16181c);color:light-dark(#1c2026,#e8eaee)}\
main{width:min(22rem,calc(100vw - 2rem));padding:1.75rem;border:1px solid var(--line);border-radius:.75rem;\
background:light-dark(#fff,#1e2127)}\
h1{font-size:1.25rem;margin:0 0 .25rem}p{margin:0 0 1.25rem;color:light-dark(#565d68,#a4abb6)}\
p.bad{color:var(--bad)}label{display:block;font-weight:600;margin:0 0 1rem}\
input{display:block;width:100%;margin-top:.25rem;padding:.6rem .7rem;font:inherit;color:inherit;\
background:light-dark(#fff,#16181c);border:1px solid var(--line);border-radius:.4rem}\
button{width:100%;padding:.65rem;font:inherit;font-weight:600;border:0;border-radius:.4rem;cursor:pointer;\
background:light-dark(#1f5fbf,#7eb0ff);color:light-dark(#fff,#0b1a33)}\
input:focus-visible,button:focus-visible{outline:3px solid light-dark(#7eb0ff,#1f5fbf);outline-offset:2px}";

/// Where the page is, and what it sends.
pub(crate) const SIGN_IN: &str = "/.wellhead/sign-in";
/// Where a session ends.
pub(crate) const SIGN_OUT: &str = "/.wellhead/sign-out";
/// What is ours and never sent on.
pub(crate) const OWN: &str = "/.wellhead";

/// What nothing from elsewhere may do to the page: run, load, frame or receive what is typed.
pub(crate) fn policy() -> HeaderValue {
    let digest = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    let text = format!(
        "default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    );
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}

/// The page. `next`: where to go afterwards. `said`: what went wrong.
pub(crate) fn sign_in(product: &str, next: &str, said: Option<&str>) -> String {
    let (product, next) = (escaped(product), escaped(next));
    let said = match said {
        Some(said) => format!("<p class=\"bad\" role=\"alert\">{}</p>", escaped(said)),
        None => "<p>This server asks who you are.</p>".to_owned(),
    };
    page(&format!(
        "<h1>{product}</h1>{said}\
         <form method=\"post\" action=\"{SIGN_IN}\"><input type=\"hidden\" name=\"next\" value=\"{next}\">\
         <label>Name<input name=\"name\" autocomplete=\"username\" autocapitalize=\"none\" required autofocus></label>\
         <label>Password<input name=\"password\" type=\"password\" autocomplete=\"current-password\" required></label>\
         <button>Sign in</button></form>"
    ))
}

/// The page on which one signs out.
pub(crate) fn sign_out(user: &str) -> String {
    let user = escaped(user);
    page(&format!(
        "<h1>Signed in as {user}</h1><p>Signing out ends this session here.</p>\
         <form method=\"post\" action=\"{SIGN_OUT}\"><button>Sign out</button></form>"
    ))
}

fn page(main: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Sign in</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"referrer\" content=\"same-origin\"><style>{STYLE}</style></head><body><main>{main}</main></body></html>\n"
    )
}

/// Text that is only text in HTML, also inside of quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '"' | '\'' | '`' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_was_asked_for_becomes_markup() {
        let page = sign_in("MLflow", "/\"><script>alert('1')</script>", Some("<b>"));
        assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains("'1'"));
        assert!(page.contains("value=\"/&#34;&#62;&#60;script&#62;"));
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        let page = sign_in("a", "/", None);
        for mark in ["http:", "https:", "src=", "url(", "<script", "<link"] {
            assert!(!page.contains(mark), "{mark}");
        }
        assert!(page.contains("color-scheme:light dark"));
        assert!(
            policy()
                .to_str()
                .unwrap()
                .starts_with("default-src 'none'; style-src 'sha256-")
        );
    }
}
