use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::line::{Caller, Line, LineNews, Patience};
use super::settings::MqttSettings;
use super::told_to_stop;
use super::topics::part;

/// Time for a last word.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Says under one topic that a node is there, and leaves it to the broker to say that it is not. A connection has one last
/// will, so each such topic has a connection of its own. Where several nodes say so under the same topic, those that are
/// left contradict what is said of one that has gone. A task that calls again for ever; what goes wrong is logged by who
/// has more to say.
#[derive(Debug)]
pub struct Presence {
    caller: Caller,
    topic: String,
}

impl Presence {
    /// The node of `settings` under `topic`; `number` tells this connection from others of the process.
    pub fn new(settings: &MqttSettings, topic: String, number: usize) -> Self {
        let client = format!("{}-{number}", client_id(settings));
        Self { caller: Caller::new(settings, client, &topic), topic }
    }

    /// Runs until `stopped`.
    pub async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut patience = Patience::new();
        loop {
            let mut line = Line::open(&self.caller);
            tokio::select! {
                () = self.stay(&mut line, &mut patience) => {}
                () = told_to_stop(&mut stopped) => {
                    let _ = timeout(LAST_WORD, self.leave(line)).await;
                    return;
                }
            }
            tokio::select! {
                () = sleep(patience.lost()) => {}
                () = told_to_stop(&mut stopped) => return,
            }
        }
    }

    /// Until the line is lost.
    async fn stay(&self, line: &mut Line<()>, patience: &mut Patience) {
        loop {
            match line.next().await {
                LineNews::Open => {
                    patience.opened();
                    line.say(&self.topic, "online".to_owned(), true, ());
                    line.listen([self.topic.clone()]);
                }
                LineNews::Said(said) if said.payload == "offline" && !said.retained && line.has_room() => {
                    line.say(&self.topic, "online".to_owned(), true, ());
                }
                LineNews::Lost(_) => return,
                LineNews::Delivered(()) | LineNews::Said(_) => {}
            }
        }
    }

    async fn leave(&self, mut line: Line<()>) {
        line.say(&self.topic, "offline".to_owned(), true, ());
        while !line.is_idle() {
            if let LineNews::Lost(_) = line.next().await {
                return;
            }
        }
        line.close().await;
    }
}

/// The same after a restart, so that the broker ends what is left of the connection before.
pub fn client_id(settings: &MqttSettings) -> String {
    format!("{}-{}-{}", part(&settings.prefix), part(&settings.node), settings.process)
}
