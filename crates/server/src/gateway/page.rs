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
button,a.button{display:block;width:100%;padding:.65rem;font:inherit;font-weight:600;border:0;border-radius:.4rem;\
cursor:pointer;text-align:center;text-decoration:none;overflow-wrap:anywhere;\
background:light-dark(#1f5fbf,#7eb0ff);color:light-dark(#fff,#0b1a33)}\
p.or{margin:1.25rem 0;text-align:center;font-size:.875rem}\
p.or~form button{background:none;border:1px solid var(--line);color:inherit}\
input:focus-visible,button:focus-visible,a:focus-visible{outline:3px solid light-dark(#7eb0ff,#1f5fbf);outline-offset:2px}";

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

/// What the page is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form<'a> {
    pub(crate) product: &'a str,
    /// Where to go afterwards.
    pub(crate) next: &'a str,
    /// What went wrong.
    pub(crate) said: Option<&'a str>,
    /// What a provider is called, and the link that leads to it.
    pub(crate) provider: Option<(&'a str, &'a str)>,
    /// Whether anybody has a password here.
    pub(crate) passwords: bool,
}

/// The page.
pub(crate) fn sign_in(form: &Form<'_>) -> String {
    let (product, next, said) = (escaped(form.product), escaped(form.next), form.said);
    let said = match said {
        Some(said) => format!("<p class=\"bad\" role=\"alert\">{}</p>", escaped(said)),
        None => "<p>This server asks who you are.</p>".to_owned(),
    };
    let provider = form.provider.map_or_else(String::new, |(name, link)| {
        let (name, link) = (escaped(name), escaped(link));
        format!("<a class=\"button\" href=\"{link}\">Sign in with {name}</a>")
    });
    let or = if form.passwords && form.provider.is_some() {
        "<p class=\"or\">or with a name and a password</p>"
    } else {
        ""
    };
    // Whoever has a provider starts there.
    let focus = if form.provider.is_some() { "" } else { " autofocus" };
    let fields = if form.passwords {
        format!(
            "<form method=\"post\" action=\"{SIGN_IN}\"><input type=\"hidden\" name=\"next\" value=\"{next}\">\
             <label>Name<input name=\"name\" autocomplete=\"username\" autocapitalize=\"none\" required{focus}></label>\
             <label>Password<input name=\"password\" type=\"password\" autocomplete=\"current-password\" required></label>\
             <button>Sign in</button></form>"
        )
    } else {
        String::new()
    };
    page(&format!("<h1>{product}</h1>{said}{provider}{or}{fields}"))
}

/// The page on which a sign-in with a provider ends that came to nothing.
pub(crate) fn stopped(product: &str, said: &str) -> String {
    let (product, said) = (escaped(product), escaped(said));
    page(&format!(
        "<h1>{product}</h1><p class=\"bad\" role=\"alert\">{said}</p>\
         <a class=\"button\" href=\"{SIGN_IN}\">Sign in again</a>"
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
        let evil = "/\"><script>alert('1')</script>";
        let page = sign_in(&Form {
            product: "MLflow",
            next: evil,
            said: Some("<b>"),
            provider: Some((evil, evil)),
            passwords: true,
        });
        assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains("'1'"));
        assert!(page.contains("value=\"/&#34;&#62;&#60;script&#62;"));
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        let form = Form {
            product: "a",
            next: "/",
            said: None,
            provider: None,
            passwords: true,
        };
        let page = sign_in(&form);
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
