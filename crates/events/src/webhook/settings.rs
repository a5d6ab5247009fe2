use std::time::Duration;

use super::request::RequestForm;
use super::signature::Secret;
use super::wanted::Wanted;

/// A command that opens a door is worth nothing later than this, and may do harm.
const LONGEST_COMMAND: Duration = Duration::from_secs(10);
/// What may be sent later than this is no command.
const COMMANDS_END: Duration = Duration::from_secs(60);
/// Between a webhook's name and the node whose commands these are.
const OF: char = '@';

/// Where a webhook's notices go, which they are, what they say, and for how long they are tried.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// What the outbox calls it: the address, or the name of a named one.
    pub target: String,
    /// How a request is made.
    pub request: RequestForm,
    /// What it is told of.
    pub wanted: Wanted,
    /// What each request is signed with.
    pub secret: Option<Secret>,
    /// Time for one request, from connecting to the end of the answer.
    pub timeout: Duration,
    /// Age at which an event is given up when its delivery fails. Never before it was tried, nor before the receiver has
    /// been away for an hour (or for this, if it is less).
    pub give_up_after: Duration,
    /// Age from which nothing is sent any more, tried or not: for commands.
    pub max_age: Option<Duration>,
    /// Whether what failed is tried again.
    pub retry: bool,
}

impl WebhookSettings {
    /// The contract's webhook for `url`: 5 s for a request, 24 h until an event is given up.
    pub fn new(url: impl Into<String>) -> WebhookSettings {
        let target = url.into();
        WebhookSettings {
            request: RequestForm::contract(&target),
            target,
            wanted: Wanted::passes(),
            secret: None,
            timeout: Duration::from_secs(5),
            give_up_after: Duration::from_hours(24),
            max_age: None,
            retry: true,
        }
    }

    /// A webhook of its own name. What is not the contract's JSON by POST is taken for a command, and not sent when it is
    /// older than 10 s.
    pub fn named(name: impl Into<String>, request: RequestForm) -> WebhookSettings {
        let max_age = request.is_command().then_some(LONGEST_COMMAND);
        WebhookSettings { target: name.into(), request, max_age, ..WebhookSettings::new("") }
    }

    /// Whether it commands something that must not happen late: it is not sent when it is older than a minute, or less.
    pub fn is_command(&self) -> bool {
        self.max_age.is_some_and(|age| age <= COMMANDS_END)
    }

    /// The same for a node: a command is sent by the node that saw why, since another's relay of this name may be another door.
    pub fn of_node(self, node: &str) -> WebhookSettings {
        if !self.is_command() {
            return self;
        }
        WebhookSettings { target: format!("{}{OF}{node}", self.target), ..self }
    }

    /// The name of the webhook of what the outbox calls `target`, and whether these are one node's commands; an address is its
    /// own name.
    pub fn name_of(target: &str) -> (&str, bool) {
        match target.split_once(OF) {
            // A name has no colon, and an address one before anything else.
            Some((name, _)) if !name.contains(':') => (name, true),
            _ => (target, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RequestText;

    #[test]
    fn what_is_no_usual_message_is_a_command_that_is_not_sent_late() {
        let max_age = |text: &RequestText| WebhookSettings::named("x", RequestForm::parse(text).unwrap()).max_age;
        let post = RequestText { url: "http://host/".to_owned(), ..RequestText::default() };
        assert_eq!(max_age(&post), None);
        assert_eq!(max_age(&RequestText { extra: vec!["camera".to_owned()], ..post.clone() }), None);
        assert_eq!(max_age(&RequestText { body: Some("{}".to_owned()), ..post }), Some(LONGEST_COMMAND));
        assert_eq!(
            max_age(&RequestText {
                method: "GET".to_owned(),
                url: "http://host/".to_owned(),
                ..RequestText::default()
            }),
            Some(LONGEST_COMMAND)
        );
    }
}
