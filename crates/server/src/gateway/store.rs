//! Who may come in: users with passwords, and their tokens. One file, its owner's alone.

use super::{
    files::{self, FileError, Stamp},
    password::{self, Hashed},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Why users cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file.
    #[error("{0}")]
    File(#[from] FileError),
    /// What stands in it.
    #[error("`{0}` is not a store of users: {1}")]
    Broken(String, String),
    /// A name that is none.
    #[error("a name has letters, digits, `.`, `_`, `@` and `-`, at most 64 of them: {0}")]
    BadName(String),
    /// It is there already.
    #[error("there is one of that name already: {0}")]
    Taken(String),
    /// It is not there.
    #[error("there is none of that name: {0}")]
    Absent(String),
    /// A password that anybody guesses, or none.
    #[error("a password has between 12 and 512 characters")]
    BadPassword,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomness,
}

/// The first user and token, shown once.
#[derive(Debug)]
pub struct First {
    /// The name of the user.
    pub user: String,
    /// The password.
    pub password: String,
    /// The token.
    pub token: String,
}

/// A user as lists show it.
#[derive(Debug)]
pub struct UserLine {
    /// The name.
    pub name: String,
    /// May only read.
    pub read_only: bool,
    /// When it was made.
    pub created: String,
}

/// A token as lists show it.
#[derive(Debug)]
pub struct TokenLine {
    /// The name.
    pub name: String,
    /// Whose it is.
    pub user: String,
    /// May only read.
    pub read_only: bool,
    /// When it was made.
    pub created: String,
    /// When it ends.
    pub expires: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    users: Vec<User>,
    tokens: Vec<Token>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct User {
    name: String,
    created: String,
    read_only: bool,
    password: Hashed,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    name: String,
    user: String,
    created: String,
    /// Seconds since 1970.
    expires: Option<u64>,
    read_only: bool,
    sha256: String,
}

/// The store, as a place.
#[derive(Clone, Debug)]
pub struct Store {
    path: PathBuf,
}

impl Store {
    /// In a folder, which is made for its owner alone.
    ///
    /// # Errors
    /// When others may look into the folder.
    pub fn at(folder: &Path) -> Result<Self, StoreError> {
        files::private_folder(folder)?;
        Ok(Self {
            path: folder.join("users.json"),
        })
    }

    /// Makes the first user and token where there is no store yet.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn first_start(&self) -> Result<Option<First>, StoreError> {
        let _held = files::lock(&self.path)?;
        match files::stamp(&self.path) {
            Ok(_) => return self.read().map(|_| None),
            Err(e) if e.is_missing() => {}
            Err(e) => return Err(e.into()),
        }
        let first = First {
            user: "admin".to_owned(),
            password: password::password().ok_or(StoreError::NoRandomness)?,
            token: password::token().ok_or(StoreError::NoRandomness)?,
        };
        let mut document = Document {
            version: 1,
            ..Document::default()
        };
        document.users.push(user(&first.user, false, &first.password)?);
        document
            .tokens
            .push(Token::new("first", &first.user, &first.token, false, None));
        self.write(&document)?;
        Ok(Some(first))
    }

    /// Adds a user, or gives it a new password where `again`. Without a password one is made. Returns the password.
    ///
    /// # Errors
    /// When the name or password is none, or the store cannot be changed.
    pub fn set_user(
        &self,
        name: &str,
        read_only: bool,
        given: Option<String>,
        again: bool,
    ) -> Result<String, StoreError> {
        named(name)?;
        let secret = match given {
            Some(given) if given.chars().count() < 12 || given.len() > password::MAX_PASSWORD => {
                return Err(StoreError::BadPassword);
            }
            Some(given) => given,
            None => password::password().ok_or(StoreError::NoRandomness)?,
        };
        let mut new = user(name, read_only, &secret)?;
        self.change(|document| {
            match document.users.iter_mut().find(|u| u.name == name) {
                Some(there) if again => {
                    new.read_only = there.read_only;
                    *there = new;
                }
                Some(_) => return Err(StoreError::Taken(shown(name))),
                None if again => return Err(StoreError::Absent(shown(name))),
                None => document.users.push(new),
            }
            Ok(secret)
        })
    }

    /// Removes a user with all its tokens.
    ///
    /// # Errors
    /// When there is none, or the store cannot be changed.
    pub fn remove_user(&self, name: &str) -> Result<(), StoreError> {
        self.change(|document| {
            let before = document.users.len();
            document.users.retain(|u| u.name != name);
            document.tokens.retain(|t| t.user != name);
            if document.users.len() == before {
                return Err(StoreError::Absent(shown(name)));
            }
            Ok(())
        })
    }

    /// Adds a token of a user and returns it. `days`: for how long it is good.
    ///
    /// # Errors
    /// When there is no such user, the name is taken, or the store cannot be changed.
    pub fn add_token(
        &self,
        user: &str,
        name: &str,
        read_only: bool,
        days: Option<u32>,
    ) -> Result<String, StoreError> {
        named(name)?;
        let token = password::token().ok_or(StoreError::NoRandomness)?;
        let expires = days.map(|d| super::time::now().saturating_add(u64::from(d).saturating_mul(86_400)));
        self.change(|document| {
            if !document.users.iter().any(|u| u.name == user) {
                return Err(StoreError::Absent(shown(user)));
            }
            if document.tokens.iter().any(|t| t.name == name) {
                return Err(StoreError::Taken(shown(name)));
            }
            document
                .tokens
                .push(Token::new(name, user, &token, read_only, expires));
            Ok(token)
        })
    }

    /// Removes a token.
    ///
    /// # Errors
    /// When there is none, or the store cannot be changed.
    pub fn remove_token(&self, name: &str) -> Result<(), StoreError> {
        self.change(|document| {
            let before = document.tokens.len();
            document.tokens.retain(|t| t.name != name);
            if document.tokens.len() == before {
                return Err(StoreError::Absent(shown(name)));
            }
            Ok(())
        })
    }

    /// The users.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn users(&self) -> Result<Vec<UserLine>, StoreError> {
        let line = |u: User| UserLine {
            name: u.name,
            read_only: u.read_only,
            created: u.created,
        };
        Ok(self.read()?.users.into_iter().map(line).collect())
    }

    /// The tokens.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn tokens(&self) -> Result<Vec<TokenLine>, StoreError> {
        let line = |t: Token| TokenLine {
            name: t.name,
            user: t.user,
            read_only: t.read_only,
            created: t.created,
            expires: t.expires.map(super::time::day),
        };
        Ok(self.read()?.tokens.into_iter().map(line).collect())
    }

    pub(crate) fn stamp(&self) -> Result<Stamp, StoreError> {
        Ok(files::stamp(&self.path)?)
    }

    /// Everybody who may come in, for looking up.
    pub(crate) fn load(&self) -> Result<People, StoreError> {
        let document = self.read()?;
        let mut people = People::default();
        for user in document.users {
            let known = Known {
                read_only: user.read_only,
                password: Arc::new(user.password),
            };
            people.users.insert(Arc::from(user.name), known);
        }
        for token in document.tokens {
            let (Some(digest), Some((user, _))) = (
                password::unhex(&token.sha256),
                people.users.get_key_value(token.user.as_str()),
            ) else {
                return Err(self.broken("a token has no user or no digest"));
            };
            let held = Held {
                user: Arc::clone(user),
                name: Arc::from(token.name),
                read_only: token.read_only,
                expires: token.expires,
            };
            people.tokens.insert(digest, held);
        }
        Ok(people)
    }

    fn change<T>(&self, act: impl FnOnce(&mut Document) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let _held = files::lock(&self.path)?;
        let mut document = match self.read() {
            Err(StoreError::File(e)) if e.is_missing() => Document {
                version: 1,
                ..Document::default()
            },
            other => other?,
        };
        let done = act(&mut document)?;
        self.write(&document)?;
        Ok(done)
    }

    fn read(&self) -> Result<Document, StoreError> {
        let bytes = files::read_private(&self.path)?;
        let document: Document = serde_json::from_slice(&bytes).map_err(|e| self.broken(&e.to_string()))?;
        if document.version != 1 {
            return Err(self.broken("it is of another version"));
        }
        if !document
            .users
            .iter()
            .all(|u| u.password.is_sound() && named(&u.name).is_ok())
        {
            return Err(self.broken("a password or a name in it is none"));
        }
        Ok(document)
    }

    fn write(&self, document: &Document) -> Result<(), StoreError> {
        let mut text = serde_json::to_vec_pretty(document).map_err(|e| self.broken(&e.to_string()))?;
        text.push(b'\n');
        Ok(files::replace(&self.path, &text)?)
    }

    fn broken(&self, why: &str) -> StoreError {
        StoreError::Broken(files::shown(&self.path), wellhead_core::escape(why))
    }
}

