use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde::Serialize;
use serde_json::Value as Json;

use super::facts::{EXTRAS, Facts, PLACES, four_decimals};
use super::template::{NotATemplate, Syntax, Template, Value};
use crate::address::{masked, masked_text, parse};
use crate::{Notice, NoticeKind};

/// How a request is made.
#[derive(Clone, Debug)]
pub struct RequestForm {
    method: Method,
    url: Template,
    headers: Vec<(HeaderName, Template)>,
    content_type: HeaderValue,
    body: Body,
    is_named: bool,
}

#[derive(Clone, Debug)]
enum Body {
    /// None at all.
    Empty,
    /// The contract's JSON, with these fields beside its own.
    Contract(Vec<String>),
    Template(Template),
}

/// A named webhook's request as it was written.
#[derive(Clone, Debug, Default)]
pub struct RequestText {
    /// `POST` and its like; empty for POST.
    pub method: String,
    /// The address; `{{…}}` may stand in its path and query.
    pub url: String,
    /// Names and values; `{{…}}` may stand in the values.
    pub headers: Vec<(String, String)>,
    /// The body; `None` for the contract's JSON.
    pub body: Option<String>,
    /// What the contract's JSON says beside its own fields.
    pub extra: Vec<String>,
    /// What the body is; empty for JSON.
    pub content_type: String,
}

/// What is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {reason}")]
pub struct NotARequest {
    /// Of which field.
    pub field: &'static str,
    /// A sentence without its subject.
    pub reason: String,
}

impl RequestForm {
    /// The contract's: its JSON by POST to an address that stands as it is.
    pub(super) fn contract(url: &str) -> Self {
        Self {
            method: Method::POST,
            url: Template::literal(url),
            headers: Vec::new(),
            content_type: HeaderValue::from_static("application/json"),
            body: Body::Contract(Vec::new()),
            is_named: false,
        }
    }

    /// Checks all of it, so that nothing can go wrong with it later.
    ///
    /// # Errors
    /// What is wrong, and with which field.
    pub fn parse(text: &RequestText) -> Result<Self, NotARequest> {
        let method = method(&text.method)?;
        let content_type = content_type(&text.content_type)?;
        let form = Self {
            url: address(&text.url)?,
            headers: text.headers.iter().map(|(name, value)| header(name, value)).collect::<Result<_, _>>()?,
            body: body(text, &method, &content_type)?,
            method,
            content_type,
            is_named: true,
        };
        Ok(form)
    }

    /// Whether it is something else than the contract's JSON by POST.
    pub(super) fn is_command(&self) -> bool {
        self.method != Method::POST || matches!(self.body, Body::Template(_))
    }

    /// The address without what could be a secret: of a named webhook all but the host, since the keys of many services
    /// stand in the path.
    pub fn shown(&self) -> String {
        if !self.is_named {
            return masked_text(self.url.start());
        }
        self.shown_host()
    }

    /// The address without its path.
    pub fn shown_host(&self) -> String {
        let Ok(mut url) = Url::parse(self.url.start()) else { return String::new() };
        url.set_query(None);
        url.set_fragment(None);
        url.set_path("");
        format!("{}…", masked(&url))
    }

    /// Host and port.
    pub fn place(&self) -> Option<(String, u16)> {
        let url = Url::parse(self.url.start()).ok()?;
        Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
    }

    /// `POST` and its like.
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// What is sent for `notice`; empty where nothing is.
    pub(super) fn body(&self, notice: &Notice, facts: &Facts) -> String {
        match &self.body {
            Body::Empty => String::new(),
            Body::Contract(extra) if extra.is_empty() => contract_body(notice),
            Body::Contract(extra) => {
                let mut body = contract_body(notice);
                body.pop();
                for name in extra {
                    // Names of our own need no escaping.
                    body.push_str(&format!(",\"{name}\":{}", facts.json(name)));
                }
                body.push('}');
                body
            }
            Body::Template(template) => template.render(|place| facts.value(place)),
        }
    }

    /// Whether anything of it is filled in when it is sent.
    pub(super) fn is_named(&self) -> bool {
        self.is_named
    }

    pub(super) fn request_method(&self) -> Method {
        self.method.clone()
    }

    /// What the body is; `None` where there is none.
    pub(super) fn content_type(&self) -> Option<&HeaderValue> {
        (!matches!(self.body, Body::Empty)).then_some(&self.content_type)
    }

