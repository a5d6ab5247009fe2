use reqwest::Url;
use store::Delivery;

use super::post::Post;
use super::request::sample;
use super::{WebhookSettings, new_delivery};
use crate::address::masked;
use crate::{EventsError, NoticeKind};

/// A request that was made once to see what comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// The method and the address as it was filled in, without what could be a secret: long parts of the path, and what the query
    /// says.
    pub line: String,
    /// Names and values of the headers; what the settings write into them is hidden.
    pub headers: Vec<(String, String)>,
    /// What was sent.
    pub body: String,
    /// The status of a success, or what went wrong.
    pub outcome: Result<u16, String>,
}

/// Sends a sample of the first thing that the webhook wants to know, at once and past the outbox. Must be called in a
/// process that has installed a rustls crypto provider.
///
/// # Errors
/// As [`super::Webhook::start`].
pub async fn try_webhook(settings: &WebhookSettings) -> Result<Trial, EventsError> {
    let post = Post::new(settings)?;
    let kind = settings.wanted.kinds.first().copied().unwrap_or(NoticeKind::Pass);
    let delivery = Delivery::from(new_delivery(&settings.target, &settings.request, &sample(kind)));
    let request = post
        .request(&delivery)
        .map_err(|error| EventsError::WebhookAddress { url: post.shown(), reason: error.to_string() })?;
    let headers = request.headers().iter().map(|(name, value)| {
        let shown = if value.is_sensitive() { "***".into() } else { String::from_utf8_lossy(value.as_bytes()) };
        (name.to_string(), shown.into_owned())
    });
    let (line, headers) = (format!("{} {}", request.method(), shown(request.url())), headers.collect());
    let outcome = post.send(&delivery).await.map_err(|error| error.to_string());
    Ok(Trial { line, headers, body: delivery.body, outcome })
}

/// Longest part of a path that is shown, in bytes: keys of services are longer.
const LONGEST_PART: usize = 15;

fn shown(url: &Url) -> String {
    let part = |part: &str| if part.len() <= LONGEST_PART { part.to_owned() } else { "***".to_owned() };
    let mut shown = url.clone();
    shown.set_path(&url.path().split('/').map(part).collect::<Vec<_>>().join("/"));
    masked(&shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_that_is_tried_is_shown_without_keys() {
        let url =
            Url::parse("http://u:pw@host:81/bot12345:AAEhBOweik6ad9r/relay/front%20door?key=secret&turn=on").unwrap();
        assert_eq!(shown(&url), "http://***@host:81/***/relay/front%20door?key=***&turn=***");
    }
}
