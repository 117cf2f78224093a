//! A runtime for what serves a test. The test's own may stand still: its time is paused, or its one
//! thread is busy.

use std::net::SocketAddr;

use axum::Router;
use tokio::{
    net::TcpListener,
    runtime::{Builder, Handle, Runtime},
};

/// Ends with all that runs on it when dropped, also where another runtime runs.
#[derive(Debug)]
pub(crate) struct OwnRuntime(Option<Runtime>, Handle);

impl OwnRuntime {
    #[expect(clippy::expect_used, reason = "it is for tests")]
    pub(crate) fn start() -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("threads for a server");
        let handle = runtime.handle().clone();
        Self(Some(runtime), handle)
    }

    /// Runs this here to its end, whichever runtime asks for it.
    #[expect(clippy::expect_used, reason = "it is for tests")]
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        self.1.spawn(work).await.expect("a server that goes on")
    }

    /// Serves this on a free port of the loopback address, from now on.
    #[expect(clippy::expect_used, reason = "it is for tests")]
    pub(crate) async fn serve(&self, router: Router) -> SocketAddr {
        let bind = TcpListener::bind("127.0.0.1:0");
        let listener = self.run(bind).await.expect("a free port");
        let address = listener.local_addr().expect("the port that is bound");
        self.1.spawn(async move {
            // It ends with the runtime.
            let _ended = axum::serve(listener, router).await;
        });
        address
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
