use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, bail};
use events::{NotARequest, NoticeKind, RequestForm, RequestText, Secret, Wanted, WebhookSettings, group_name};
use gallery::PersonName;
use serde_json::{Map, Value};

use crate::settings::{self, Resolved, TableKind, Value as _};

/// Every field's name.
const FIELDS: [&str; 16] = [
    "name",
    "url",
    "on",
    "cameras",
    "people",
    "groups",
    "status",
    "method",
    "headers",
    "body",
    "extra",
    "content_type",
    "secret",
    "timeout_seconds",
    "retry",
    "max_age_seconds",
];

/// Most webhooks of a file.
const MOST: usize = 100;

/// Most entries of a list, and of headers.
const LONGEST_LIST: usize = 1000;
const MOST_HEADERS: usize = 32;

/// Longest text, in characters; bodies are bounded where they are read.
const LONGEST_TEXT: usize = 4000;

const NAME: &str = "1 to 64 small letters, digits, - and _, the first a letter or digit";
const TEXTS: &str = "a list of texts, such as [\"front-door\"]";
const HEADERS: &str = "a table of texts, such as { Authorization = \"Bearer …\" }";

/// A webhook of the settings' file.
#[derive(Clone, Debug)]
pub struct NamedWebhook {
    /// Unique among them.
    pub name: String,
    /// What it does.
    pub settings: WebhookSettings,
}

/// What is wrong with a webhook of the file.
#[derive(Debug, thiserror::Error)]
enum NotAWebhook {
    #[error("a webhook needs `{0}`")]
    Missing(&'static str),
    #[error("a webhook has no `{field}`{hint}")]
    Unknown { field: String, hint: String },
    /// What was given is not said: it may be a secret.
    #[error("`{field}` is not allowed as it is: use {allowed}")]
    NotAllowed { field: &'static str, allowed: String },
    #[error(
        "with this `{field}` it would never be told of {kind}: take \"{kind}\" out of `on`, or leave `{field}` out"
    )]
    Never { field: &'static str, kind: &'static str },
    #[error(transparent)]
    Request(#[from] NotARequest),
}

/// The webhooks of the settings' file, in order.
///
/// # Errors
/// What is wrong with one of them, and which that is.
pub fn named_webhooks(resolved: &Resolved) -> anyhow::Result<Vec<NamedWebhook>> {
    let mut webhooks: Vec<NamedWebhook> = Vec::new();
    for (place, fields) in resolved.tables(TableKind::Webhook).fields(TableKind::Webhook)? {
        let webhook = NamedWebhook::parse(&fields).with_context(|| place.clone())?;
        if webhooks.iter().any(|other| other.name == webhook.name) {
            bail!("{place}: there is a webhook `{}` before it: give each a name of its own", webhook.name);
        }
        if webhooks.len() >= MOST {
            bail!("{place}: there are {MOST} webhooks before it, and no more are taken");
        }
        webhooks.push(webhook);
    }
    Ok(webhooks)
}

/// The webhooks that wait for a camera which is not one of `known`, and for which.
pub fn waiting_for_none<'a>(
    webhooks: &'a [NamedWebhook],
    known: &'a BTreeSet<String>,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let wanted = |webhook: &'a NamedWebhook| {
        webhook.settings.wanted.cameras.iter().map(|camera| (webhook.name.as_str(), camera.as_str()))
    };
    webhooks.iter().flat_map(wanted).filter(|(_, camera)| !known.contains(*camera))
}

impl NamedWebhook {
    fn parse(fields: &Map<String, Value>) -> Result<Self, NotAWebhook> {
        let fields = Fields(fields);
        fields.check_names()?;
        let name = fields.text("name", NAME, is_name)?.ok_or(NotAWebhook::Missing("name"))?;
        let request = RequestForm::parse(&RequestText {
            method: fields.text("method", "POST, GET, PUT, PATCH or DELETE", is_short)?.unwrap_or_default(),
            url: fields
                .text("url", "an address of up to 4000 characters", is_short)?
                .ok_or(NotAWebhook::Missing("url"))?,
            headers: fields.headers()?,
            body: fields.text("body", "a text", |_| true)?,
            extra: fields.list("extra", given)?.unwrap_or_default(),
            content_type: fields.text("content_type", "a type such as text/plain", is_short)?.unwrap_or_default(),
        })?;
        let usual = WebhookSettings::named(&name, request);
        let wanted = Wanted {
            kinds: fields.kinds()?,
            cameras: fields.list("cameras", given)?.unwrap_or_default(),
            people: fields
                .list("people", |text| PersonName::parse(text).ok().map(|name| name.to_string()))?
                .unwrap_or_default(),
            groups: fields.list("groups", group_name)?.unwrap_or_default(),
            status: fields.text("status", "PASS or REJECT", |text| matches!(text, "PASS" | "REJECT"))?,
        };
        check(&wanted)?;
        let secret = fields.text("secret", "a text that is not empty", |text| !text.is_empty() && is_short(text))?;
        let settings = WebhookSettings {
            wanted,
            secret: secret.and_then(Secret::new),
            timeout: fields.seconds("timeout_seconds", 0.1, 15.0)?.unwrap_or(usual.timeout),
            max_age: fields.seconds("max_age_seconds", 1.0, 2_592_000.0)?.or(usual.max_age),
            retry: fields.switch("retry")?.unwrap_or(usual.retry),
            ..usual
        };
        Ok(Self { name, settings })
    }
}