    /// Where to.
    ///
    /// # Errors
    /// A sentence, when what was filled in leads elsewhere than was meant.
    pub(super) fn url(&self, facts: &Facts) -> Result<Url, String> {
        let text = self.url.render(|place| facts.value(place));
        let url = parse(&text, ["http", "https"])?;
        // `.` and `..` cannot be written otherwise in a path: to every server they mean another one.
        let path = text.split(['?', '#']).next().unwrap_or_default();
        let leads_elsewhere = |part: &str| matches!(&*part.to_lowercase().replace("%2e", "."), "." | "..");
        if self.url.has_places() && path.split(['/', '\\']).any(leads_elsewhere) {
            return Err("the address would lead elsewhere: what stands between two / of it is . or ..".to_owned());
        }
        Ok(url)
    }

    pub(super) fn headers(&self, facts: &Facts) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        self.headers.iter().filter_map(|(name, template)| {
            // It was checked that only visible ASCII can come out.
            let mut value = HeaderValue::try_from(template.render(|place| facts.value(place))).ok()?;
            value.set_sensitive(true);
            Some((name.clone(), value))
        })
    }
}

fn wrong(field: &'static str, reason: impl Into<String>) -> NotARequest {
    NotARequest { field, reason: reason.into() }
}

fn template(field: &'static str, text: &str, syntax: Syntax) -> Result<Template, NotARequest> {
    Template::parse(text, syntax, &PLACES).map_err(|error: NotATemplate| wrong(field, format!("is wrong: {error}")))
}

fn method(text: &str) -> Result<Method, NotARequest> {
    match text.to_ascii_uppercase().as_str() {
        "" | "POST" => Ok(Method::POST),
        "GET" => Ok(Method::GET),
        "PUT" => Ok(Method::PUT),
        "PATCH" => Ok(Method::PATCH),
        "DELETE" => Ok(Method::DELETE),
        _ => Err(wrong("method", "is none: use POST, GET, PUT, PATCH or DELETE")),
    }
}

fn address(text: &str) -> Result<Template, NotARequest> {
    let template = template("url", text, Syntax::Percent)?;
    let start = template.start();
    // Anything but a place's text decides which host that is.
    let (_, after) = start.split_once("://").unwrap_or_default();
    let is_host_fixed = !template.has_places() || after.contains(['/', '?']);
    let url = parse(start, ["http", "https"]).map_err(|reason| {
        wrong(
            "url",
            format!("is no address ({reason}): it looks like http://HOST/path, and {{{{…}}}} stands after the host"),
        )
    })?;
    if !is_host_fixed || !url.has_host() {
        return Err(wrong("url", "needs a host without {{…}}: they may stand in the path and in the query"));
    }
    Ok(template)
}

/// Those that the HTTP library and this crate write.
const OURS: [&str; 11] = [
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "user-agent",
    "x-vultus-attempt",
    "x-vultus-camera",
    "x-vultus-delivery",
    "x-vultus-notice",
    "x-vultus-signature",
];

fn header(name: &str, value: &str) -> Result<(HeaderName, Template), NotARequest> {
    let parsed = HeaderName::try_from(name)
        .map_err(|_| wrong("headers", "has a name that is none: letters, digits and - as in Authorization"))?;
    if OURS.contains(&parsed.as_str()) {
        let hint = if parsed == CONTENT_TYPE { ": use `content_type`" } else { "" };
        return Err(wrong("headers", format!("may not set {parsed}{hint}")));
    }
    let template = template("headers", value, Syntax::Header)?;
    if HeaderValue::try_from(template.render(|_| Value::Missing)).is_err() {
        return Err(wrong(
            "headers",
            format!("has a value of {parsed} that cannot be sent: use visible ASCII characters"),
        ));
    }
    Ok((parsed, template))
}

fn content_type(text: &str) -> Result<HeaderValue, NotARequest> {
    let text = if text.is_empty() { "application/json" } else { text };
    let is_one = text.contains('/') && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let parsed = is_one.then(|| HeaderValue::try_from(text).ok()).flatten();
    parsed.ok_or_else(|| wrong("content_type", "is none: it looks like application/json or text/plain"))
}

