//! A question and its answer, as far as a service cares.

/// What a client asks.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// `GET`, `POST`; a `HEAD` is asked as a `GET`.
    pub method: &'a str,
    /// The path without its query, as it was sent.
    pub path: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// What it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, JSON.
    pub body: String,
}

impl Answer {
    /// A success.
    pub fn ok(body: impl Into<String>) -> Self {
        Self {
            status: 200,
            body: body.into(),
        }
    }

    /// A refusal in the shape that OSV gives it.
    pub fn refusal(status: u16, message: &str) -> Self {
        // The numbers of gRPC, which OSV's interface is made of.
        let code = match status {
            404 => 5,
            400 | 405 | 411 | 413 | 421 => 3,
            408 => 4,
            503 => 14,
            _ => 13,
        };
        Self {
            status,
            body: serde_json::json!({"code": code, "message": message}).to_string(),
        }
    }
}

/// Who answers. Called from several threads; it may block.
pub trait Service: Send + Sync + 'static {
    /// Answers a question.
    fn answer(&self, question: Question<'_>) -> Answer;
}