/// What somebody asks for should be able to happen.
fn check(wanted: &Wanted) -> Result<(), NotAWebhook> {
    for kind in &wanted.kinds {
        let status = match kind {
            NoticeKind::Pass => Some("PASS"),
            NoticeKind::Denied | NoticeKind::Unknown | NoticeKind::Spoof => Some("REJECT"),
            NoticeKind::Watched => None,
        };
        let is_other = |asked: &str| status.is_some_and(|status| status != asked);
        let is_nobody = *kind == NoticeKind::Unknown;
        for (field, never) in [
            ("status", wanted.status.as_deref().is_some_and(is_other)),
            ("people", is_nobody && !wanted.people.is_empty()),
            ("groups", is_nobody && !wanted.groups.is_empty()),
        ] {
            if never {
                return Err(NotAWebhook::Never { field, kind: kind.as_str() });
            }
        }
    }
    Ok(())
}

fn is_name(text: &str) -> bool {
    let mut letters = text.bytes();
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    letters.next().is_some_and(is_letter)
        && letters.all(|byte| is_letter(byte) || b"-_".contains(&byte))
        && text.len() <= 64
}

/// As it was given.
#[allow(clippy::unnecessary_wraps, reason = "one of several forms in which a text is kept")]
fn given(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn is_short(text: &str) -> bool {
    text.chars().count() <= LONGEST_TEXT
}

/// The fields of a webhook as they were given.
struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    fn check_names(&self) -> Result<(), NotAWebhook> {
        match self.0.keys().find(|field| !FIELDS.contains(&field.as_str())) {
            Some(field) => {
                let hint = settings::nearest(field, FIELDS).map(|near| format!(" (did you mean `{near}`?)"));
                let field = field.chars().take(64).collect();
                Err(NotAWebhook::Unknown { field, hint: hint.unwrap_or_default() })
            }
            None => Ok(()),
        }
    }

    fn text(
        &self,
        field: &'static str,
        allowed: &str,
        is_allowed: impl Fn(&str) -> bool,
    ) -> Result<Option<String>, NotAWebhook> {
        let Some(given) = self.0.get(field) else { return Ok(None) };
        match given.as_str().filter(|text| is_allowed(text)) {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(not_allowed(field, allowed)),
        }
    }

    /// Texts, each in the form in which such are kept; an empty list would be of no use.
    fn list(
        &self,
        field: &'static str,
        kept: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Vec<String>>, NotAWebhook> {
        let Some(given) = self.0.get(field) else { return Ok(None) };
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty() && is_short(text)).and_then(&kept);
        let texts: Option<Vec<String>> = given.as_array().and_then(|values| values.iter().map(text).collect());
        match texts.filter(|texts| (1..=LONGEST_LIST).contains(&texts.len())) {
            Some(texts) => Ok(Some(texts)),
            None => Err(not_allowed(field, TEXTS)),
        }
    }

    fn kinds(&self) -> Result<BTreeSet<NoticeKind>, NotAWebhook> {
        let Some(words) = self.list("on", given)? else { return Ok([NoticeKind::Pass].into()) };
        let kind = |word: &String| NoticeKind::ALL.into_iter().find(|kind| kind.as_str() == word);
        let kinds = words.iter().map(kind).collect::<Option<_>>();
        let allowed = NoticeKind::ALL.map(NoticeKind::as_str).join(", ");
        kinds.ok_or_else(|| not_allowed("on", &format!("a list of {allowed}")))
    }

    fn headers(&self) -> Result<Vec<(String, String)>, NotAWebhook> {
        let Some(given) = self.0.get("headers") else { return Ok(Vec::new()) };
        let header = |(name, value): (&String, &Value)| {
            let value = value.as_str().filter(|text| is_short(text))?;
            Some((name.clone(), value.to_owned()))
        };
        let headers: Option<Vec<_>> = given.as_object().and_then(|headers| headers.iter().map(header).collect());
        headers.filter(|headers| headers.len() <= MOST_HEADERS).ok_or_else(|| not_allowed("headers", HEADERS))
    }

    fn seconds(&self, field: &'static str, least: f64, most: f64) -> Result<Option<Duration>, NotAWebhook> {
        let Some(given) = self.0.get(field) else { return Ok(None) };
        match given.as_f64().filter(|seconds| (least..=most).contains(seconds)) {
            Some(seconds) => Ok(Some(Duration::from_secs_f64(seconds))),
            None => Err(not_allowed(field, &format!("a number of seconds, {least} to {most}"))),
        }
    }

    fn switch(&self, field: &'static str) -> Result<Option<bool>, NotAWebhook> {
        let Some(given) = self.0.get(field) else { return Ok(None) };
        let switch = given.as_bool().or_else(|| given.as_str().and_then(<bool as settings::Value>::parse));
        switch.map(Some).ok_or_else(|| not_allowed(field, bool::ALLOWED))
    }
}

