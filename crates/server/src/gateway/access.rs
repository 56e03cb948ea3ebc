//! Who asks: passwords, tokens, sessions.
//!
//! Whatever cannot be decided is "no". An unknown user costs the same Argon2 as a known one and gets the same answer.

use super::{
    files::Stamp,
    guesses::Guesses,
    password::{self, Hashed, TOKEN_PREFIX},
    sessions::{Bond, Sessions},
    store::{People, Store, StoreError},
    time,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{HeaderMap, header};
use std::{
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

/// Somebody who was let in.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    pub(crate) user: Arc<str>,
    pub(crate) read_only: bool,
    /// A browser sends it by itself, also when another site makes it ask.
    pub(crate) ambient: bool,
    proof: Proof,
}

#[derive(Clone, Debug)]
enum Proof {
    Password(Arc<Hashed>),
    Token([u8; 32], Arc<str>),
    Session([u8; 32]),
}

impl Principal {
    /// With what, as the log shows it.
    pub(crate) fn credential(&self) -> String {
        match &self.proof {
            Proof::Password(_) => "password".to_owned(),
            Proof::Token(_, name) => format!("token {name}"),
            Proof::Session(_) => "session".to_owned(),
        }
    }

    /// Whether it came by a cookie.
    pub(crate) fn by_cookie(&self) -> bool {
        matches!(self.proof, Proof::Session(_))
    }
}

/// Why somebody was not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Said nothing of themselves.
    Stranger,
    /// What they said is wrong.
    Wrong,
    /// It is not one statement.
    Malformed,
    /// Failed too often.
    TooMany(Duration),
    /// Too many passwords wait.
    Busy,
    /// The store cannot be read.
    Closed,
}

/// The door.
pub(crate) struct Access {
    store: Store,
    people: RwLock<(Option<Stamp>, Option<Arc<People>>)>,
    sessions: Sessions,
    guesses: Guesses,
    /// The name of the cookie.
    pub(crate) cookie: &'static str,
}

impl Access {
    pub(crate) fn new(store: Store, secure: bool) -> Result<Self, StoreError> {
        let access = Self {
            people: RwLock::new((Some(store.stamp()?), Some(Arc::new(store.load()?)))),
            store,
            sessions: Sessions::default(),
            guesses: Guesses::new().ok_or(StoreError::NoRandomness)?,
            // Browsers take a cookie of the first name only over TLS and for exactly this host.
            cookie: if secure {
                "__Host-wellhead"
            } else {
                "wellhead-session"
            },
        };
        Ok(access)
    }

    /// Reads the store again if it was changed. What cannot be read lets nobody in.
    pub(crate) fn refresh(&self) -> Result<(), StoreError> {
        let stamp = self.store.stamp();
        let now = match &stamp {
            Ok(stamp) => Some(*stamp),
            Err(_) => None,
        };
        let before = self.people.read().unwrap_or_else(PoisonError::into_inner).0;
        if now.is_some() && now == before {
            return Ok(());
        }
        let loaded = stamp.and_then(|_| self.store.load());
        let mut people = self.people.write().unwrap_or_else(PoisonError::into_inner);
        match loaded {
            Ok(loaded) => {
                *people = (now, Some(Arc::new(loaded)));
                Ok(())
            }
            Err(e) => {
                *people = (None, None);
                Err(e)
            }
        }
    }

    fn people(&self) -> Result<Arc<People>, Denied> {
        let people = self.people.read().unwrap_or_else(PoisonError::into_inner);
        people.1.clone().ok_or(Denied::Closed)
    }

    /// How many may come in.
    pub(crate) fn users(&self) -> usize {
        self.people().map_or(0, |p| p.users.len())
    }

    /// Whether somebody who was let in would still be, and may do no less.
    pub(crate) fn still(&self, principal: &Principal) -> bool {
        let Ok(people) = self.people() else {
            return false;
        };
        let read_only = match &principal.proof {
            Proof::Password(was) => people
                .users
                .get(&principal.user)
                .filter(|u| u.password == *was)
                .map(|u| u.read_only),
            Proof::Token(digest, _) => self.token(&people, digest).map(|p| p.read_only),
            Proof::Session(digest) => self.session(&people, digest).map(|p| p.read_only),
        };
        read_only.is_some_and(|now| principal.read_only || !now)
    }

