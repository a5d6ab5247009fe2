//! One HTTP request of the webhook.
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Request, Response, StatusCode, Url};
use store::{Delivery, Micros};

use super::facts::Facts;
use super::template::write_header;
use super::{RequestForm, Secret, WebhookSettings};
use crate::EventsError;
use crate::address::with_causes;

const USER_AGENT: &str = concat!("vultus/", env!("CARGO_PKG_VERSION"));
/// Shorter than the 5 s after which common servers close an idle connection: a request never meets one just closing.
const IDLE_CONNECTION: Duration = Duration::from_secs(4);
/// An answer is read this far, so that its connection can be used again.
const LONGEST_ANSWER: usize = 64 * 1024;
/// What is kept of an answer that is no receipt, in bytes: enough for the reason that most receivers give.
const EXCERPT: usize = 300;

/// Sends deliveries to one receiver.
pub(super) struct Post {
    client: Client,
    form: RequestForm,
    secret: Option<Secret>,
    timeout: Duration,
}

/// Why a delivery failed, for the log and for the outbox.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    #[error("it answered {status}{}", after_colon(.excerpt))]
    Status { status: StatusCode, excerpt: String },
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("{}", with_causes(.0))]
    Http(reqwest::Error),
    #[error("it cannot be sent: {0}")]
    Unsendable(String),
}

impl PostError {
    /// Whether the receiver is there and does not want this event. The statuses that are no refusal say that it is not
    /// set up, not up, or busy, which passes or is mended, and which any other event would meet as well.
    pub(super) fn is_refusal(&self) -> bool {
        match self {
            PostError::Status { status, .. } => {
                status.is_client_error() && !matches!(status.as_u16(), 401 | 403 | 404 | 408 | 425 | 429)
            }
            PostError::Timeout(_) | PostError::Http(_) | PostError::Unsendable(_) => false,
        }
    }

    /// The HTTP status, where there was an answer.
    pub(super) fn answer(&self) -> Option<u16> {
        match self {
            PostError::Status { status, .. } => Some(status.as_u16()),
            PostError::Timeout(_) | PostError::Http(_) | PostError::Unsendable(_) => None,
        }
    }
}

impl Post {
    pub(super) fn new(settings: &WebhookSettings) -> Result<Post, EventsError> {
        let form = settings.request.clone();
        let shown = form.shown();
        let url =
            form.url(&Facts::default()).map_err(|reason| EventsError::WebhookAddress { url: shown.clone(), reason })?;
        let client = client(&url, settings.timeout)
            .map_err(|error| EventsError::HttpClient { url: shown, reason: with_causes(&error) })?;
        Ok(Post { client, form, secret: settings.secret.clone(), timeout: settings.timeout })
    }

    /// The address as it may be logged.
    pub(super) fn shown(&self) -> String {
        self.form.shown()
    }

    /// Sends `delivery` once, and returns the status. Any answer of 2xx is success, anything else, redirects too, is not.
    pub(super) async fn send(&self, delivery: &Delivery) -> Result<u16, PostError> {
        let request = self.request(delivery)?;
        let answer = self.client.execute(request).await.map_err(|error| self.failure(error))?;
        let status = answer.status();
        let start = read_off(answer).await;
        if status.is_success() {
            Ok(status.as_u16())
        } else {
            Err(PostError::Status { status, excerpt: excerpt(&start) })
        }
    }

    /// What is sent for `delivery`, signed now.
    pub(super) fn request(&self, delivery: &Delivery) -> Result<Request, PostError> {
        let facts = Facts::read(&delivery.facts);
        let url = self.form.url(&facts).map_err(PostError::Unsendable)?;
        let mut request = self.client.request(self.form.request_method(), url).headers(headers(delivery));
        for (name, value) in self.form.headers(&facts) {
            request = request.header(name, value);
        }
        if self.form.is_named()
            && let Some(kind) = facts.json("kind").as_str()
        {
            request = request.header("x-vultus-notice", header(kind));
        }
        if let Some(content_type) = self.form.content_type() {
            request = request.header(CONTENT_TYPE, content_type).body(delivery.body.clone());
        }
        if let Some(secret) = &self.secret {
            // At each attempt anew, so that a receiver can refuse what is old.
            let now = Micros::now().0.div_euclid(1_000_000);
            request = request.header("x-vultus-signature", secret.sign(now, &delivery.body));
        }
        request.build().map_err(|error| PostError::Unsendable(with_causes(&error.without_url())))
    }

