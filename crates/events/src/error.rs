//! What can go wrong when the sinks of events are started.

/// Why a sink cannot be started. Once started, a sink retries and logs; it returns no errors.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// The hub's address is not one that a WebSocket client can use.
    #[error("{url} is not a WebSocket address ({reason}): it looks like ws://HOST:3001/ws/face-stream")]
    HubAddress {
        /// The address as it may be shown, without passwords.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The webhook's address is not one that a POST can go to.
    #[error("{url} is not a webhook address ({reason}): it looks like http://HOST:3000/face-event")]
    WebhookAddress {
        /// The address as it may be shown, without passwords.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The key cannot be sent in an HTTP header.
    #[error("the API key for {url} cannot be sent: use visible ASCII characters only")]
    ApiKey {
        /// The address that the key is for.
        url: String,
    },
    /// The HTTP client could not be set up, most often for want of root certificates.
    #[error("no HTTPS client for {url} ({reason}): install the system's root certificates (package ca-certificates)")]
    HttpClient {
        /// The address as it may be shown, without passwords.
        url: String,
        /// What the HTTP library said.
        reason: String,
    },
    /// This system can make no pictures of events.
    #[error(
        "no pictures of events can be made ({reason}): most likely there is too little memory, or too many threads"
    )]
    Pictures {
        /// What the system said.
        reason: String,
    },
    /// The database could not say what is to be done first.
    #[error(transparent)]
    Store(#[from] store::StoreError),
}