    /// Who asks.
    pub(crate) async fn who(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Principal, Denied> {
        let people = self.people()?;
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let (first, second) = (given.next(), given.next());
        if second.is_some() {
            return Err(Denied::Malformed);
        }
        if let Some(value) = first {
            let text = value.to_str().map_err(|_| Denied::Malformed)?;
            let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
            if scheme.eq_ignore_ascii_case("bearer") {
                return self.bearer(&people, rest.trim());
            }
            if scheme.eq_ignore_ascii_case("basic") {
                let (name, secret) = basic(rest.trim()).ok_or(Denied::Malformed)?;
                return self.basic(&people, &name, secret, peer).await;
            }
        }
        // Any other scheme is a matter between the client and what lies behind.
        let Some(value) = self.cookie_of(headers)? else {
            return Err(Denied::Stranger);
        };
        let digest = password::digest(&value);
        self.session(&people, &digest).ok_or(Denied::Wrong)
    }

    fn bearer(&self, people: &People, token: &str) -> Result<Principal, Denied> {
        self.token(people, &password::digest(token)).ok_or(Denied::Wrong)
    }

    /// Looking up a digest tells by its time at most how a digest starts, of which no token follows.
    fn token(&self, people: &People, digest: &[u8; 32]) -> Option<Principal> {
        let held = people.tokens.get(digest)?;
        let user = people.users.get(&held.user)?;
        let good = held.expires.is_none_or(|e| time::now() < e);
        good.then(|| Principal {
            user: Arc::clone(&held.user),
            read_only: held.read_only || user.read_only,
            ambient: false,
            proof: Proof::Token(*digest, Arc::clone(&held.name)),
        })
    }

    async fn basic(
        &self,
        people: &People,
        name: &str,
        secret: String,
        peer: IpAddr,
    ) -> Result<Principal, Denied> {
        if secret.starts_with(TOKEN_PREFIX) {
            let mut principal = self.bearer(people, &secret)?;
            principal.ambient = true;
            return if *principal.user == *name {
                Ok(principal)
            } else {
                Err(Denied::Wrong)
            };
        }
        self.password(people, name, secret, peer).await
    }

    /// Whether a password is that of a user.
    async fn password(
        &self,
        people: &People,
        name: &str,
        secret: String,
        peer: IpAddr,
    ) -> Result<Principal, Denied> {
        let known = people.users.get_key_value(name);
        let kept = known.map(|(_, k)| &k.password);
        self.guesses.judge(name, secret, peer, kept).await?;
        let (user, known) = known.ok_or(Denied::Wrong)?;
        Ok(Principal {
            user: Arc::clone(user),
            read_only: known.read_only,
            ambient: true,
            proof: Proof::Password(Arc::clone(&known.password)),
        })
    }

    /// Starts a session for whoever knows the password (or a token) of a user. Returns the value of the cookie.
    pub(crate) async fn sign_in(
        &self,
        name: &str,
        secret: String,
        peer: IpAddr,
    ) -> Result<(String, Arc<str>), Denied> {
        let people = self.people()?;
        let principal = self.password(&people, name, secret, peer).await?;
        let Proof::Password(hashed) = principal.proof else {
            return Err(Denied::Wrong);
        };
        let (user, bond) = (Arc::clone(&principal.user), Bond::Password(hashed));
        let value = self.sessions.begin(user, bond).ok_or(Denied::Busy)?;
        Ok((value, principal.user))
    }

    /// Starts a session for somebody whom the provider knows and the rules let in.
    pub(crate) fn admit(&self, user: Arc<str>, read_only: bool) -> Result<String, Denied> {
        self.people()?;
        let bond = Bond::Provider { read_only };
        self.sessions.begin(user, bond).ok_or(Denied::Busy)
    }

    /// Ends the session of a request.
    pub(crate) fn sign_out(&self, headers: &HeaderMap) {
        if let Ok(Some(value)) = self.cookie_of(headers) {
            self.sessions.end(&value);
        }
    }

    fn session(&self, people: &People, digest: &[u8; 32]) -> Option<Principal> {
        let (user, read_only) = self.sessions.of(digest, people)?;
        Some(Principal {
            user,
            read_only,
            ambient: true,
            proof: Proof::Session(*digest),
        })
    }

    fn cookie_of(&self, headers: &HeaderMap) -> Result<Option<String>, Denied> {
        cookie(headers, self.cookie)
    }
}

/// The value of a cookie. Two of one name are one too many: somebody else set one.
pub(crate) fn cookie(headers: &HeaderMap, wanted: &str) -> Result<Option<String>, Denied> {
    let mut found = None;
    for value in headers.get_all(header::COOKIE) {
        // What another site's cookie holds is none of our business.
        for pair in value.as_bytes().split(|b| *b == b';') {
            let mine = std::str::from_utf8(pair)
                .ok()
                .and_then(|p| p.trim().split_once('='));
            if let Some((name, value)) = mine
                && name == wanted
                && found.replace(value.to_owned()).is_some()
            {
                return Err(Denied::Malformed);
            }
        }
    }
    Ok(found)
}

fn basic(text: &str) -> Option<(String, String)> {
    let plain = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    let (name, secret) = plain.split_once(':')?;
    Some((name.to_owned(), secret.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    struct Door {
        access: Access,
        store: Store,
        token: String,
        runtime: tokio::runtime::Runtime,
        folder: tempfile::TempDir,
    }

    fn door() -> Door {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(&folder.path().join("state")).unwrap();
        let first = store.first_start().unwrap().unwrap();
        assert!(store.first_start().unwrap().is_none(), "shown once");
        store
            .set_user("ann", false, Some("correct horse".to_owned()), false)
            .unwrap();
        Door {
            access: Access::new(store.clone(), true).unwrap(),
            store,
            token: first.token,
            runtime: tokio::runtime::Builder::new_current_thread().build().unwrap(),
            folder,
        }
    }

    impl Door {
        fn ask(&self, headers: &[(&'static str, String)]) -> Result<String, Denied> {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, HeaderValue::from_str(value).unwrap());
            }
            let who = self.runtime.block_on(self.access.who(&map, HERE))?;
            assert!(self.access.still(&who));
            Ok(format!("{} by {}", who.user, who.credential()))
        }

        fn basic(&self, name: &str, secret: &str) -> Result<String, Denied> {
            self.ask(&[(
                "authorization",
                format!("Basic {}", STANDARD.encode(format!("{name}:{secret}"))),
            )])
        }
    }

    #[test]
    fn only_who_proves_it_is_let_in() {
        let door = door();
        let bearer = |t: &str| door.ask(&[("authorization", format!("Bearer {t}"))]);
        assert_eq!(bearer(&door.token), Ok("admin by token first".to_owned()));
        assert_eq!(
            door.basic("admin", &door.token),
            Ok("admin by token first".to_owned())
        );
        assert_eq!(
            door.basic("ann", "correct horse"),
            Ok("ann by password".to_owned())
        );
        assert_eq!(
            door.basic("ann", &door.token),
            Err(Denied::Wrong),
            "somebody else's token"
        );
        for wrong in [
            bearer(""),
            bearer("x"),
            bearer(&format!("{} ", &door.token[1..])),
            door.basic("ann", ""),
            door.basic("no", "x"),
        ] {
            assert_eq!(wrong, Err(Denied::Wrong));
        }
        assert_eq!(door.ask(&[]), Err(Denied::Stranger));
        assert_eq!(
            door.ask(&[("authorization", "token abc".to_owned())]),
            Err(Denied::Stranger)
        );
        assert_eq!(
            door.ask(&[("authorization", "Basic !".to_owned())]),
            Err(Denied::Malformed)
        );
        let twice = format!("Bearer {}", door.token);
        let twice = [("authorization", twice.clone()), ("authorization", twice)];
        assert_eq!(door.ask(&twice), Err(Denied::Malformed));
    }

    #[test]
    fn a_session_ends_with_the_password_it_was_made_with() {
        let door = door();
        let sign_in = |secret: &str| {
            door.runtime
                .block_on(door.access.sign_in("ann", secret.to_owned(), HERE))
        };
        let (value, _) = sign_in("correct horse").unwrap();
        let cookie = |v: &str| door.ask(&[("cookie", format!("a=b; __Host-wellhead={v}"))]);
        assert_eq!(cookie(&value), Ok("ann by session".to_owned()));
        assert_eq!(cookie("x"), Err(Denied::Wrong));
        let twice = ("cookie", format!("__Host-wellhead={value}; __Host-wellhead=x"));
        assert_eq!(door.ask(&[twice]), Err(Denied::Malformed));
        door.store
            .set_user("ann", false, Some("battery staple".to_owned()), true)
            .unwrap();
        door.access.refresh().unwrap();
        assert_eq!(cookie(&value), Err(Denied::Wrong));
        assert_eq!(door.basic("ann", "correct horse"), Err(Denied::Wrong));
    }

    #[test]
    fn who_is_removed_is_out_at_once() {
        let door = door();
        assert!(door.basic("ann", "correct horse").is_ok());
        door.store.remove_user("ann").unwrap();
        door.store.remove_token("first").unwrap();
        door.access.refresh().unwrap();
        assert_eq!(door.basic("ann", "correct horse"), Err(Denied::Wrong));
        assert_eq!(
            door.ask(&[("authorization", format!("Bearer {}", door.token))]),
            Err(Denied::Wrong)
        );
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "changes the store as another program would"
    )]
    fn who_may_only_read_from_now_on_keeps_nothing_that_writes() {
        let door = door();
        let by = |text: String| {
            let mut map = HeaderMap::new();
            map.insert("authorization", HeaderValue::from_str(&text).unwrap());
            door.runtime.block_on(door.access.who(&map, HERE)).unwrap()
        };
        let pair = STANDARD.encode("ann:correct horse");
        let before = by(format!("Basic {pair}"));
        assert!(door.access.still(&before));
        // As an administrator's own tool would write it.
        let path = door.folder.path().join("state/users.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
        for user in document["users"].as_array_mut().unwrap() {
            user["read_only"] = true.into();
        }
        std::fs::write(&path, document.to_string()).unwrap();
        door.access.refresh().unwrap();
        assert!(!door.access.still(&before));
        let after = by(format!("Basic {pair}"));
        assert!(after.read_only && door.access.still(&after));
    }

    #[test]
    fn who_fails_too_often_waits_and_others_do_not() {
        let door = door();
        assert!(door.basic("ann", "correct horse").is_ok());
        let failed = (0..12)
            .map(|_| door.basic("ann", "wrong horse!"))
            .collect::<Vec<_>>();
        assert_eq!(failed[9], Err(Denied::Wrong));
        assert!(matches!(failed[11], Err(Denied::TooMany(_))));
        assert!(
            door.basic("ann", "correct horse").is_ok(),
            "it was right a moment ago"
        );
        assert!(door.basic("admin", &door.token).is_ok(), "tokens cost nothing");
    }

    #[cfg(unix)]
    #[test]
    fn a_store_that_others_may_read_lets_nobody_in() {
        use std::os::unix::fs::PermissionsExt as _;
        let door = door();
        let path = door.folder.path().join("state/users.json");
        door.store.set_user("bob", false, None, false).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(
            door.access
                .refresh()
                .unwrap_err()
                .to_string()
                .starts_with("others than its owner")
        );
        assert_eq!(door.basic("ann", "correct horse"), Err(Denied::Closed));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        door.access.refresh().unwrap();
        assert!(door.basic("ann", "correct horse").is_ok());
    }
}
