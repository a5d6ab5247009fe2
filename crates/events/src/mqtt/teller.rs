use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gallery::Gallery;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::commands::Commands;
use super::discovery::Discovery;
use super::line::{Caller, Line, LineNews, Loss, Patience, Said};
use super::passages::{FaceBox, Passages, Passing};
use super::people::People;
use super::presence::client_id;
use super::records::{Published, Record};
use super::rooms::Rooms;
use super::roster::Roster;
use super::settings::MqttSettings;
use super::shelf::Shelf;
use super::topics::Topics;
use super::{double_take, frigate, payload, told_to_stop};
use crate::{Notice, PassageNews};

/// How often it is looked what has changed.
const TICK: Duration = Duration::from_millis(100);

/// Time for the last words.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What a camera's flow tells.
#[derive(Debug)]
pub enum News {
    /// Something that has happened, and when.
    Notice(Box<Notice>, Instant),
    /// How a passage stands, and where the faces are.
    Passage(PassageNews, Vec<FaceBox>),
    /// How many people are in view of a camera.
    People(Arc<str>, usize),
}

/// What a message was.
#[derive(Debug)]
enum Sent {
    Command,
    Standing(String),
    Record(i64),
}

/// Brings to the broker what there is to tell: first what is soon worth nothing, then how things stand, then what can wait.
/// A task that calls again for ever; each outage is logged once.
#[derive(Debug)]
pub struct Teller {
    settings: Arc<MqttSettings>,
    topics: Topics,
    caller: Caller,
    line: Option<Line<Sent>>,
    is_open: bool,
    patience: Patience,
    call_at: Instant,
    /// What was logged of this outage.
    told_loss: Option<Loss>,
    was_open: bool,
    commands: Commands,
    shelf: Shelf,
    published: Published,
    /// Not delivered yet, in order, and how many of them have been sent on this line.
    records: VecDeque<Record>,
    records_sent: usize,
    passages: Passages,
    cameras: watch::Receiver<Roster>,
    rooms: Rooms,
    people: People,
}

impl Teller {
    /// Nothing is told before [`run`](Self::run).
    pub fn new(
        settings: Arc<MqttSettings>,
        topics: Topics,
        gallery: Gallery,
        cameras: watch::Receiver<Roster>,
        published: Published,
    ) -> Self {
        let caller = Caller::new(&settings, client_id(&settings), &topics.node_status());
        let discovery = Discovery::new(&settings, &topics);
        let mut shelf = Shelf::default();
        shelf.put(topics.node_status(), "online");
        Self {
            caller,
            line: None,
            is_open: false,
            patience: Patience::new(),
            call_at: Instant::now(),
            told_loss: None,
            was_open: false,
            commands: Commands::default(),
            shelf,
            published,
            records: VecDeque::new(),
            records_sent: 0,
            passages: Passages::default(),
            cameras,
            rooms: Rooms::new(&topics, discovery.clone(), &settings.node, settings.dialects.double_take),
            people: People::new(&topics, discovery, gallery),
            topics,
            settings,
        }
    }

