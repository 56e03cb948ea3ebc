//! Asking running services, so little and so harmlessly that one dares to.
//!
//! The safety rules are types. A request is GET or HEAD because [`Method`] has nothing else; an address is asked because a
//! [`Scope`] admitted it and made it an [`Admitted`], which is what is connected to, so no name is resolved twice; a
//! request is written to the log before it is sent. Which path is asked is decided by whoever knows platforms. Answers
//! are hostile: every length and every second is bounded, and what cannot be understood is an error, never an answer.

mod answer;
mod client;
mod connect;
mod log;
mod pace;
mod place;
mod scope;
#[cfg(test)]
mod tests;
mod tls;

pub use answer::{BODY, ProbeError, Reply};
pub use client::{Method, Prober, ProberOptions, Question, Site};
pub use connect::{Scan, Scanned};
pub use log::RequestLog;
pub use pace::Pace;
pub use place::{Scheme, ServicePlace};
pub use scope::{Admitted, Cidr, MOST_ADDRESSES, Refusal, Scope, SignedScope};
