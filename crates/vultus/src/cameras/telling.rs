use events::{History, Message, Outlet, PassageNews};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinHandle;

/// Tells those who listen of each passage of this process's cameras as it comes about: a task that runs until
/// [`Telling::end`].
pub struct Telling {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Telling {
    /// Begins with what comes from now on.
    pub fn start(history: &History, outlets: Vec<Outlet>) -> Self {
        let (stop, stopped) = oneshot::channel();
        Self { stop, task: tokio::spawn(tell_all(history.subscribe(), outlets, stopped)) }
    }

    /// Tells the last, and ends.
    pub async fn end(self) {
        // Errors say that it has ended already; a panic of it has been reported where it happened.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

async fn tell_all(
    mut news: broadcast::Receiver<PassageNews>,
    outlets: Vec<Outlet>,
    mut stopped: oneshot::Receiver<()>,
) {
    loop {
        tokio::select! {
            told = news.recv() => match told {
                Ok(told) => tell(&told, &outlets),
                Err(RecvError::Lagged(lost)) => tracing::warn!(lost, "passages came faster than they could be told"),
                Err(RecvError::Closed) => return,
            },
            _ = &mut stopped => break,
        }
    }
    while let Ok(told) = news.try_recv() {
        tell(&told, &outlets);
    }
}

fn tell(news: &PassageNews, outlets: &[Outlet]) {
    match Message::passage(news) {
        Ok(message) => outlets.iter().for_each(|outlet| outlet.send(&message)),
        Err(error) => tracing::error!(camera = news.event.camera(), %error, "a passage could not be told"),
    }
}