fn body(text: &RequestText, method: &Method, content_type: &HeaderValue) -> Result<Body, NotARequest> {
    if let Some(unknown) = text.extra.iter().find(|name| !EXTRAS.contains(&name.as_str())) {
        let unknown: String = unknown.chars().take(40).collect();
        return Err(wrong("extra", format!("has no {unknown:?}: use {}", EXTRAS.join(", "))));
    }
    match (&text.body, method) {
        (Some(_), &Method::GET) => Err(wrong("body", "cannot be sent by GET: leave it out, or use POST")),
        (Some(_), _) if !text.extra.is_empty() => {
            Err(wrong("extra", "adds to the usual body: with a `body` of your own, write the {{…}} into it"))
        }
        (None, &Method::GET) if text.extra.is_empty() => Ok(Body::Empty),
        (None, &Method::GET) => Err(wrong("extra", "adds to the body, and GET has none")),
        (None, _) => {
            if !is_json(content_type) {
                return Err(wrong("content_type", "is that of another body than the usual JSON: write one as `body`"));
            }
            let mut extra: Vec<String> = Vec::new();
            for name in &text.extra {
                if !extra.contains(name) {
                    extra.push(name.clone());
                }
            }
            Ok(Body::Contract(extra))
        }
        (Some(body), _) => {
            let template = template("body", body, syntax_of(content_type))?;
            if is_json(content_type) {
                check_json(&template)?;
            }
            Ok(Body::Template(template))
        }
    }
}

fn is_json(content_type: &HeaderValue) -> bool {
    syntax_of(content_type) == Syntax::Json
}

fn syntax_of(content_type: &HeaderValue) -> Syntax {
    let text = content_type.to_str().unwrap_or_default().to_ascii_lowercase();
    if text.contains("json") {
        Syntax::Json
    } else if text.contains("xml") || text.contains("html") {
        Syntax::Xml
    } else if text.contains("x-www-form-urlencoded") {
        Syntax::Percent
    } else {
        Syntax::Plain
    }
}

/// With everything known, and with nothing.
fn check_json(template: &Template) -> Result<(), NotARequest> {
    let facts = Facts::of(&sample(NoticeKind::Pass)).with_delivery("0");
    for body in [template.render(|place| facts.value(place)), template.render(|_| Value::Missing)] {
        serde_json::from_str::<Json>(&body).map_err(|error| {
            wrong("body", format!("is no JSON once it is filled in ({error}): mend it, or set `content_type`"))
        })?;
    }
    Ok(())
}

/// A notice to try a webhook with.
pub(super) fn sample(kind: NoticeKind) -> Notice {
    Notice { name: Some("test".into()), distance: Some(0.25), ..Notice::new(kind, "test", store::Micros::now()) }
}

/// The contract's body: these three fields, in this order, and never another.
#[derive(Serialize)]
struct ContractBody<'a> {
    name: Option<&'a str>,
    distance: Option<f64>,
    timestamp: i64,
}