impl Token {
    fn new(name: &str, user: &str, token: &str, read_only: bool, expires: Option<u64>) -> Self {
        Self {
            name: name.to_owned(),
            user: user.to_owned(),
            created: super::time::day(super::time::now()),
            expires,
            read_only,
            sha256: password::hex(&password::digest(token)),
        }
    }
}

/// Everybody who may come in.
#[derive(Debug, Default)]
pub(crate) struct People {
    pub(crate) users: BTreeMap<Arc<str>, Known>,
    pub(crate) tokens: HashMap<[u8; 32], Held>,
}

/// A user.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) read_only: bool,
    pub(crate) password: Arc<Hashed>,
}

/// A token.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) user: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) read_only: bool,
    pub(crate) expires: Option<u64>,
}

fn user(name: &str, read_only: bool, secret: &str) -> Result<User, StoreError> {
    Ok(User {
        name: name.to_owned(),
        created: super::time::day(super::time::now()),
        read_only,
        password: Hashed::new(secret).ok_or(StoreError::NoRandomness)?,
    })
}

fn named(name: &str) -> Result<(), StoreError> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"._@-".contains(&b);
    if (1..=64).contains(&name.len()) && name.bytes().all(fine) {
        return Ok(());
    }
    Err(StoreError::BadName(shown(name)))
}

fn shown(name: &str) -> String {
    wellhead_core::code(name)
}
