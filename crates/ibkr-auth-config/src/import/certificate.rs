//! The certificate of IBKR's own gateway: a Java key store, in which format soever.

use std::path::{Path, PathBuf};

use super::Imported;
use crate::local;

/// The store that comes with the original.
const SHIPPED: &str = "vertx.jks";
const WHY_NOT_SHIPPED: &str = "`sslCert` names the certificate that IBKR ships, which expired in 2019 and is for no name: \
                               one of our own is made instead";

/// Takes it over if it can be read here, and says whether.
pub(super) fn take(written: &str, folder: &Path, imported: &mut Imported) -> bool {
    let is_shipped = Path::new(written).file_name().is_some_and(|name| name == SHIPPED);
    let Some(path) = find(written, folder) else {
        imported.warn(match is_shipped {
            true => WHY_NOT_SHIPPED,
            false => "`sslCert` names a file that is not there: a certificate is made instead",
        });
        return false;
    };
    let place = format!("`sslCert` names {}, which", path.display());
    let content = match local::read_small(&path) {
        Ok(content) => content,
        Err(problem) => {
            imported.warn(problem.at(&place).to_string());
            return false;
        }
    };
    match content.bytes[..] {
        // JKS, which `keytool` made before Java 9, and JCEKS.
        [0xFE, 0xED, 0xFE, 0xED, ..] | [0xCE, 0xCE, 0xCE, 0xCE, ..] => {
            imported.warn(match is_shipped {
                true => WHY_NOT_SHIPPED.to_owned(),
                false => format!(
                    "{place} is a JKS store, and not read here: convert it with `keytool -importkeystore -srckeystore \
                     {written} -destkeystore gateway.p12 -deststoretype PKCS12`, and set gateway_certificate"
                ),
            });
            return false;
        }
        [0x30, ..] => {}
        _ if content.bytes.windows(10).any(|bytes| bytes == b"-----BEGIN") => {}
        _ => {
            imported.warn(format!("{place} is neither PKCS#12 nor PEM: a certificate is made instead"));
            return false;
        }
    }
    if content.is_open_to_others() {
        imported.warn(format!("{place} is open to other users of this machine: `chmod 600` it"));
    }
    imported.certificate = Some(path);
    true
}

/// The original looks in the folder of its file, which is `root`; a copy of the file may stand elsewhere.
fn find(written: &str, folder: &Path) -> Option<PathBuf> {
    [folder.to_owned(), folder.join("..").join("root"), folder.join("root")]
        .into_iter()
        .map(|folder| folder.join(written))
        .find(|path| path.is_file())
}
