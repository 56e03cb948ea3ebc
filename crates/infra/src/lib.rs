//! Platforms that can be left open: what starts them, what opens them, what closes them, and what their answers prove.
//!
//! Everything is pure: this crate says which harmless requests would prove a state and judges answers that were
//! recorded; it sends nothing. The one decision: [`PRODUCTS`] is one table that serves configuration and live answers
//! alike, and every file format ends in the same [`Resource`], so that what is known of a platform is written once.
//! [`estate()`] reads all files of a tree together: resources become [`Workload`]s with every way that leads to them.

#![deny(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::string_slice,
        reason = "tests may fail loudly"
    )
)]

mod cloud;
mod compose;
mod dockerfile;
mod env_file;
mod estate;
mod files;
mod helm;
mod host;
mod kubernetes;
mod kustomize;
mod listening;
mod lockdown;
mod mapped;
mod products;
mod resource;
mod service;
mod services;
mod settings;
mod shell;
mod terraform;
mod workflow;
mod workload;

pub use cloud::{Bucket, BucketUser, Cloud, FirewallRule, Grant, Managed, PublicAccess, Setting};
pub use compose::compose;
pub use dockerfile::dockerfile;
pub use estate::{Dialect, Estate, EstateFile, Gap, dialect, estate};
pub use files::{File, FileSet};
pub use listening::{
    HostDocument, HostProcess, HostSocket, Listener, host_document, host_variables, listeners,
};
pub use lockdown::{
    Front, Ground, Hashed, Lockdown, LockdownError, LockdownFile, LockdownRequest, Provider, Upstream,
    UsersFile, lockdown,
};
pub use products::{
    Access, Bind, CANARY, Conversation, DefaultAccess, Gain, Judgement, Launch, Match, Never, PRODUCTS, Plan,
    Probe, Product, ProductPort, Proxy, Request, State, Surface, VersionPlace, VersionSource, Weak, Weakness,
    is_placeholder, judge, launches,
};
pub use resource::{Command, Configuration, ConfigurationKind, Mount, Port, Resource, Variable, Word};
pub use service::{Exchange, Received, ServiceDocument, ServiceError, service_document};
pub use services::{Service, Way, services};
pub use settings::{Platform, Settings};
pub use shell::{script, script_in};
pub use workflow::workflow;
pub use workload::{
    Admission, Audience, Guard, GuardKind, Isolation, LooseRoute, Mark, Opening, OpeningKind, Workload,
    WorkloadKind,
};