    fn failure(&self, error: reqwest::Error) -> PostError {
        if error.is_timeout() {
            return PostError::Timeout(self.timeout);
        }
        // The address is in the log line already, and here it would not be masked.
        PostError::Http(error.without_url())
    }
}

fn client(url: &Url, timeout: Duration) -> reqwest::Result<Client> {
    let mut client = Client::builder()
        .user_agent(USER_AGENT)
        .timeout(timeout)
        .pool_idle_timeout(IDLE_CONNECTION)
        // A face event is not handed on to a host that nobody configured.
        .redirect(Policy::none());
    if url.scheme() == "http" {
        // Plain HTTP must work on a system that has no root certificates.
        client = client.tls_certs_only([]);
    }
    if is_loopback(url) {
        // A proxy would look for the receiver on its own machine.
        client = client.no_proxy();
    }
    client.build()
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

fn headers(delivery: &Delivery) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-vultus-delivery", header(&delivery.id));
    headers.insert("x-vultus-camera", header(&delivery.camera));
    headers.insert("x-vultus-attempt", HeaderValue::from(delivery.attempts.saturating_add(1)));
    headers
}

/// `text` as a header can carry it, percent-encoded where need be.
fn header(text: &str) -> HeaderValue {
    let mut encoded = String::with_capacity(text.len());
    write_header(text, &mut encoded);
    HeaderValue::try_from(encoded).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Reads a short answer to its end and returns its start. Whether it breaks off does not matter: the status has decided.
async fn read_off(mut answer: Response) -> Vec<u8> {
    let mut start = Vec::new();
    let mut read = 0;
    while let Ok(Some(chunk)) = answer.chunk().await {
        start.extend(chunk.iter().take(EXCERPT - start.len()));
        read += chunk.len();
        if read > LONGEST_ANSWER {
            break;
        }
    }
    start
}

/// `answer` on one line, as a log and a database can take it: PostgreSQL has no NUL, and a terminal obeys other controls.
fn excerpt(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let words = text.split(|letter: char| letter.is_whitespace() || letter.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn after_colon(excerpt: &str) -> String {
    if excerpt.is_empty() { String::new() } else { format!(": {excerpt}") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{PostError, StatusCode, Url, excerpt, header, is_loopback};

    fn answered(status: u16, answer: &[u8]) -> PostError {
        PostError::Status { status: StatusCode::from_u16(status).expect("a status"), excerpt: excerpt(answer) }
    }

    #[test]
    fn a_refusal_is_told_from_an_outage() {
        for status in [400, 405, 409, 410, 413, 415, 422] {
            assert!(answered(status, b"").is_refusal(), "{status}");
        }
        for status in [307, 401, 403, 404, 408, 425, 429, 500, 502, 503] {
            assert!(!answered(status, b"").is_refusal(), "{status}");
        }
        assert!(!PostError::Timeout(Duration::from_secs(5)).is_refusal());
    }

    #[test]
    fn an_answer_is_told_on_one_line_without_control_characters() {
        let error = answered(422, b"{\n  \"error\":\0 \"no such field\"\r\n}\x1b[2J \xff");
        assert_eq!(
            error.to_string(),
            "it answered 422 Unprocessable Entity: { \"error\": \"no such field\" } [2J \u{fffd}"
        );
        assert_eq!(answered(500, b"\n").to_string(), "it answered 500 Internal Server Error");
    }

    #[test]
    fn a_camera_name_in_a_header_can_be_decoded_to_what_it_was() {
        assert_eq!(header("front door"), "front door");
        assert_eq!(header("Тор"), "%D0%A2%D0%BE%D1%80");
        assert_eq!(header(" 50%\r\n"), "%2050%25%0D%0A");
        assert_eq!(header(""), "");
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (url, expected) in [
            ("http://localhost:3000/x", true),
            ("http://127.0.0.1/", true),
            ("http://[::1]:80/", true),
            ("http://10.0.0.1/", false),
            ("http://localhost.example/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).expect("an address")), expected, "{url}");
        }
    }
}