fn not_allowed(field: &'static str, allowed: &str) -> NotAWebhook {
    NotAWebhook::NotAllowed { field, allowed: allowed.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(toml: &str) -> Result<NamedWebhook, String> {
        let table: toml::Table = toml.parse().unwrap();
        let fields = serde_json::to_value(table).unwrap();
        NamedWebhook::parse(fields.as_object().unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_and_an_address_are_enough() {
        let webhook = parse("name = 'a'\nurl = 'http://host/x'").unwrap();
        assert_eq!(webhook.settings.wanted, Wanted::passes());
        assert_eq!(webhook.settings.target, "a");
        assert_eq!((webhook.settings.timeout, webhook.settings.max_age), (Duration::from_secs(5), None));
        assert!(webhook.settings.retry && webhook.settings.secret.is_none());
    }

    #[test]
    fn everything_may_be_set() {
        let webhook = parse(
            r#"
            name = "relay"
            url = "http://host/relay/{{camera}}"
            on = ["denied", "watched"]
            cameras = ["door"]
            people = [" katya "]
            groups = [" staff"]
            status = "REJECT"
            method = "put"
            headers = { Authorization = "Bearer abc" }
            body = '{"who": "{{name}}"}'
            secret = "s3cret"
            timeout_seconds = 1.5
            retry = "no"
            max_age_seconds = 60
            "#,
        );
        let settings = webhook.unwrap().settings;
        assert_eq!(settings.request.method(), "PUT");
        assert_eq!(settings.wanted.kinds, [NoticeKind::Denied, NoticeKind::Watched].into());
        assert_eq!(
            (&settings.wanted.groups[..], &settings.wanted.people[..]),
            (&["staff".to_owned()][..], &["katya".to_owned()][..])
        );
        assert_eq!((settings.timeout, settings.max_age), (Duration::from_millis(1500), Some(Duration::from_secs(60))));
        assert!(!settings.retry && settings.secret.is_some());
        assert!(!format!("{settings:?}").contains("abc") && !format!("{settings:?}").contains("s3cret"));
    }

    #[test]
    fn a_wrong_field_is_refused_with_its_name_and_what_is_allowed_and_no_secret_is_said() {
        for (line, reason) in [
            ("urll = 'x'", "no `urll` (did you mean `url`?)"),
            ("on = ['passed']", "`on` is not allowed as it is: use a list of pass, denied, unknown, watched"),
            ("on = []", "`on`"),
            ("cameras = 'door'", "`cameras` is not allowed as it is: use a list of texts"),
            ("status = 'pass'", "PASS or REJECT"),
            ("timeout_seconds = 60", "0.1 to 15"),
            ("max_age_seconds = 0", "1 to 2592000"),
            ("secret = 7", "`secret`"),
            ("headers = { A = 1 }", "`headers`"),
            ("headers = { 'X-A' = '{{key}}' }", "there is no {{key}}: use one of name"),
            ("retry = 'maybe'", "`retry`"),
            ("status = 'REJECT'", "with this `status` it would never be told of pass"),
            ("on = ['watched', 'unknown']\nstatus = 'PASS'", "never be told of unknown"),
            ("on = ['unknown', 'denied']\npeople = ['ann']", "with this `people` it would never be told of unknown"),
            ("on = ['unknown']\ngroups = ['staff']", "take \"unknown\" out of `on`"),
            ("method = 'BREW'", "`method` is none"),
        ] {
            let refused = parse(&format!("name = 'a'\nurl = 'http://host/'\n{line}")).unwrap_err();
            assert!(refused.contains(reason), "{refused} and not {reason}");
        }
        assert!(parse("url = 'http://host/'").unwrap_err().contains("needs `name`"));
        assert!(parse("name = 'a'").unwrap_err().contains("needs `url`"));
        assert!(parse("name = 'A b'\nurl = 'http://host/'").unwrap_err().contains("small letters"));
    }
}
