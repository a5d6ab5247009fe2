use reqwest::RequestBuilder;
use serde_json::Value;

/// An answer of the HTTP API.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub text: String,
}

impl Answer {
    pub async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        Self { status: response.status().as_u16(), text: response.text().await.expect("a text") }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body of a success.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }

    /// `STATUS code` of an error; checks that the error has its usual form.
    #[track_caller]
    pub fn error(&self) -> String {
        assert!(self.status >= 400, "{self:?}");
        let body = self.json();
        let fields: Vec<&String> = body.as_object().expect("an object").keys().collect();
        assert_eq!(fields, ["error", "message"], "{self:?}");
        let message = body["message"].as_str().expect("a sentence");
        assert!(message.len() > 10 && !message.contains("/tmp"), "{self:?}");
        format!("{} {}", self.status, body["error"].as_str().expect("a code"))
    }
}
