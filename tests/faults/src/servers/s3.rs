//! S3, as s3s-fs 0.14 serves its protocol, within this process, on a directory of its own. It checks
//! what moto takes on trust: signatures, and the checksum of each body. It knows no locks, keys of
//! encryption or versions, and no checksums of parts.
//!
//! A key that others have as a folder (`a` beside `a/b`) is a directory to it, which stays when those
//! are gone, and which it takes for an object; here it is none, as with AWS. Both as objects at once
//! are beyond it.
//!
//! It looks whether an object is there and then writes it, where AWS does both at once. So what
//! tests its conditions asks it through a proxy that lets writes in one at a time
//! ([`crate::writes`]).

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use axum::{
    Router,
    error_handling::HandleError,
    extract::{Request, State},
    http::{Method, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use s3s::{HttpError, auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;

use crate::own_runtime::OwnRuntime;

/// A server of its own; it ends when dropped, and all that it keeps with it.
pub struct S3 {
    address: SocketAddr,
    _directory: TempDir,
    _runtime: OwnRuntime,
}

impl S3 {
    /// The one key that it takes,
    pub const ACCESS_KEY: &str = "key";
    /// and its secret.
    pub const SECRET: &str = "secret";

    /// Starts a server without buckets.
    ///
    /// # Panics
    /// Where there is no room for files.
    #[expect(clippy::expect_used, reason = "it is for tests")]
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let files = FileSystem::new(directory.path()).expect("a directory that is there");
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(Self::ACCESS_KEY, Self::SECRET));
        let broken = |_: HttpError| async { StatusCode::INTERNAL_SERVER_ERROR };
        let service = HandleError::new(service.build(), broken);
        let root = directory.path().to_owned();
        let app = Router::new()
            .fallback_service(service)
            .layer(middleware::from_fn_with_state(root, no_folder));
        let runtime = OwnRuntime::start();
        let address = runtime.serve(app).await;
        Self {
            address,
            _directory: directory,
            _runtime: runtime,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Sees to it that a directory is no object.
async fn no_folder(State(root): State<PathBuf>, request: Request, next: Next) -> Response {
    let path = request.uri().path().trim_matches('/');
    let object = root.join(path);
    if path.contains('/') && object.is_dir() {
        match *request.method() {
            Method::GET | Method::HEAD => {
                let no = "<Error><Code>NoSuchKey</Code><Message>a folder</Message></Error>";
                return (StatusCode::NOT_FOUND, no).into_response();
            }
            Method::DELETE => return StatusCode::NO_CONTENT.into_response(),
            _ => remove_what_is_empty(&object),
        }
    }
    next.run(request).await
}

/// Removes a directory, if there is none but empty ones in it.
fn remove_what_is_empty(directory: &Path) {
    let inside = fs::read_dir(directory).into_iter().flatten().flatten();
    for path in inside
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
    {
        remove_what_is_empty(&path);
    }
    // One with something in it stays, as it should.
    let _removed = fs::remove_dir(directory);
}
