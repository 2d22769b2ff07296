//! Cargo's tools that a fresh machine lacks: built once, in one version, under the target folder.

use std::path::PathBuf;

use crate::process;

/// A package of crates.io with a binary of its name.
pub(crate) struct Tool {
    pub name: &'static str,
    pub version: &'static str,
}

impl Tool {
    pub(crate) fn is_built(&self) -> bool {
        self.program().exists()
    }

    fn root(&self) -> PathBuf {
        process::root().join("target/tools").join(format!("{}-{}", self.name, self.version))
    }

    fn program(&self) -> PathBuf {
        self.root().join("bin").join(self.name).with_extension(std::env::consts::EXE_EXTENSION)
    }

    /// The program's path; it is built first if it is not there.
    pub(crate) fn ready(&self) -> Result<PathBuf, String> {
        let (root, program) = (self.root(), self.program());
        if !program.exists() {
            println!("building {} {}, once", self.name, self.version);
            let mut install = process::cargo();
            install.args(["install", "--quiet", "--locked", "--version", self.version, "--root"]).arg(&root);
            process::status(install.arg(self.name))?;
        }
        Ok(program)
    }
}
