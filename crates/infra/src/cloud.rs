//! What configuration of a cloud says besides what runs: firewalls, buckets, permissions, and services that the cloud
//! itself runs.
//!
//! Everything is joined by reference, never by name: a policy speaks of *this* bucket because it refers to it.

use crate::{
    resource::Word,
    workload::{Audience, Mark},
};
use std::ops::Range;

/// What a cloud is told. All ranges count bytes of the text of the estate's files.
#[derive(Clone, Debug, Default)]
pub struct Cloud {
    /// Rules of firewalls that let something in.
    pub firewalls: Vec<FirewallRule>,
    /// Buckets and containers of blobs.
    pub buckets: Vec<Bucket>,
    /// Permissions that are given.
    pub grants: Vec<Grant>,
    /// Services that the cloud runs: notebooks, endpoints, workspaces.
    pub managed: Vec<Managed>,
}

/// A rule that lets traffic in.
#[derive(Clone, Debug, PartialEq)]
pub struct FirewallRule {
    /// The group, network or tag that it belongs to, as others refer to it.
    pub group: String,
    /// The ports; `None` is all of them.
    pub ports: Option<Range<u32>>,
    /// Who is let in.
    pub audience: Audience,
    /// The rule itself.
    pub declared: Range<usize>,
    /// Where that is said.
    pub span: Range<usize>,
    /// Where the ports are said, for the chain of evidence.
    pub chain: Vec<Mark>,
}

/// A bucket, or a container of blobs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bucket {
    /// As others refer to it: `aws_s3_bucket.models`.
    pub address: String,
    /// Its name, as far as it is known.
    pub name: Option<Word>,
    /// Where it is declared.
    pub span: Range<usize>,
    /// Each thing that opens it to everyone.
    pub public: Vec<PublicAccess>,
    /// Where a setting blocks all of that.
    pub blocked: Option<Range<usize>>,
    /// The account that it is part of, as others refer to it.
    pub account: Option<String>,
    /// What refers to it, besides what only configures it.
    pub users: Vec<BucketUser>,
}

/// Something that refers to a bucket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BucketUser {
    /// The type of the resource: `aws_sagemaker_model`.
    pub kind: String,
    /// As others refer to it.
    pub address: String,
    /// Where it is declared.
    pub span: Range<usize>,
    /// The name that it has in the bucket, where it is an object there.
    pub object: Option<Word>,
}

/// Something that opens a bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct PublicAccess {
    /// Whether it lets everyone write, and not only read.
    pub writes: bool,
    /// Where it is said.
    pub span: Range<usize>,
}

/// A permission that is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grant {
    /// What gives it: `aws_iam_role_policy.train`.
    pub address: String,
    /// Where.
    pub span: Range<usize>,
    /// To whom; empty where the policy hangs on its holder.
    pub principals: Vec<Word>,
    /// What: actions or roles, as they are written.
    pub actions: Vec<Word>,
    /// On what, as it is written.
    pub resources: Vec<Word>,
    /// What it refers to.
    pub refers: Vec<String>,
    /// Whether it holds only under conditions.
    pub conditional: bool,
}

/// A service that the cloud runs, by its settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Managed {
    /// The type of the resource: `aws_sagemaker_notebook_instance`.
    pub kind: String,
    /// As others refer to it.
    pub address: String,
    /// Where it is declared.
    pub span: Range<usize>,
    /// Its settings by their route: `default_user_settings.execution_role`.
    pub settings: Vec<Setting>,
}

/// A setting of a file or a resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setting {
    /// Its route, parts divided by dots.
    pub name: String,
    /// Its value; an open word where it is not known.
    pub value: Word,
    /// Where it is said, name and value.
    pub span: Range<usize>,
}

impl Managed {
    /// A setting; the last one counts.
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().rev().find(|s| s.name == name)
    }
}

impl Bucket {
    /// What opens it to everyone, unless all of that is blocked.
    pub fn opened_by(&self) -> Option<&PublicAccess> {
        if self.blocked.is_some() {
            return None;
        }
        self.public.iter().max_by_key(|p| p.writes)
    }
}
