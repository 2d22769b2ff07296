//! Files of this machine: opened without waiting for anybody, and judged by who else can change or read them.
//!
//! What is judged is the file that was opened: nobody can put another in its place between the look and the
//! reading.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    path::Path,
};

use zeroize::Zeroizing;

use crate::{FileError, error::Problem};

pub use system::open_folder;
pub(crate) use system::refuse_readable;

/// Settings, a key and a passphrase are far shorter.
const LONGEST_KIB: usize = 64;

/// What Windows' editors put before UTF-8.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What a file holds, and who can do something with it.
pub struct Content {
    /// Wiped on drop.
    pub bytes: Zeroizing<Vec<u8>>,
    pub(crate) about: Metadata,
}

/// Reads a small file by the rules for settings, through symbolic links.
///
/// # Errors
/// When it is not there, no regular file of at most 64 KiB, or others than this user and root can change or
/// replace it. The sentence has "it" for its subject.
pub fn read(path: &Path) -> Result<Content, FileError> {
    read_small(path).map_err(|problem| problem.at("it"))
}

/// Opens a regular file for reading, through symbolic links and whoever owns it. A FIFO is not waited for.
///
/// # Errors
/// When it is not there, or no regular file. The sentence has "it" for its subject.
pub fn open_regular(path: &Path) -> Result<File, FileError> {
    open(path).map(|(file, _)| file).map_err(|problem| problem.at("it"))
}

impl Content {
    /// Whether users other than its owner may read it. `false` where the platform has no such modes.
    pub fn is_open_to_others(&self) -> bool {
        system::is_open_to_others(&self.about)
    }
}

/// Opens a file that this program has made, for reading.
///
/// # Errors
/// The system's, or in words: when it is a symbolic link, no regular file, has a second name, or is not this
/// user's alone.
pub fn open_own(path: &Path) -> io::Result<File> {
    own(system::open(path, Way::Own)?)
}

/// The same where it holds secrets: nobody else may read it either.
///
/// # Errors
/// As [`open_own`], and when other users can read it.
pub fn open_own_secret(path: &Path) -> io::Result<File> {
    let file = open_own(path)?;
    refuse_readable(&file.metadata()?).map_err(in_words)?;
    Ok(file)
}

/// Opens such a file for reading and writing; makes the file if there is none, and changes nothing in one
/// that is there.
///
/// # Errors
/// As [`open_own`].
pub fn create_own(path: &Path) -> io::Result<File> {
    own(system::open(path, Way::Create)?)
}

/// Makes a folder, and what is missing above it, for its owner alone. One that is there stays as it is.
///
/// # Errors
/// The system's.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

enum Way {
    Read,
    /// No link.
    Own,
    /// No link, and it need not be there yet.
    Create,
}

fn own(file: File) -> io::Result<File> {
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    if system::names(&about) > 1 {
        return Err(io::Error::other("it has a second name (a hard link)"));
    }
    system::refuse_strangers(&about).map_err(in_words)?;
    Ok(file)
}

fn in_words(problem: Problem) -> io::Error {
    io::Error::other(problem.at("it").message().to_owned())
}

pub(crate) fn read_small(path: &Path) -> Result<Content, Problem> {
    read_at_most(LONGEST_KIB, path)
}