    /// Runs until `stopped`.
    pub async fn run(mut self, mut news: mpsc::Receiver<News>, mut stopped: watch::Receiver<bool>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.say_what_there_is();
            tokio::select! {
                happening = next_of(&mut self.line) => self.hear(happening),
                Some(news) = news.recv() => self.take(news),
                Some(page) = self.published.pages.recv(), if self.records.is_empty() => self.records.extend(page),
                _ = ticks.tick() => self.look(),
                () = told_to_stop(&mut stopped) => break,
            }
        }
        while let Ok(news) = news.try_recv() {
            self.take(news);
        }
        if timeout(LAST_WORDS, self.end()).await.is_err() {
            tracing::debug!("MQTT: the broker did not take the last words");
        }
    }

    fn take(&mut self, news: News) {
        match news {
            News::Notice(notice, at) => self.take_notice(&notice, at),
            News::People(camera, people) => self.rooms.see(&camera, people, Instant::now()),
            News::Passage(news, faces) => self.take_passage(&news, &faces),
        }
    }

    fn take_notice(&mut self, notice: &Notice, at: Instant) {
        let told = payload::of_notice(notice).to_string();
        for what in [notice.kind.as_str(), "event"] {
            self.commands.add(self.topics.camera(&notice.camera, what), told.clone(), at);
        }
    }

    fn take_passage(&mut self, news: &PassageNews, faces: &[FaceBox]) {
        let now = Instant::now();
        let Some(change) = Passing::of(news, faces).and_then(|passing| self.passages.take(news.phase, passing)) else {
            return;
        };
        if !change.is_over {
            self.rooms.recognise(&change.now, &mut self.shelf, now);
        }
        let camera = self.rooms.name(&change.now.camera).to_owned();
        self.people.see(&change.now, &camera, &mut self.shelf);
        let (dialects, enrolled) = (self.settings.dialects, self.people.enrolled());
        let threshold = self.settings.strictness.threshold(enrolled);
        let mut told = Vec::new();
        if dialects.double_take {
            let people = self.rooms.people(&change.now.camera).max(1);
            told = double_take::messages(&change, people, threshold);
            if !told.is_empty() {
                self.rooms.count(&change.now.camera, &mut self.shelf, now);
            }
        }
        if dialects.frigate {
            told.extend(frigate::messages(&change, threshold));
        }
        for (topic, payload) in told {
            self.commands.add(topic, payload, now);
        }
    }

    /// Looks what has changed without a word.
    fn look(&mut self) {
        let now = Instant::now();
        self.commands.drop_old(now);
        let roster = self.cameras.borrow().clone();
        let counts = self.rooms.keep_in_step(&roster, &mut self.shelf, now);
        if self.settings.dialects.frigate {
            for (camera, people) in counts {
                self.commands.add(frigate::person_topic(&camera), people.to_string(), now);
            }
        }
        self.people.keep_in_step(&mut self.shelf);
        if self.line.as_ref().is_some_and(Line::is_dead) {
            self.lose(Loss::Away("it does not answer".to_owned()));
        }
        if self.line.is_none() && self.call_at <= now {
            self.line = Some(Line::open(&self.caller));
        }
    }

    /// Fills the line as far as there is room.
    fn say_what_there_is(&mut self) {
        let Some(line) = self.line.as_mut().filter(|_| self.is_open) else { return };
        while line.has_room() {
            if let Some(command) = self.commands.next(Instant::now()) {
                line.say(&command.topic, command.payload, false, Sent::Command);
            } else if let Some((topic, payload)) = self.shelf.next() {
                line.say(&topic, payload, true, Sent::Standing(topic.clone()));
            } else if let Some(record) = self.records.get(self.records_sent) {
                line.say(&record.topic, record.payload.clone(), false, Sent::Record(record.seq));
                self.records_sent += 1;
            } else {
                return;
            }
        }
    }

    fn hear(&mut self, happening: LineNews<Sent>) {
        match happening {
            LineNews::Open => self.open(),
            LineNews::Delivered(Sent::Command) => {}
            LineNews::Delivered(Sent::Standing(topic)) => self.shelf.delivered(&topic),
            LineNews::Delivered(Sent::Record(seq)) => self.delivered(seq),
            LineNews::Said(said) => self.hear_broker(&said),
            LineNews::Lost(loss) => self.lose(loss),
        }
    }

    /// With all before it: a broker acknowledges in the order in which it was told (MQTT 3.1.1, 4.6).
    fn delivered(&mut self, seq: i64) {
        while self.records.front().is_some_and(|record| record.seq <= seq) {
            self.records.pop_front();
            self.records_sent = self.records_sent.saturating_sub(1);
        }
        self.published.delivered.send_replace(seq);
    }

    fn open(&mut self) {
        self.is_open = true;
        self.patience.opened();
        let broker = &self.caller.broker;
        match (self.told_loss.take(), self.was_open) {
            (Some(_), true) => tracing::info!("MQTT: the broker at {broker} is back"),
            _ => tracing::info!("MQTT: connected to the broker at {broker}"),
        }
        self.was_open = true;
        // The broker may have been started anew, and know nothing.
        self.shelf.say_all_again();
        if let Some(line) = &self.line {
            let ours =
                [self.topics.node_status(), self.topics.any_camera("attributes"), self.topics.any_person("camera")];
            let discovery = [self.topics.home_assistant(), self.topics.any_discovered_sensor()];
            line.listen(ours.into_iter().chain(discovery.into_iter().flatten()));
        }
    }

    fn lose(&mut self, loss: Loss) {
        self.line = None;
        self.is_open = false;
        self.records_sent = 0;
        self.call_at = Instant::now() + self.patience.lost();
        let Caller { broker, client, .. } = &self.caller;
        if self.patience.is_odd() {
            tracing::warn!(
                "MQTT: the broker at {broker} ends each connection at once: is there another client called {client}? Each \
                 vultus of one kind needs a NODE_NAME of its own"
            );
        }
        let is_same = |told: &Loss| std::mem::discriminant(told) == std::mem::discriminant(&loss);
        if self.told_loss.as_ref().is_some_and(is_same) {
            return;
        }
        match &loss {
            Loss::Refused(why) => tracing::error!("MQTT: the broker at {broker} refuses us: {why}; trying again"),
            Loss::Away(why) => tracing::warn!("MQTT: the broker at {broker} is away ({why}); trying again"),
        }
        self.told_loss = Some(loss);
    }

    fn hear_broker(&mut self, said: &Said) {
        let Said { topic, payload, retained } = said;
        let is = |other: Option<String>| other.as_ref() == Some(topic);
        if is(self.topics.home_assistant()) {
            if payload == "online" {
                let topics = self.topics.clone();
                self.shelf.say_again(|topic| topics.is_discovery(topic));
            }
        } else if is(Some(self.topics.node_status())) {
            // The last will of an earlier connection of ours, said late.
            if payload != "online" {
                let ours = self.topics.node_status();
                self.shelf.say_again(|topic| topic == ours);
            }
        } else if let Some(id) = self.topics.person_of(topic).or_else(|| self.topics.discovered_person(topic)) {
            if *retained && !payload.is_empty() {
                self.people.find(id);
            }
        } else {
            self.rooms.hear(payload, *retained, Instant::now());
        }
    }

    /// Says good-bye.
    async fn end(&mut self) {
        self.rooms.end(&mut self.shelf);
        self.shelf.put(self.topics.node_status(), "offline");
        self.records.clear();
        self.records_sent = 0;
        if !self.is_open {
            return;
        }
        loop {
            self.say_what_there_is();
            match &mut self.line {
                Some(line) if !line.is_idle() => match line.next().await {
                    LineNews::Delivered(Sent::Record(seq)) => self.delivered(seq),
                    LineNews::Lost(_) => return,
                    _ => {}
                },
                _ => break,
            }
        }
        if let Some(line) = self.line.take() {
            line.close().await;
        }
    }
}

/// What happens next on a line, if there is one.
async fn next_of(line: &mut Option<Line<Sent>>) -> LineNews<Sent> {
    match line {
        Some(line) => line.next().await,
        None => std::future::pending().await,
    }
}