fn contract_body(pass: &Notice) -> String {
    let body = ContractBody {
        name: pass.name.as_deref(),
        distance: pass.distance.map(four_decimals),
        timestamp: pass.timestamp.0.div_euclid(1_000_000),
    };
    // Strings and numbers, which always have a form in JSON.
    serde_json::to_string(&body).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use store::Micros;

    use super::*;

    fn pass(name: &str, distance: f32) -> Notice {
        let seen = Notice::new(NoticeKind::Pass, "door", Micros(1_736_400_000_999_999));
        Notice { name: Some(name.into()), distance: Some(distance), groups: vec!["staff".into()], ..seen }
    }

    fn body(form: &RequestForm, notice: &Notice) -> String {
        form.body(notice, &Facts::of(notice))
    }

    fn relay(url: &str) -> RequestText {
        RequestText { url: url.to_owned(), method: "get".to_owned(), ..RequestText::default() }
    }

    #[test]
    fn the_body_is_the_contracts_to_the_byte() {
        let form = RequestForm::contract("http://host/");
        let expected = r#"{"name":"katya","distance":0.4123,"timestamp":1736400000}"#;
        assert_eq!(body(&form, &pass("katya", 0.412_34)), expected);
        assert_eq!(body(&form, &pass("katya", 0.412_25)), expected);
        let expected = r#"{"name":"Jörg \"J\"","distance":0.0,"timestamp":1736400000}"#;
        assert_eq!(body(&form, &pass("Jörg \"J\"", 0.0)), expected);
    }

    #[test]
    fn extra_fields_come_after_the_contracts_three() {
        let extra = ["camera", "groups", "event", "camera"].map(str::to_owned).to_vec();
        let text = RequestText { url: "http://host/".to_owned(), extra, ..RequestText::default() };
        assert_eq!(
            body(&RequestForm::parse(&text).unwrap(), &pass("katya", 0.5)),
            r#"{"name":"katya","distance":0.5,"timestamp":1736400000,"camera":"door","groups":["staff"],"event":null}"#
        );
    }

    #[test]
    fn a_name_cannot_change_where_a_request_goes() {
        let form = RequestForm::parse(&relay("http://relay.example/door/{{name}}/open?by={{name}}")).unwrap();
        for name in ["a/b", "@evil.example", "?x=1&y#z", "\r\nX: y", "\\..\\", "%2e%2e", "🚪", "../../", "...", " "] {
            let url = form.url(&Facts::of(&pass(name, 0.1))).unwrap();
            assert_eq!(url.host_str(), Some("relay.example"), "{name}");
            assert!(url.path().starts_with("/door/") && url.path().ends_with("/open"), "{name}: {url}");
            assert_eq!(url.path().matches('/').count(), 3, "{name}: {url}");
            assert_eq!(url.query_pairs().collect::<Vec<_>>(), [("by".into(), name.into())], "{url}");
        }
        for name in [".", ".."] {
            assert!(form.url(&Facts::of(&pass(name, 0.1))).unwrap_err().contains("elsewhere"), "{name}");
        }
    }

    #[test]
    fn a_header_is_one_line_whatever_somebody_is_called() {
        let headers = vec![("X-Who".to_owned(), "Name {{name}}".to_owned())];
        let form = RequestForm::parse(&RequestText { headers, ..relay("http://host/") }).unwrap();
        let value = |name| form.headers(&Facts::of(&pass(name, 0.1))).next().unwrap().1.to_str().unwrap().to_owned();
        assert_eq!(value("a\r\nX-Evil: 1"), "Name a%0D%0AX-Evil: 1");
        assert_eq!(value("Jörg"), "Name J%C3%B6rg");
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_field_and_the_reason() {
        let base = || RequestText { url: "http://host/".to_owned(), ..RequestText::default() };
        let own = |body: &str| RequestText { body: Some(body.to_owned()), ..base() };
        let with_header =
            |name: &str, value: &str| RequestText { headers: vec![(name.to_owned(), value.to_owned())], ..base() };
        let extra = |name: &str| RequestText { extra: vec![name.to_owned()], ..base() };
        for (text, reason) in [
            (relay(""), "`url` is no address"),
            (relay("ftp://host/"), "begins with ftp:"),
            (relay("http://{{name}}/x"), "`url` is no address"),
            (relay("http://host{{name}}/x"), "host without {{…}}"),
            (relay("http://a:{{name}}@host/x"), "`url`"),
            (relay("http://host/{{nobody}}"), "there is no {{nobody}}: use one of name, distance"),
            (RequestText { method: "BREW".to_owned(), ..base() }, "`method` is none"),
            (RequestText { method: "GET".to_owned(), ..own("x") }, "cannot be sent by GET"),
            (own("{\"a\": {{name}} {{name}}}"), "is no JSON"),
            (own("hello {{name}}"), "is no JSON"),
            (RequestText { content_type: "plain".to_owned(), ..own("x") }, "`content_type` is none"),
            (RequestText { content_type: "text/plain".to_owned(), ..base() }, "another body"),
            (RequestText { extra: vec!["camera".to_owned()], ..own("{}") }, "with a `body` of your own"),
            (extra("nmae"), "`extra` has no \"nmae\": use camera"),
            (with_header("Content-Type", "x"), "use `content_type`"),
            (with_header("Host", "x"), "may not set host"),
            (with_header("X-Vultus-Delivery", "x"), "may not set x-vultus-delivery"),
            (with_header("X Y", "x"), "a name that is none"),
            (with_header("X", "a\r\nb"), "cannot be sent"),
        ] {
            let refused = RequestForm::parse(&text).expect_err(reason).to_string();
            assert!(refused.contains(reason), "{refused} and not {reason}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let form = RequestForm::parse(&relay("https://u:secret@host:81/secret/{{name}}?key=secret")).unwrap();
        assert_eq!(form.shown(), "https://***@host:81/…");
        assert!(!format!("{form:?}").contains("secret"));
        assert_eq!(RequestForm::contract("http://h/x?k=secret").shown(), "http://h/x?k=***");
    }
}