/// A file that others than this user and root can change decides nothing here.
pub(crate) fn read_at_most(kib: usize, path: &Path) -> Result<Content, Problem> {
    let longest = kib * 1024;
    let (file, about) = open(path)?;
    system::refuse_strangers(&about)?;
    if let Some(folder) = open_folder(path) {
        return Err(Problem::new(
            format!("can be replaced by every user of this machine, in {}", folder.display()),
            "`chmod o-w` that folder, or move the file",
        ));
    }
    // Room for everything at once: a buffer that grows leaves copies behind. And no more: all of it is wiped
    // in the end.
    let room = usize::try_from(about.len()).unwrap_or(longest).min(longest) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(longest as u64 + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() > longest {
        return Err(Problem::new(
            format!("is larger than {kib} KiB"),
            "check the path: this cannot be the right file",
        ));
    }
    Ok(Content { bytes, about })
}

/// A file of secrets, which nobody else may read either. What should be changed about it is added to
/// `warnings`, with `name` for the file.
pub(crate) fn read_secret(path: &Path, name: &str, warnings: &mut Vec<String>) -> Result<Content, Problem> {
    let content = read_small(path)?;
    if let Some(problem) = refuse_readable(&content.about)? {
        warnings.push(problem.at(name).to_string());
    }
    Ok(content)
}

/// Opens a file for reading, through links. What is no regular file is refused, and waited for in no case.
fn open(path: &Path) -> Result<(File, Metadata), Problem> {
    let opened = system::open(path, Way::Read).and_then(|file| Ok((file.metadata()?, file)));
    let about = match &opened {
        Ok((about, _)) => Some(about.clone()),
        // Some of what is no file cannot even be opened.
        Err(_) => fs::metadata(path).ok(),
    };
    match about {
        Some(about) if about.is_dir() => return Err(Problem::new("is a folder", "give the path of a file")),
        Some(about) if !about.is_file() => {
            return Err(Problem::new("is not a regular file", "copy its content into a file"));
        }
        _ => {}
    }
    let (about, file) = opened.map_err(|error| unreadable(&error))?;
    Ok((file, about))
}

fn unreadable(error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            Problem::new("does not exist", "check the path")
        }
        io::ErrorKind::PermissionDenied => {
            Problem::new("may not be read by this user", "change its permissions or its owner")
        }
        // The standard library has no name for many: the system's words are better than none.
        _ => Problem::new(
            format!("cannot be read ({error})"),
            "mend what the system says there, and try again",
        ),
    }
}

#[cfg(unix)]
mod system {
    use std::{
        collections::VecDeque,
        ffi::OsString,
        fs::{self, File, Metadata},
        io,
        os::unix::fs::MetadataExt,
        path::{Component, Path, PathBuf},
    };

    use rustix::{
        fs::{Mode, OFlags},
        io::Errno,
        process::geteuid,
    };

    use super::Way;
    use crate::error::Problem;

    const ROOT: u32 = 0;
    /// So many links the system follows itself.
    const MOST_LINKS: usize = 40;

    /// A FIFO would wait for a writer, but not without blocking.
    pub(super) fn open(path: &Path, way: Way) -> io::Result<File> {
        let how = match way {
            Way::Read => OFlags::RDONLY,
            Way::Own => OFlags::RDONLY | OFlags::NOFOLLOW,
            Way::Create => OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW,
        };
        let flags = how | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        match rustix::fs::open(path, flags, Mode::from_raw_mode(0o600)) {
            Ok(file) => Ok(file.into()),
            Err(Errno::LOOP) => Err(io::Error::other("it is a symbolic link")),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn names(about: &Metadata) -> u64 {
        about.nlink()
    }

    pub(super) fn is_open_to_others(about: &Metadata) -> bool {
        about.mode() & 0o077 != 0
    }

    pub(super) fn refuse_strangers(about: &Metadata) -> Result<(), Problem> {
        judge_writers(about.mode(), about.uid(), geteuid().as_raw())
    }

    pub(crate) fn refuse_readable(about: &Metadata) -> Result<Option<Problem>, Problem> {
        judge_readers(about.mode(), about.uid(), geteuid().as_raw())
    }

    /// Nobody but this user and root.
    pub(super) fn judge_writers(mode: u32, owner: u32, user: u32) -> Result<(), Problem> {
        if owner != user && owner != ROOT {
            return Err(Problem::new(
                format!("belongs to another user (uid {owner}), who can change it"),
                "run as that user, make it yours with `chown`, or use a copy of your own",
            ));
        }
        if mode & 0o022 != 0 {
            let what = format!("can be changed by other users (mode {:04o})", mode & 0o7777);
            return Err(Problem::new(what, "`chmod go-w` it"));
        }
        Ok(())
    }

    /// As OpenSSH does it with its keys: this user's own file is for this user alone. What others gave, such
    /// as a mounted secret of root's, this user cannot change: that it can be read by everybody is a warning.
    pub(super) fn judge_readers(mode: u32, owner: u32, user: u32) -> Result<Option<Problem>, Problem> {
        let problem = Problem::new(
            format!("is open to other users of this machine (mode {:04o})", mode & 0o7777),
            "`chmod 600` it; where it is mounted, mount it with mode 0400",
        );
        match owner == user {
            true if mode & 0o077 != 0 => Err(problem),
            false if mode & 0o007 != 0 => Ok(Some(problem)),
            _ => Ok(None),
        }
    }

    /// The first folder on the way to a path, also behind symbolic links, into which every user of this
    /// machine may put files. Folders for everybody in which nobody can replace what others own, such as
    /// `/tmp`, do not count.
    pub fn open_folder(path: &Path) -> Option<PathBuf> {
        // Goes the way that the system goes, from the root and through every link.
        let mut left: VecDeque<OsString> = names_of(&std::path::absolute(path).ok()?).collect();
        let (mut at, mut links) = (PathBuf::from("/"), 0);
        while let Some(name) = left.pop_front() {
            if is_for_everybody(&at) {
                return Some(at);
            }
            if name == ".." {
                at.pop();
                continue;
            }
            let next = at.join(&name);
            match fs::read_link(&next) {
                Ok(target) if links < MOST_LINKS => {
                    links += 1;
                    if target.is_absolute() {
                        at = PathBuf::from("/");
                    }
                    left = names_of(&target).chain(left).collect();
                }
                _ => at = next,
            }
        }
        None
    }

    fn names_of(path: &Path) -> impl Iterator<Item = OsString> {
        path.components()
            .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
            .map(|part| part.as_os_str().to_owned())
    }

    /// What cannot be looked at will not be opened either.
    fn is_for_everybody(folder: &Path) -> bool {
        const STICKY: u32 = 0o1000;
        fs::metadata(folder).is_ok_and(|about| about.mode() & 0o002 != 0 && about.mode() & STICKY == 0)
    }
}

/// Owners and access lists are not looked at.
#[cfg(not(unix))]
mod system {
    use std::{
        fs::{self, File, Metadata, OpenOptions},
        io,
        path::{Path, PathBuf},
    };

    use super::Way;
    use crate::error::Problem;

    pub(super) fn open(path: &Path, way: Way) -> io::Result<File> {
        if !matches!(way, Way::Read) && fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink()) {
            return Err(io::Error::other("it is a symbolic link"));
        }
        match way {
            Way::Read | Way::Own => File::open(path),
            Way::Create => OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path),
        }
    }

