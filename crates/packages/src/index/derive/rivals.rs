//! Whose hands a source is in, and which of two sources could take the other's place.

use super::{Contest, Passing, Rivalry, SourceCandidate};
use crate::well_known;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Everybody can publish there.
    Public,
    /// The wheels or packages of a well-known project.
    Project,
    /// Somebody's own.
    Private,
    /// It never leaves the machine.
    Local,
}

fn kind(source: &SourceCandidate) -> Kind {
    // A variable in the place of a page of links is a folder, as a rule.
    let links = source.role == super::IndexRole::FindLinks;
    if source.address.is_local() || (links && source.address.is_open()) {
        Kind::Local
    } else if well_known::is_public(&source.address) {
        Kind::Public
    } else if well_known::is_project(&source.address) {
        Kind::Project
    } else {
        Kind::Private
    }
}

/// The ways in which one source could take the place of another; at most one for each source that was meant.
pub(super) fn contests(sources: &[SourceCandidate], passing: Passing) -> Vec<Contest> {
    let kinds: Vec<Kind> = sources.iter().map(kind).collect();
    let of = |wanted: Kind| {
        let all = sources.iter().zip(&kinds).enumerate();
        all.filter(move |(_, (_, k))| **k == wanted)
            .map(|(i, (s, _))| (i, s))
    };
    // The public source that is asked first, and two private ones in different hands: more are not needed to find a
    // rival, so this stays linear.
    let public = of(Kind::Public).min_by_key(|(_, s)| s.rank);
    let default = of(Kind::Private).find(|(_, s)| s.role == super::IndexRole::Default);
    let private = default.or_else(|| of(Kind::Private).next());
    let second = private.and_then(|(_, first)| {
        of(Kind::Private).find(|(_, s)| s.address.host != first.address.host && s.rank == first.rank)
    });
    let project = of(Kind::Project).min_by_key(|(_, s)| s.rank);
    let mut out = Vec::new();
    for (meant, (source, kind)) in sources.iter().zip(&kinds).enumerate() {
        let mut push = |rivalry, rival, only_without_fit| {
            out.push(Contest {
                rivalry,
                meant,
                rival,
                only_without_fit,
            });
        };
        let same_rank = |other: &&(usize, &SourceCandidate)| other.1.rank == source.rank;
        match kind {
            Kind::Private => {
                if let Some((rival, p)) = public.filter(|(_, p)| p.rank <= source.rank) {
                    debug_assert!(p.rank <= source.rank);
                    push(Rivalry::PublicAndPrivate, rival, false);
                } else if let Some((rival, _)) = public.filter(|_| passing == Passing::NoVersionFits) {
                    push(Rivalry::PublicAndPrivate, rival, true);
                } else if let Some((rival, _)) = [private, second]
                    .into_iter()
                    .flatten()
                    .find(|(_, s)| s.address.host != source.address.host && s.rank == source.rank)
                {
                    push(Rivalry::TwoPrivate, rival, false);
                } else if let Some((rival, _)) = project.as_ref().filter(same_rank) {
                    push(Rivalry::PublicAndProject, *rival, false);
                }
            }
            Kind::Project => {
                if let Some((rival, _)) = public.as_ref().filter(same_rank) {
                    push(Rivalry::PublicAndProject, *rival, false);
                }
            }
            Kind::Public | Kind::Local => {}
        }
    }
    out
}
