//! The store: whether it is sound, ours alone, and has room.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::Looked;
use crate::cli::places::Places;
use crate::model::unit::show_bytes;
use crate::store::Store;

/// Less room than this is too little for a year of runs.
const ROOM_BYTES: f64 = 1e9;

/// Looks at the store where the command line says it is.
pub(super) async fn store(places: &Places) -> Vec<Looked> {
    let path = places.store();
    let folder = path.ancestors().skip(1).find(|folder| folder.is_dir() || folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut looked = vec![room(folder)];
    if !path.exists() {
        let is_closed = rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_err();
        if is_closed {
            let what = format!("there is no store, and {} cannot be written to", folder.display());
            looked.push(Looked::bad(what, "name another place with --store FILE, or run as the account that owns it"));
        } else {
            let what = format!("there is no store {} yet", path.display());
            looked.push(Looked::doubtful(what, "the first `rounds run` makes it"));
        }
        return looked;
    }
    looked.extend(permissions(&path));
    match Store::open(&path).await {
        Ok(store) => {
            looked.push(sound(&store).await);
            store.close().await;
        }
        Err(error) => {
            looked.push(Looked::bad(format!("the store {}: {error}", path.display()), "restore it from a backup, or name another"));
        }
    }
    looked
}

async fn sound(store: &Store) -> Looked {
    let path = store.path().display();
    match store.check().await {
        Ok(health) if health.faults.is_empty() => {
            #[expect(clippy::cast_precision_loss, reason = "sizes of files are below 2^52 bytes")]
            let size = show_bytes(health.size_bytes as f64);
            Looked::well(format!("the store {path} is sound: {} runs, {} items, {size}", health.runs, health.items))
        }
        Ok(health) => Looked::bad(format!("the store {path}: {}", health.faults.join("; ")), "restore it from a backup"),
        Err(error) => Looked::bad(format!("the store {path} cannot be looked through: {error}"), "restore it from a backup"),
    }
}

/// Before it is opened: opening takes the file from group and others.
fn permissions(path: &Path) -> Vec<Looked> {
    let mut looked = Vec::new();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for (place, others, cure) in [(path, 0o077, "chmod 600"), (folder, 0o002, "chmod o-w")] {
        match std::fs::metadata(place) {
            Ok(metadata) if metadata.permissions().mode() & others == 0 || metadata.permissions().mode() & 0o1000 != 0 => {}
            Ok(_) => looked.push(Looked::bad(format!("others have rights to {}", place.display()), format!("{cure} {}", place.display()))),
            Err(error) => looked.push(Looked::bad(format!("{}: {error}", place.display()), "run as the account that owns it")),
        }
    }
    if looked.is_empty() {
        looked.push(Looked::well("nobody else has rights to the store"));
    }
    looked
}

fn room(folder: &Path) -> Looked {
    match rustix::fs::statvfs(folder) {
        Ok(disk) => {
            #[expect(clippy::cast_precision_loss, reason = "disks are below 2^52 bytes")]
            let free = disk.f_bavail as f64 * disk.f_frsize as f64;
            let what = format!("{} are free where the store is", show_bytes(free));
            if free < ROOM_BYTES { Looked::doubtful(what, "make room, or `rounds prune`") } else { Looked::well(what) }
        }
        Err(error) => Looked::bad(format!("cannot tell how much room {} has: {error}", folder.display()), "look at the mount"),
    }
}