    pub(super) fn names(_about: &Metadata) -> u64 {
        1
    }

    pub(super) fn is_open_to_others(_about: &Metadata) -> bool {
        false
    }

    pub(super) fn refuse_strangers(_about: &Metadata) -> Result<(), Problem> {
        Ok(())
    }

    pub(crate) fn refuse_readable(_about: &Metadata) -> Result<Option<Problem>, Problem> {
        Ok(None)
    }

    /// No folder is known to be one into which every user may put files.
    pub fn open_folder(_path: &Path) -> Option<PathBuf> {
        None
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::{
        system::{judge_readers, judge_writers},
        unreadable,
    };

    /// Too many open files (EMFILE), and a network's file that is gone (ESTALE).
    #[test]
    fn what_the_standard_library_has_no_name_for_is_said_by_the_system() {
        for (code, words) in [(24, "Too many open files"), (116, "Stale file handle")] {
            let said = unreadable(&std::io::Error::from_raw_os_error(code)).at("it").to_string();
            assert!(said.contains(words) || cfg!(not(target_os = "linux")), "{said}");
            assert!(!said.contains("uncategorized"), "{said}");
        }
    }

    #[test]
    fn a_file_is_changed_by_its_user_and_by_root_alone() {
        let is_refused = |mode, owner, user| judge_writers(mode, owner, user).is_err();
        assert!(!is_refused(0o644, 1_000, 1_000) && !is_refused(0o444, 0, 1_000));
        for mode in [0o664, 0o646, 0o620, 0o602] {
            assert!(is_refused(mode, 1_000, 1_000) && is_refused(mode, 0, 1_000), "{mode:o}");
        }
        assert!(is_refused(0o600, 65_534, 1_000));
        assert!(is_refused(0o600, 1_000, 0), "root is not led by its users either");
    }

    #[test]
    fn a_key_of_ones_own_is_for_oneself_alone() {
        for mode in [0o644, 0o640, 0o604, 0o440] {
            assert!(judge_readers(mode, 1_000, 1_000).is_err(), "{mode:o}");
        }
        assert_eq!(judge_readers(0o600, 1_000, 1_000), Ok(None));
        assert_eq!(judge_readers(0o440, 0, 1_000), Ok(None), "mounted for a group");
        assert!(matches!(judge_readers(0o444, 0, 1_000), Ok(Some(_))), "mounted for everybody");
    }
}
