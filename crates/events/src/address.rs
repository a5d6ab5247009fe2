//! Addresses of sinks: checked when they come in, masked when they are shown.
use std::error::Error;

use reqwest::Url;

/// An address of one of `schemes`, or a sentence that says why `text` is none.
pub(crate) fn parse(text: &str, schemes: [&str; 2]) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !schemes.contains(&url.scheme()) {
        return Err(format!("it begins with {}: and not with {} or {}", url.scheme(), schemes[0], schemes[1]));
    }
    Ok(url)
}

/// `url` as it may stand in a log: who logs in, and the values of its query, where keys travel, are stars.
pub(crate) fn masked(url: &Url) -> String {
    let mut shown = url.clone();
    if !url.username().is_empty() || url.password().is_some() {
        // They fail only for addresses without a host, which have neither name nor password.
        let _ = shown.set_username("***");
        let _ = shown.set_password(None);
    }
    if let Some(query) = url.query() {
        let pairs: Vec<String> = query.split('&').map(masked_pair).collect();
        shown.set_query(Some(&pairs.join("&")));
    }
    shown.into()
}

/// [`masked`] for text that may not be an address at all, and then loses whatever could be a password or a key.
pub(crate) fn masked_text(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) if url.has_host() => masked(&url),
        _ => {
            let after_login = text.rsplit('@').next().unwrap_or_default();
            format!("{:?}", after_login.split('?').next().unwrap_or_default())
        }
    }
}

fn masked_pair(pair: &str) -> String {
    pair.split_once('=').map_or_else(|| pair.to_owned(), |(name, _)| format!("{name}=***"))
}

/// `error` with what it was caused by, down to the root: the libraries' own texts stop at "error sending request".
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{masked_text, parse};

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        assert_eq!(
            masked_text("http://u:secret@host/hook?key=abc&x=1&flag"),
            "http://***@host/hook?key=***&x=***&flag"
        );
        assert_eq!(masked_text("https://token@host/"), "https://***@host/");
        assert_eq!(masked_text("http://host:3000/face-event"), "http://host:3000/face-event");
        assert_eq!(masked_text("u:secret@host:port/x?key=secret"), r#""host:port/x""#);
        assert_eq!(masked_text("http//host"), r#""http//host""#);
    }

    #[test]
    fn an_address_of_another_scheme_is_refused_with_the_reason() {
        assert!(parse("http://host/", ["ws", "wss"]).expect_err("http").contains("ws or wss"));
        assert!(parse("localhost", ["http", "https"]).is_err());
        assert!(parse("wss://host/", ["ws", "wss"]).is_ok());
    }
}
